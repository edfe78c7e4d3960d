"""Reading the parts that APDUs are made of; every read checks that the octets are there."""

from typing import Final

from headend.dlms import axdr
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.errors import DecodeError

#: A longer list of references or results in one APDU is refused: 4,096 take some 15 ms of CPU.
MAX_LIST: Final = 4_096
#: Elements that all Data of one APDU may have together: eight profiles of 40 kB each in one list have 56,448. To look
#: through as many of the dearest takes 30 ms.
MAX_ELEMENTS: Final = 61_440
#: Octets of all access parameters of one APDU: they are decoded at once, and 100 columns have but 1,800.
MAX_SELECTION: Final = 16_384
# Skips the constructor that NamedTuple generates, which only counts its arguments.
_new = tuple.__new__


class Cursor:
    """A place in an APDU that moves forward; DecodeError when the octets end before what they claim."""

    __slots__ = ("_elements", "_selected", "octets", "offset")

    def __init__(self, octets: bytes, offset: int = 0) -> None:
        self.octets = octets
        self.offset = offset
        self._elements = [MAX_ELEMENTS]
        self._selected = 0

    @property
    def left(self) -> int:
        """Number of octets not read yet."""
        return len(self.octets) - self.offset

    def unsigned(self, size: int, what: str) -> int:
        """A big-endian unsigned integer of `size` octets."""
        return int.from_bytes(self.take(size, what), "big")

    def octet(self, what: str) -> int:
        """One octet."""
        offset = self.offset
        if offset >= len(self.octets):
            raise DecodeError(f"{what} missing", offset)
        self.offset = offset + 1
        return self.octets[offset]

    def peek(self) -> int | None:
        """The next octet without moving, None at the end."""
        return self.octets[self.offset] if self.offset < len(self.octets) else None

    def take(self, size: int, what: str) -> bytes:
        """The next `size` octets."""
        end = self.offset + size
        if end > len(self.octets):
            raise DecodeError(f"{what} needs {size} octets, {self.left} are left", self.offset)
        taken = self.octets[self.offset : end]
        self.offset = end
        return taken

    def flag(self, what: str) -> bool:
        """A presence flag or boolean; any non-zero octet is true (A-XDR, IEC 61334-6)."""
        return self.octet(what) != 0

    def presence(self, what: str) -> bool:
        """The flag in front of an optional part: 00 or 01 only."""
        octet = self.octet(f"flag of the optional {what}")
        if octet > 1:
            raise DecodeError(f"flag of the optional {what} is {octet:02x}, not 00 or 01", self.offset - 1)
        return octet == 1

    def octet_string(self, what: str) -> bytes:
        """A length and that many octets."""
        length, self.offset = axdr.decode_length(self.octets, self.offset)
        return self.take(length, what)

    def count(self, what: str, *, least: int) -> int:
        """The number of items of a list whose items take at least `least` octets each."""
        start = self.offset
        count, self.offset = axdr.decode_length(self.octets, start)
        if count > MAX_LIST or count * least > self.left:
            raise DecodeError(f"{count} {what} announced, {self.left} octets are left", start)
        return count

    def data(self) -> EncodedData:
        """One A-XDR Data, its octets checked but no values built."""
        start = self.offset
        self.offset = end = axdr.skip(self.octets, start, self._elements)
        return _new(EncodedData, (self.octets[start:end],))

    def data_list(self) -> tuple[EncodedData, ...]:
        """A list of Data."""
        return tuple(self.data() for _ in range(self.count("values", least=1)))

    def attribute(self) -> CosemAttribute:
        """A COSEM attribute descriptor: class, logical name, attribute (signed)."""
        octets = self.take(9, "attribute descriptor")
        index = octets[8]
        return CosemAttribute(octets[0] << 8 | octets[1], octets[2:8], index if index < 128 else index - 256)

    def method(self) -> CosemMethod:
        """A COSEM method descriptor: class, logical name, method (signed)."""
        octets = self.take(9, "method descriptor")
        index = octets[8]
        return CosemMethod(octets[0] << 8 | octets[1], octets[2:8], index if index < 128 else index - 256)

    def access(self) -> SelectiveAccess | None:
        """The optional access selection after an attribute descriptor."""
        if not self.presence("access selection"):
            return None
        return self.selection()

    def selection(self) -> SelectiveAccess:
        """An access selector and its parameters."""
        selector = self.octet("access selector")
        start = self.offset
        parameters = self.data()
        self._selected += len(parameters.octets)
        if self._selected > MAX_SELECTION:
            raise DecodeError(f"more than {MAX_SELECTION} octets of access parameters", start)
        return SelectiveAccess(selector, parameters.decode())

    def attribute_with_access(self) -> tuple[CosemAttribute, SelectiveAccess | None]:
        """An attribute descriptor and its optional access selection."""
        return self.attribute(), self.access()

    def attributes(self) -> tuple[tuple[CosemAttribute, SelectiveAccess | None], ...]:
        """A list of attribute descriptors with access selections."""
        return tuple(self.attribute_with_access() for _ in range(self.count("attribute descriptors", least=10)))

    def methods(self) -> tuple[CosemMethod, ...]:
        """A list of method descriptors."""
        return tuple(self.method() for _ in range(self.count("method descriptors", least=9)))

    def end(self) -> None:
        """Nothing may follow."""
        if self.left:
            raise DecodeError(f"{self.left} octets follow the end of the APDU", self.offset)
