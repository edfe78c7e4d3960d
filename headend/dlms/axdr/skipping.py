"""Where one Data ends, with the checks of the decoder and none of its values."""

import struct

from headend.dlms.axdr.compact import skip_compact
from headend.dlms.axdr.decoding import enter
from headend.dlms.axdr.leaves import (
    CONTAINER_MEMORY,
    ELEMENT_MEMORY,
    MEMORY,
    occupy,
    open_budget,
    string_end,
    too_large,
)
from headend.dlms.axdr.types import EMPTY, FORMATS, STRINGS
from headend.dlms.axdr.values import MAX_DEPTH, MAX_OCTETS, Tag
from headend.dlms.errors import DecodeError


def _sizes() -> list[int | None]:
    table: list[int | None] = [None] * 256
    for tag, code in FORMATS.items():
        table[tag] = struct.calcsize(">" + code)
    for tag in EMPTY:
        table[tag] = 0
    return table


#: Octets after the tag, of the types whose size is fixed.
_SIZES = _sizes()
#: What a Data costs beside its elements, in those: measured, with the value object that it becomes in an APDU.
_DATA_COST = 8
#: More memory than anything here can take.
_UNLIMITED = 1 << 62
_CONTAINERS = frozenset({int(Tag.ARRAY), int(Tag.STRUCTURE)})
_FIXED_MEMORY = [once for once, _ in MEMORY]
#: Strings whose length counts octets.
_STRINGS = frozenset(map(int, STRINGS - {Tag.BIT_STRING}))


def skip(octets: bytes, offset: int, shared: list[int] | None = None) -> int:
    """The offset after the Data that begins at `offset`; DecodeError exactly where `decode_at` raises one.

    `shared` is how many elements all Data of one APDU may still have together; what this one has is taken from it, and
    nothing else limits it: whoever builds its values meets the limit on memory then.
    """
    if shared is None:
        return _skip(octets, offset, 0, open_budget(octets, offset))
    # Of a fixed size, as nearly every result of a list is: it has no elements, so only its end is to be checked.
    size = _SIZES[octets[offset]] if offset < len(octets) <= MAX_OCTETS else None
    if size is not None and offset + size < len(octets):
        shared[0] -= _DATA_COST
        return offset + 1 + size
    budget = open_budget(octets, offset, shared[0] - _DATA_COST)
    allowed, budget[1] = budget[0], _UNLIMITED
    end = _skip(octets, offset, 0, budget)
    shared[0] -= _DATA_COST + allowed - budget[0]
    return end


def _skip(octets: bytes, offset: int, depth: int, budget: list[int]) -> int:
    if offset >= len(octets):
        raise DecodeError("ends where a type or its value is expected", offset)
    tag = octets[offset]
    size = _SIZES[tag]
    if size is not None:
        end = offset + 1 + size
        if end > len(octets):
            raise DecodeError(f"ends inside a {Tag(tag).label}", offset)
        occupy(budget, MEMORY[tag][0], offset)
        return end
    if tag in (1, 2):
        count, offset = enter(octets, offset, depth, budget)
        return _skip_elements(octets, offset, count, depth + 1, budget)
    if tag in STRINGS:
        end = string_end(octets, offset + 1, bits=tag == Tag.BIT_STRING)[2]
        once, each = MEMORY[tag]
        occupy(budget, once + each * (end - offset), offset)
        return end
    if tag == 19:
        return skip_compact(octets, offset + 1, depth, budget)
    raise DecodeError(f"no data type has the tag {tag}", offset)


def _skip_elements(octets: bytes, offset: int, count: int, depth: int, budget: list[int]) -> int:
    # The first steps of `_skip` once more, as in the decoder: most elements have a fixed size or a short length.
    room = budget[1]
    try:
        for _ in range(count):
            tag = octets[offset]
            size = _SIZES[tag]
            if size is not None:
                offset += 1 + size
                room -= _FIXED_MEMORY[tag]
            elif tag in _STRINGS and octets[offset + 1] < 0x80:
                size = octets[offset + 1]
                offset += 2 + size
                once, each = MEMORY[tag]
                room -= once + each * (2 + size)
            elif tag in _CONTAINERS and octets[offset + 1] < 0x80 and depth < MAX_DEPTH:
                size = octets[offset + 1]
                offset += 2
                budget[0] -= size
                if budget[0] < 0 or size > len(octets) - offset:
                    raise DecodeError(f"{size} elements are more than are there or allowed", offset)
                room -= CONTAINER_MEMORY + ELEMENT_MEMORY * size
                if size:
                    budget[1] = room
                    offset = _skip_elements(octets, offset, size, depth + 1, budget)
                    room = budget[1]
            else:
                budget[1] = room
                offset = _skip(octets, offset, depth, budget)
                room = budget[1]
            if room < 0:
                raise too_large(offset)
    except IndexError:
        raise DecodeError("ends where a type or its value is expected", len(octets)) from None
    if offset > len(octets):
        raise DecodeError("ends inside its last value", len(octets))
    budget[1] = room
    return offset
