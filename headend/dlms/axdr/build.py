"""Constructors that read like the standard: `structure(long_unsigned(3), octet_string(ln))`."""

from headend.dlms.axdr.values import BitString, CompactArray, Data, Tag

_NULL = Data(Tag.NULL_DATA, None)
_DONT_CARE = Data(Tag.DONT_CARE, None)


def null() -> Data:
    """A null-data."""
    return _NULL


def dont_care() -> Data:
    """A dont-care."""
    return _DONT_CARE


def array(*items: Data) -> Data:
    """An array of `items`."""
    return Data(Tag.ARRAY, items)


def structure(*items: Data) -> Data:
    """A structure of `items`."""
    return Data(Tag.STRUCTURE, items)


def compact_array(value: CompactArray) -> Data:
    """A compact-array."""
    return Data(Tag.COMPACT_ARRAY, value)


def boolean(value: bool) -> Data:  # noqa: FBT001 - the value itself, not a switch
    """A boolean."""
    return Data(Tag.BOOLEAN, value)


def bit_string(bits: str) -> Data:
    """A bit-string from a text of `0` and `1`."""
    return Data(Tag.BIT_STRING, BitString.of(bits))


def double_long(value: int) -> Data:
    """A signed integer of 32 bits."""
    return Data(Tag.DOUBLE_LONG, value)


def double_long_unsigned(value: int) -> Data:
    """An unsigned integer of 32 bits."""
    return Data(Tag.DOUBLE_LONG_UNSIGNED, value)


def octet_string(octets: bytes) -> Data:
    """An octet-string."""
    return Data(Tag.OCTET_STRING, octets)


def visible_string(text: str) -> Data:
    """A visible-string; `text` has characters up to U+00FF, one octet each."""
    return Data(Tag.VISIBLE_STRING, text)


def utf8_string(text: str) -> Data:
    """A utf8-string."""
    return Data(Tag.UTF8_STRING, text)


def bcd(value: int) -> Data:
    """A bcd: one octet, -128 to 127."""
    return Data(Tag.BCD, value)


def integer(value: int) -> Data:
    """A signed integer of 8 bits."""
    return Data(Tag.INTEGER, value)


def long(value: int) -> Data:
    """A signed integer of 16 bits."""
    return Data(Tag.LONG, value)


def unsigned(value: int) -> Data:
    """An unsigned integer of 8 bits."""
    return Data(Tag.UNSIGNED, value)


def long_unsigned(value: int) -> Data:
    """An unsigned integer of 16 bits."""
    return Data(Tag.LONG_UNSIGNED, value)


def long64(value: int) -> Data:
    """A signed integer of 64 bits."""
    return Data(Tag.LONG64, value)


def long64_unsigned(value: int) -> Data:
    """An unsigned integer of 64 bits."""
    return Data(Tag.LONG64_UNSIGNED, value)


def enum(value: int) -> Data:
    """An enumeration of one octet."""
    return Data(Tag.ENUM, value)


def float32(value: float) -> Data:
    """A floating point number of 32 bits."""
    return Data(Tag.FLOAT32, value)


def float64(value: float) -> Data:
    """A floating point number of 64 bits."""
    return Data(Tag.FLOAT64, value)


def date_time(octets: bytes) -> Data:
    """A date-time of 12 octets (tag 25; most attributes carry it as an octet-string instead)."""
    return Data(Tag.DATE_TIME, octets)


def date(octets: bytes) -> Data:
    """A date of 5 octets (tag 26)."""
    return Data(Tag.DATE, octets)


def time(octets: bytes) -> Data:
    """A time of 4 octets (tag 27)."""
    return Data(Tag.TIME, octets)


def delta_integer(value: int) -> Data:
    """A signed difference of 8 bits."""
    return Data(Tag.DELTA_INTEGER, value)


def delta_long(value: int) -> Data:
    """A signed difference of 16 bits."""
    return Data(Tag.DELTA_LONG, value)


def delta_double_long(value: int) -> Data:
    """A signed difference of 32 bits."""
    return Data(Tag.DELTA_DOUBLE_LONG, value)


def delta_unsigned(value: int) -> Data:
    """An unsigned difference of 8 bits."""
    return Data(Tag.DELTA_UNSIGNED, value)


def delta_long_unsigned(value: int) -> Data:
    """An unsigned difference of 16 bits."""
    return Data(Tag.DELTA_LONG_UNSIGNED, value)


def delta_double_long_unsigned(value: int) -> Data:
    """An unsigned difference of 32 bits."""
    return Data(Tag.DELTA_DOUBLE_LONG_UNSIGNED, value)
