"""Octets to values. Whatever the octets are, the outcome is a value or a DecodeError.

Three rules keep hostile input harmless: a count is believed only if that many octets are there (an element has at
least its tag), containers nest at most 16 deep, and a budget of elements and memory is shared by all levels of one
Data.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from headend.dlms.axdr.compact import decode_compact
from headend.dlms.axdr.leaves import (
    CONTAINER_MEMORY,
    ELEMENT_MEMORY,
    FIXED,
    LEAVES,
    MEMORY,
    ONE_OCTET,
    occupy,
    open_budget,
    spend,
    too_large,
)
from headend.dlms.axdr.lengths import decode_length
from headend.dlms.axdr.values import MAX_DEPTH, MAX_ELEMENTS, MAX_MEMORY, Data, Tag
from headend.dlms.errors import DecodeError

_CONTAINERS = {int(Tag.ARRAY): Tag.ARRAY, int(Tag.STRUCTURE): Tag.STRUCTURE}
_COMPACT_ARRAY = int(Tag.COMPACT_ARRAY)
# Skips the constructor that NamedTuple generates, which only counts its arguments.
_new = tuple.__new__


class EncodedData(NamedTuple):
    """One Data still encoded: what a service carries, decoded when somebody asks."""

    octets: bytes

    def decode(self) -> Data:
        """The value; DecodeError as `decode`."""
        return decode(self.octets)


def decode(octets: bytes | bytearray | memoryview, *, strict: bool = True) -> Data:
    """The one Data that `octets` hold; DecodeError if they hold anything else.

    Octets after it are an error unless `strict` is off: some meters pad their answers.
    """
    octets = bytes(octets)
    # One number and nothing else, as a register has: a third of the cost, as there is nothing to be shared or bounded.
    fixed = FIXED[octets[0]] if octets else None
    if fixed and len(octets) == fixed[2]:
        return _new(Data, (fixed[0], fixed[1](octets, 1)[0]))
    data, end = decode_at(octets, 0)
    if strict and end != len(octets):
        raise DecodeError(f"{len(octets) - end} octets after the data", end)
    return data


def decode_at(octets: bytes, offset: int) -> tuple[Data, int]:
    """The Data that begins at `offset`, and the offset after it."""
    return _decode(octets, offset, 0, open_budget(octets, offset))


def elements(octets: bytes, *, most: int | None = None) -> Iterator[Data]:
    """The elements of the one array or structure that `octets` hold, one after the other; DecodeError as `decode`.

    With `most` they are not to be held together: each may have the memory of one Data, all of them `most` elements.
    """
    budget = open_budget(octets, 0, most or MAX_ELEMENTS)
    if not octets or octets[0] not in _CONTAINERS:
        raise DecodeError("neither array nor structure where one is expected", 0)
    count, at = _count(octets, 0, 0, budget)
    for _ in range(count):
        if most:
            budget[1] = MAX_MEMORY
        item, at = _decode(octets, at, 1, budget)
        yield item
    if at != len(octets):
        raise DecodeError(f"{len(octets) - at} octets after the data", at)


def _decode(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[Data, int]:
    try:
        tag = octets[offset]
        known = ONE_OCTET[tag]
        if known:
            return known[octets[offset + 1]], offset + 2
    except IndexError:
        raise DecodeError("ends where a type or its value is expected", offset) from None
    leaf = LEAVES[tag]
    if leaf:
        value, end = leaf(octets, offset + 1)
        once, each = MEMORY[tag]
        occupy(budget, once + each * (end - offset), offset)
        return value, end
    if tag in _CONTAINERS:
        count, at = enter(octets, offset, depth, budget)
        items, at = _elements(octets, at, count, depth + 1, budget)
        return _new(Data, (_CONTAINERS[tag], items)), at
    if tag == _COMPACT_ARRAY:
        return decode_compact(octets, offset + 1, depth, budget)
    raise DecodeError(f"no data type has the tag {tag}", offset)


def _elements(octets: bytes, offset: int, count: int, depth: int, budget: list[int]) -> tuple[tuple[Data, ...], int]:
    # The first steps of `_decode` once more: a call less for each simple element is a third of the whole cost.
    items: list[Data] = []
    append = items.append
    room = budget[1]
    for _ in range(count):
        try:
            tag = octets[offset]
            known = ONE_OCTET[tag]
            if known:
                append(known[octets[offset + 1]])
                offset += 2
                continue
            fixed = FIXED[tag]
            if fixed:
                kind, unpack_from, size, memory = fixed
                append(_new(Data, (kind, unpack_from(octets, offset + 1)[0])))
                offset += size
                room -= memory
                if room < 0:
                    raise too_large(offset)
                continue
        except (IndexError, struct.error):
            raise DecodeError("ends where a type or its value is expected", offset) from None
        budget[1] = room
        item, offset = _decode(octets, offset, depth, budget)
        room = budget[1]
        append(item)
    budget[1] = room
    return tuple(items), offset


def enter(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[int, int]:
    """The count of the array or structure whose tag is at `offset`, and where its first element begins."""
    count, at = _count(octets, offset, depth, budget)
    occupy(budget, CONTAINER_MEMORY + ELEMENT_MEMORY * count, offset)
    return count, at


def _count(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[int, int]:
    if depth >= MAX_DEPTH:
        raise DecodeError(f"nested deeper than {MAX_DEPTH}", offset)
    count, at = decode_length(octets, offset + 1)
    if count > len(octets) - at:
        raise DecodeError(f"{count} elements in {len(octets) - at} octets", offset)
    spend(budget, count, offset)
    return count, at
