"""A stream on which a meter talks by itself: wrapper PDUs between whatever ports, cut into APDUs."""

from headend.dlms.errors import DecodeError
from headend.dlms.wrapper import HEADER_LENGTH, decode_wrapper_header


class PushStream:
    """Octets in any chunks become APDUs. After a header that is none, a DecodeError, nothing can be trusted."""

    __slots__ = ("_fault", "_held")

    def __init__(self) -> None:
        self._held = bytearray()
        self._fault: DecodeError | None = None

    @property
    def pending(self) -> int:
        """Octets of an unfinished PDU."""
        return len(self._held)

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDUs that `octets` complete; those before a fault are given first, the fault with the next call."""
        if self._fault is not None:
            raise self._fault
        held = self._held
        held += octets
        apdus: list[bytes] = []
        start = 0
        while len(held) - start >= HEADER_LENGTH:
            try:
                _, _, length = decode_wrapper_header(held, start)
            except DecodeError as fault:
                held.clear()
                if not apdus:
                    raise
                self._fault = fault
                return apdus
            end = start + HEADER_LENGTH + length
            if end > len(held):
                break
            apdus.append(bytes(held[start + HEADER_LENGTH : end]))
            start = end
        del held[:start]
        return apdus
