"""A stream of wrapper PDUs cut into whole PDUs, and the framing that takes what was cut."""

from headend.dlms.wrapper import HEADER_LENGTH, decode_wrapper_header, encode_wrapper


class WrapperSplitter:
    """Octets in any chunks become whole wrapper PDUs, header included."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> list[tuple[int, int, bytes]]:
        """(source wPort, destination wPort, PDU) for each complete one; DecodeError on what is no wrapper header."""
        held = self._held + octets if self._held else octets
        pdus: list[tuple[int, int, bytes]] = []
        start = 0
        while len(held) - start >= HEADER_LENGTH:
            source, destination, length = decode_wrapper_header(held, start)
            end = start + HEADER_LENGTH + length
            if end > len(held):
                break
            pdus.append((source, destination, held[start:end]))
            start = end
        self._held = held[start:]
        return pdus


class WholePdus:
    """A server's framing behind a `WrapperSplitter`: each call of `feed` has one whole PDU for this logical device."""

    __slots__ = ("_logical_device", "_output", "peer")

    def __init__(self, logical_device: int) -> None:
        self._logical_device = logical_device
        self._output = b""
        self.peer: int | None = None

    @property
    def connected(self) -> bool:
        """Always true: the wrapper has no link of its own."""
        return True

    @property
    def waiting(self) -> bool:
        """Always false: nothing is repeated."""
        return False

    def connect(self) -> None:
        """Nothing to do for the wrapper."""

    def disconnect(self) -> None:
        """Nothing to do for the wrapper."""

    def timeout(self) -> list[bytes]:
        """Nothing to repeat for the wrapper."""
        return []

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU for `peer`."""
        self._output += encode_wrapper(self._logical_device, self.peer or 0, apdu)

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDU of one whole PDU."""
        self.peer = int.from_bytes(octets[2:4], "big")
        return [octets[HEADER_LENGTH:]]

    def feed_addressed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """As `feed`, with the wPort it came from."""
        self.peer = int.from_bytes(octets[2:4], "big")
        return [(self.peer, octets[HEADER_LENGTH:])]

    def take_output(self) -> bytes:
        """The octets to send now; they are forgotten here."""
        output, self._output = self._output, b""
        return output
