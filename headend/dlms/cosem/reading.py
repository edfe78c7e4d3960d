"""Taking structured attribute values apart, every surprise a DecodeError."""

from collections.abc import Sequence
from typing import cast

from headend.dlms.axdr import BitString, Data, Tag
from headend.dlms.errors import DecodeError

_INTEGERS = frozenset(
    {
        Tag.INTEGER,
        Tag.LONG,
        Tag.DOUBLE_LONG,
        Tag.LONG64,
        Tag.UNSIGNED,
        Tag.LONG_UNSIGNED,
        Tag.DOUBLE_LONG_UNSIGNED,
        Tag.LONG64_UNSIGNED,
        Tag.ENUM,
        Tag.BCD,
    }
)
_OCTETS = frozenset({Tag.OCTET_STRING, Tag.DATE_TIME, Tag.DATE, Tag.TIME})


def fields(data: Data, count: int, what: str) -> Sequence[Data]:
    """The `count` elements of a structure; DecodeError naming `what` when it is something else."""
    if data.tag is not Tag.STRUCTURE or len(data.value) != count:
        raise DecodeError(f"{what} is a structure of {count}, not {_described(data)}")
    return cast("Sequence[Data]", data.value)


def items(data: Data, what: str) -> Sequence[Data]:
    """The elements of an array or compact array; null-data, as some meters send for none, counts as empty."""
    if data.tag is Tag.NULL_DATA:
        return ()
    if data.tag is Tag.COMPACT_ARRAY:
        return cast("Sequence[Data]", data.value.rows)
    if data.tag is not Tag.ARRAY:
        raise DecodeError(f"{what} is an array, not {_described(data)}")
    return cast("Sequence[Data]", data.value)


def number(data: Data, what: str) -> int:
    """Any integer type: meters differ in the width they use."""
    if data.tag not in _INTEGERS:
        raise DecodeError(f"{what} is an integer, not {_described(data)}")
    return cast("int", data.value)


def octets(data: Data, what: str) -> bytes:
    """The octets of an octet-string or of a date type."""
    if data.tag not in _OCTETS:
        raise DecodeError(f"{what} is an octet-string, not {_described(data)}")
    return cast("bytes", data.value)


def text(data: Data, what: str) -> str:
    """A string of any type; octets that are no UTF-8 are taken as latin-1. It came from a meter: escape it."""
    if data.tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        return cast("str", data.value)
    raw = octets(data, what)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def flag(data: Data, what: str) -> bool:
    """A boolean; some meters send it as an integer."""
    if data.tag is Tag.BOOLEAN:
        return cast("bool", data.value)
    return number(data, what) != 0


def bits(data: Data, what: str) -> BitString:
    """A bit-string."""
    if data.tag is not Tag.BIT_STRING:
        raise DecodeError(f"{what} is a bit-string, not {_described(data)}")
    return cast("BitString", data.value)


def _described(data: Data) -> str:
    size = f" of {len(data.value)}" if data.tag in (Tag.STRUCTURE, Tag.ARRAY) else ""
    return f"{data.tag.label}{size}"
