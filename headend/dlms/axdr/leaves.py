"""Readers of the simple types, and the checks that every reader shares."""

import struct
from collections.abc import Callable
from typing import Any

from headend.dlms.axdr.lengths import decode_length
from headend.dlms.axdr.types import FORMATS
from headend.dlms.axdr.values import MAX_ELEMENTS, MAX_MEMORY, MAX_OCTETS, BitString, Data, Tag
from headend.dlms.errors import DecodeError

#: What any data may have, however short.
_FEW_ELEMENTS = 1024

_NULL = Data(Tag.NULL_DATA, None)
_DONT_CARE = Data(Tag.DONT_CARE, None)

#: Reads the content at an offset: the Data and the offset after it.
Leaf = Callable[[bytes, int], tuple[Data, int]]
Unpack = Callable[[bytes, int], tuple[Any, ...]]


def open_budget(octets: bytes, offset: int, most: int = MAX_ELEMENTS) -> list[int]:
    """What one Data may have, to be spent by its readers: elements, octets of memory. DecodeError where it is too long.

    Only null-data in rows of a compact array has no octet of its own: eight elements an octet leave room for them, and
    keep the cost in proportion to what was sent.
    """
    size = len(octets) - offset
    if size > MAX_OCTETS:
        raise DecodeError(f"more than {MAX_OCTETS} octets of data", offset)
    return [min(most, _FEW_ELEMENTS + 8 * size), MAX_MEMORY]


def spend(budget: list[int], elements: int, offset: int) -> None:
    """Take `elements` from the budget of one Data; DecodeError when it is used up."""
    budget[0] -= elements
    if budget[0] < 0:
        raise DecodeError("more elements than one data may have", offset)


def occupy(budget: list[int], memory: int, offset: int) -> None:
    """Take octets of `memory` from the budget of one Data; DecodeError when it is used up."""
    budget[1] -= memory
    if budget[1] < 0:
        raise too_large(offset)


def too_large(offset: int) -> DecodeError:
    """The error for values that take more memory than allowed."""
    return DecodeError("values of more memory than one data may take: its elements have to be read one by one", offset)


def string_end(octets: bytes, offset: int, *, bits: bool = False) -> tuple[int, int, int]:
    """(length as written, begin, end) of the string content whose length is at `offset`."""
    length, begin = decode_length(octets, offset)
    end = begin + ((length + 7) // 8 if bits else length)
    if end > len(octets):
        raise DecodeError(f"{length} {'bits' if bits else 'octets'} claimed, {len(octets) - begin} octets left", offset)
    return length, begin, end


def _null(_octets: bytes, offset: int) -> tuple[Data, int]:
    return _NULL, offset


def _dont_care(_octets: bytes, offset: int) -> tuple[Data, int]:
    return _DONT_CARE, offset


def _octet_string(octets: bytes, offset: int) -> tuple[Data, int]:
    _, begin, end = string_end(octets, offset)
    return Data(Tag.OCTET_STRING, octets[begin:end]), end


def _visible_string(octets: bytes, offset: int) -> tuple[Data, int]:
    _, begin, end = string_end(octets, offset)
    return Data(Tag.VISIBLE_STRING, octets[begin:end].decode("latin-1")), end


def _utf8_string(octets: bytes, offset: int) -> tuple[Data, int]:
    _, begin, end = string_end(octets, offset)
    return Data(Tag.UTF8_STRING, octets[begin:end].decode("utf-8", "surrogateescape")), end


def _bit_string(octets: bytes, offset: int) -> tuple[Data, int]:
    length, begin, end = string_end(octets, offset, bits=True)
    return Data(Tag.BIT_STRING, BitString(length, octets[begin:end])), end


def _fixed(tag: Tag, code: str) -> Leaf:
    layout = struct.Struct(">" + code)
    unpack_from, size = layout.unpack_from, layout.size
    # Skips the constructor that NamedTuple generates, which only counts its arguments.
    new = tuple.__new__

    def read(octets: bytes, offset: int) -> tuple[Data, int]:
        try:
            return new(Data, (tag, unpack_from(octets, offset)[0])), offset + size
        except struct.error:
            raise DecodeError(f"ends inside a {tag.label}", offset) from None

    return read


def _leaves() -> list[Leaf | None]:
    table: list[Leaf | None] = [None] * 256
    for tag, code in FORMATS.items():
        table[tag] = _fixed(tag, code)
    table[Tag.NULL_DATA] = _null
    table[Tag.DONT_CARE] = _dont_care
    table[Tag.OCTET_STRING] = _octet_string
    table[Tag.VISIBLE_STRING] = _visible_string
    table[Tag.UTF8_STRING] = _utf8_string
    table[Tag.BIT_STRING] = _bit_string
    return table


def _fixed_types() -> list[tuple[Tag, Unpack, int, int] | None]:
    table: list[tuple[Tag, Unpack, int, int] | None] = [None] * 256
    for tag, code in FORMATS.items():
        layout = struct.Struct(">" + code)
        table[tag] = (tag, layout.unpack_from, 1 + layout.size, MEMORY[tag][0])
    return table


def _one_octet() -> list[tuple[Data, ...] | None]:
    # Every value of the one-octet types is made once: faster, and an array of them costs a pointer an element.
    table: list[tuple[Data, ...] | None] = [None] * 256
    for tag, code in FORMATS.items():
        if struct.calcsize(code) == 1:
            table[tag] = tuple(Data(tag, struct.unpack(code, bytes((octet,)))[0]) for octet in range(256))
    return table


#: Memory of an array or structure without its elements, and of its place for each, in CPython 3.11: measured.
CONTAINER_MEMORY = 120
ELEMENT_MEMORY = 8


def _memory() -> list[tuple[int, int]]:
    # Upper bounds in octets. A utf8-string takes four an octet if one letter needs them, and half of that once more
    # while it is decoded.
    table = [(0, 0)] * 256
    for tag, code in FORMATS.items():
        if struct.calcsize(code) > 1:
            table[tag] = (112 if code.endswith("s") else 100, 0)
    table[Tag.OCTET_STRING] = (100, 1)
    table[Tag.VISIBLE_STRING] = (140, 1)
    table[Tag.UTF8_STRING] = (140, 6)
    table[Tag.BIT_STRING] = (200, 1)
    return table


#: Octets of memory by tag of a simple type: for one value, and for each octet that it was sent in. Values of one
#: octet are there already.
MEMORY = _memory()
#: Reader of the content of every type that holds no other Data, by tag.
LEAVES = _leaves()
#: (type, its struct's reader, octets with the tag, memory) of every type of fixed size, by tag.
FIXED = _fixed_types()
#: The 256 values of every type of one octet, by tag.
ONE_OCTET = _one_octet()
