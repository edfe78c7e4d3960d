"""A stream of wrapper PDUs cut into whole PDUs, each with the logical device that it is for."""

from headend.dlms.wrapper import HEADER_LENGTH, decode_wrapper_header


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
