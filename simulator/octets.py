"""A-XDR octets of single values, one struct call each: a meter answers from these without building trees."""

from collections.abc import Iterable
from struct import Struct

from headend.dlms.axdr.lengths import encode_length
from headend.dlms.axdr.values import Tag

_BYTE = Struct(">BB")
_SIGNED_BYTE = Struct(">Bb")
_SHORT = Struct(">BH")
_SIGNED_SHORT = Struct(">Bh")
_WORD = Struct(">BI")
_SIGNED_WORD = Struct(">Bi")

NULL = bytes((Tag.NULL_DATA,))


def boolean(value: bool) -> bytes:  # noqa: FBT001 - the value itself, not a switch
    """A boolean."""
    return _BYTE.pack(Tag.BOOLEAN, value)


def unsigned(value: int) -> bytes:
    """An unsigned of 8 bits."""
    return _BYTE.pack(Tag.UNSIGNED, value)


def integer(value: int) -> bytes:
    """An integer of 8 bits."""
    return _SIGNED_BYTE.pack(Tag.INTEGER, value)


def enum(value: int) -> bytes:
    """An enumeration."""
    return _BYTE.pack(Tag.ENUM, value)


def long_unsigned(value: int) -> bytes:
    """An unsigned of 16 bits."""
    return _SHORT.pack(Tag.LONG_UNSIGNED, value)


def long(value: int) -> bytes:
    """A signed integer of 16 bits."""
    return _SIGNED_SHORT.pack(Tag.LONG, value)


def double_long_unsigned(value: int) -> bytes:
    """An unsigned of 32 bits."""
    return _WORD.pack(Tag.DOUBLE_LONG_UNSIGNED, value)


def double_long(value: int) -> bytes:
    """A signed integer of 32 bits."""
    return _SIGNED_WORD.pack(Tag.DOUBLE_LONG, value)


def octet_string(value: bytes) -> bytes:
    """An octet-string."""
    return bytes((Tag.OCTET_STRING,)) + encode_length(len(value)) + value


def bit_string(value: bytes) -> bytes:
    """A bit-string of whole octets."""
    return bytes((Tag.BIT_STRING,)) + encode_length(len(value) * 8) + value


def structure(*items: bytes) -> bytes:
    """A structure of values that are encoded already."""
    return bytes((Tag.STRUCTURE,)) + encode_length(len(items)) + b"".join(items)


def array(items: Iterable[bytes]) -> bytes:
    """An array of values that are encoded already."""
    elements = list(items)
    return bytes((Tag.ARRAY,)) + encode_length(len(elements)) + b"".join(elements)


def scaler_unit(scaler: int, unit: int) -> bytes:
    """Attribute 3 of a register (Blue Book 4.3.2)."""
    return structure(integer(scaler), enum(unit))
