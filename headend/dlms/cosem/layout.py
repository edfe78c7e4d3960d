"""How the parts of a structured attribute are laid out, stated once for reading and writing.

A codec reads one Data and writes it back. A value object lists its parts in the standard's order, each with its codec;
`Record` then reads and writes the structure. Integers are read from any integer type, since meters differ in width,
and written in the standard's.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import cache
from typing import Any, Self, get_type_hints

from attrs import frozen

from headend.dlms.axdr import BitString, Data, Tag, array, octet_string, structure
from headend.dlms.cosem import reading
from headend.dlms.cosem.dates import CosemDate, CosemDateTime, CosemTime
from headend.dlms.cosem.obis import Obis
from headend.dlms.errors import DecodeError


@frozen
class Codec:
    """One type: `label` as the standard writes it, `read` takes (data, what it is for) and raises DecodeError."""

    label: str
    read: Callable[[Data, str], Any]
    write: Callable[[Any], Data]


class Record:
    """A structure whose elements are the fields of an attrs class, in their order, each `Annotated` with its codec."""

    @classmethod
    def from_data(cls, data: Data) -> Self:
        """The value in a structure; DecodeError if it is laid out differently."""
        parts = _parts(cls)  # type: ignore[arg-type] # classes are hashable
        elements = reading.fields(data, len(parts), cls.__name__)
        read = (
            codec.read(element, f"{cls.__name__}.{name}")
            for (name, codec), element in zip(parts, elements, strict=True)
        )
        return cls(*read)

    def to_data(self) -> Data:
        """The structure that the standard defines."""
        return structure(*(codec.write(getattr(self, name)) for name, codec in _parts(type(self))))  # type: ignore[arg-type] # the same


@cache
def _parts(kind: type[Record]) -> tuple[tuple[str, Codec], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((name, hint.__metadata__[0]) for name, hint in hints.items())


def _integer(tag: Tag) -> Codec:
    return Codec(tag.label, reading.number, lambda value: Data(tag, value))


i8, i16, i32, i64 = map(_integer, (Tag.INTEGER, Tag.LONG, Tag.DOUBLE_LONG, Tag.LONG64))
u8, u16, u32, u64 = map(_integer, (Tag.UNSIGNED, Tag.LONG_UNSIGNED, Tag.DOUBLE_LONG_UNSIGNED, Tag.LONG64_UNSIGNED))
enum = _integer(Tag.ENUM)
flag = Codec("boolean", reading.flag, lambda value: Data(Tag.BOOLEAN, value))
octets = Codec("octet-string", reading.octets, octet_string)
text = Codec("octet-string", reading.text, lambda value: octet_string(value.encode()))
utf8 = Codec("utf8-string", reading.text, lambda value: Data(Tag.UTF8_STRING, value))
anything = Codec("CHOICE", lambda data, _: data, lambda data: data)
bits = Codec("bit-string", reading.bits, lambda value: Data(Tag.BIT_STRING, value))


def _octets_of(kind: Callable[[bytes], Any]) -> Codec:
    return Codec(
        "octet-string", lambda data, what: kind(reading.octets(data, what)), lambda value: octet_string(value.octets)
    )


obis = _octets_of(Obis)
date_time = _octets_of(CosemDateTime)
date = _octets_of(CosemDate)
time = _octets_of(CosemTime)


def enum_of(kind: type[IntEnum]) -> Codec:
    """An enumeration of which every value is known; DecodeError for another."""

    def read(data: Data, what: str) -> IntEnum:
        value = reading.number(data, what)
        try:
            return kind(value)
        except ValueError:
            raise DecodeError(f"{what} is {value}, which {kind.__name__} does not have") from None

    return Codec("enum", read, lambda value: Data(Tag.ENUM, int(value)))


def array_of(codec: Codec) -> Codec:
    """An array of one type, as a tuple."""

    def read(data: Data, what: str) -> tuple[Any, ...]:
        return tuple(codec.read(item, what) for item in reading.items(data, what))

    return Codec(f"array of {codec.label}", read, lambda values: array(*map(codec.write, values)))


def record(kind: Any) -> Codec:  # noqa: ANN401 - any class with from_data and to_data
    """A structure with a value object of its own."""
    return Codec(kind.__name__, lambda data, _: kind.from_data(data), lambda value: value.to_data())


def bit(value: BitString, index: int) -> bool:
    """Bit `index` of a bit-string, 0 the first; False beyond its end."""
    return index < value.length and bool(value.octets[index // 8] & (0x80 >> index % 8))
