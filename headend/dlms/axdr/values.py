"""The values that A-XDR carries: a tag and what it stands for."""

from enum import IntEnum
from typing import Any, NamedTuple


class Tag(IntEnum):
    """The types of Data (Blue Book 4.1.5, Green Book 9.5)."""

    NULL_DATA = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    DOUBLE_LONG = 5
    DOUBLE_LONG_UNSIGNED = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INTEGER = 15
    LONG = 16
    UNSIGNED = 17
    LONG_UNSIGNED = 18
    COMPACT_ARRAY = 19
    LONG64 = 20
    LONG64_UNSIGNED = 21
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27
    DELTA_INTEGER = 28
    DELTA_LONG = 29
    DELTA_DOUBLE_LONG = 30
    DELTA_UNSIGNED = 31
    DELTA_LONG_UNSIGNED = 32
    DELTA_DOUBLE_LONG_UNSIGNED = 33
    DONT_CARE = 255

    @property
    def label(self) -> str:
        """The type's name as the standard writes it, `double-long-unsigned`."""
        return self.name.lower().replace("_", "-")


#: Containers nested deeper than this are no meter's data (safety rule 12).
MAX_DEPTH = 16
#: Elements in one Data, all levels together: an object list of 800 objects has about as many. The dearest to read,
#: structures of one string, take 0.8 us an element on a quiet core, where 50 ms may be spent.
MAX_ELEMENTS = 24_576
#: Octets of one Data (safety rule 12: 1 MiB an APDU).
MAX_OCTETS = 1_048_576
#: Octets of memory that the values of one Data may take beside its input (safety rule 12: 1 MiB). The rest is for the
#: lists that are open while the last of them is built.
MAX_MEMORY = 900 * 1024


class Data(NamedTuple):
    """One value with its tag.

    `value` is a tuple of Data for array and structure, bytes for octet-string, date, time and date-time, str for the
    two string types, BitString, CompactArray, bool, int or float; None for null-data and don't-care.
    """

    tag: Tag
    value: Any


class BitString(NamedTuple):
    """`length` bits, the first in the most significant bit of the first octet; padding bits are kept as received."""

    length: int
    octets: bytes

    @property
    def bits(self) -> str:
        """The bits as `0` and `1`, first bit first."""
        return "".join(f"{octet:08b}" for octet in self.octets)[: self.length]

    @classmethod
    def of(cls, bits: str) -> "BitString":
        """The bit-string that `bits`, a text of `0` and `1`, stands for."""
        padded = bits.ljust(-(-len(bits) // 8) * 8, "0")
        return cls(len(bits), bytes(int(padded[at : at + 8], 2) for at in range(0, len(padded), 8)))


class TypeDescription(NamedTuple):
    """What every row of a compact array consists of (Green Book 9.5, TypeDescription).

    An array has `number` elements, each of the one type in `elements`; a structure has one element per entry.
    """

    tag: Tag
    elements: "tuple[TypeDescription, ...]" = ()
    number: int = 0


class CompactArray(NamedTuple):
    """Rows of one described type, expanded: each row is the Data that a plain array would carry."""

    description: TypeDescription
    rows: tuple[Data, ...]


def plain(data: Data) -> Any:  # noqa: ANN401 - Data is dynamically typed by its nature
    """The bare Python value: containers and compact arrays become lists, all else is `data.value`."""
    tag, value = data
    if tag in _CONTAINERS:
        return [plain(item) if item[0] in _NESTED else item[1] for item in value]
    if tag == _COMPACT_ARRAY:
        return [plain(row) for row in value.rows]
    return value


_COMPACT_ARRAY = int(Tag.COMPACT_ARRAY)
# What holds other Data, as bare integers: their hash is faster than that of enum members.
_CONTAINERS = frozenset({int(Tag.ARRAY), int(Tag.STRUCTURE)})
_NESTED = _CONTAINERS | {_COMPACT_ARRAY}
