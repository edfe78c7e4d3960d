"""Compact arrays: one TypeDescription, then the contents of all rows without tags (Green Book 9.5, Blue Book 4.1.5)."""

import struct
from typing import NamedTuple

from headend.dlms.axdr.leaves import (
    CONTAINER_MEMORY,
    ELEMENT_MEMORY,
    LEAVES,
    MEMORY,
    occupy,
    spend,
    string_end,
)
from headend.dlms.axdr.lengths import decode_length
from headend.dlms.axdr.types import EMPTY, FORMATS, STRINGS
from headend.dlms.axdr.values import MAX_DEPTH, CompactArray, Data, Tag, TypeDescription
from headend.dlms.errors import DecodeError, LocalError

#: What a description entry costs, and a compact array beside its entries, in elements of the budget: measured, reading
#: and planning an entry takes four times as long as reading an element.
_ENTRY_COST = 4
_ARRAY_COST = 8
#: Octets of memory that an entry takes, its plan included, and a compact array beside its entries and rows.
_ENTRY_MEMORY = 280
_ARRAY_MEMORY = 320
#: The place of a row, in the list and in the tuple that is made of it.
_ROW_MEMORY = 2 * ELEMENT_MEMORY

_WIDTHS: dict[Tag, int] = {tag: struct.calcsize(">" + code) for tag, code in FORMATS.items()} | dict.fromkeys(EMPTY, 0)


def describe(data: Data) -> TypeDescription:
    """The TypeDescription that `data` fits; LocalError where an array's elements differ or it is empty."""
    if data.tag is Tag.STRUCTURE:
        return TypeDescription(Tag.STRUCTURE, tuple(map(describe, data.value)))
    if data.tag is not Tag.ARRAY:
        return TypeDescription(data.tag)
    shapes = {describe(item) for item in data.value}
    if len(shapes) != 1:
        raise LocalError("an array in a compact array has elements of exactly one shape")
    return TypeDescription(Tag.ARRAY, (shapes.pop(),), len(data.value))


def compact(rows: tuple[Data, ...]) -> CompactArray:
    """The compact array of `rows`, which all have one shape; LocalError otherwise."""
    shapes = {describe(row) for row in rows}
    if len(shapes) != 1:
        raise LocalError("a compact array has rows of exactly one shape")
    return CompactArray(shapes.pop(), rows)


class _Plan(NamedTuple):
    """A TypeDescription with what is asked of it again and again, computed once: it may be as long as the data."""

    tag: Tag
    #: Octets of one row; None where it holds strings and differs from row to row.
    width: int | None
    #: Data values in one row, containers counted too; the same for every row.
    elements: int
    #: Octets of memory that one row takes without the content of its strings, and most for each octet of that.
    memory: int
    swell: int
    number: int
    parts: "tuple[_Plan, ...]"


def _plan(description: TypeDescription) -> _Plan:
    tag, entries, number = description
    if tag not in (Tag.ARRAY, Tag.STRUCTURE):
        return _Plan(tag, _WIDTHS.get(tag), 1, MEMORY[tag][0], MEMORY[tag][1], 0, ())
    times = number if tag is Tag.ARRAY else 1
    parts = tuple(map(_plan, entries))
    widths = [part.width for part in parts]
    fixed = [octets for octets in widths if octets is not None]
    width = times * sum(fixed) if len(fixed) == len(widths) or times == 0 else None
    memory = CONTAINER_MEMORY + times * sum(ELEMENT_MEMORY + part.memory for part in parts)
    swell = max((part.swell for part in parts), default=0)
    return _Plan(tag, width, 1 + times * sum(part.elements for part in parts), memory, swell, number, parts)


def decode_description(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[TypeDescription, int]:
    """The TypeDescription at `offset` and the offset after it."""
    if offset >= len(octets):
        raise DecodeError("ends where a type description is expected", offset)
    tag = octets[offset]
    if tag not in (1, 2):
        if LEAVES[tag] is None:
            raise DecodeError(f"no element of a compact array has the tag {tag}", offset)
        return TypeDescription(Tag(tag)), offset + 1
    if depth > MAX_DEPTH:
        raise DecodeError(f"nested deeper than {MAX_DEPTH}", offset)
    if tag == 1:
        if offset + 3 > len(octets):
            raise DecodeError("ends inside a type description", offset)
        count = int.from_bytes(octets[offset + 1 : offset + 3], "big")
        element, offset = decode_description(octets, offset + 3, depth + 1, budget)
        return TypeDescription(Tag.ARRAY, (element,), count), offset
    count, at = decode_length(octets, offset + 1)
    if count > len(octets) - at:
        raise DecodeError(f"{count} type descriptions in {len(octets) - at} octets", offset)
    spend(budget, count * _ENTRY_COST, offset)
    occupy(budget, count * _ENTRY_MEMORY, offset)
    entries = []
    for _ in range(count):
        entry, at = decode_description(octets, at, depth + 1, budget)
        entries.append(entry)
    return TypeDescription(Tag.STRUCTURE, tuple(entries)), at


def _enter(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[TypeDescription, _Plan, int, int]:
    """(description, its plan, begin and end of the contents) of the compact array after the tag at `offset - 1`.

    Spends the elements of rows of fixed width here, before any is built; rows that vary are spent one by one.
    """
    spend(budget, _ARRAY_COST, offset)
    occupy(budget, _ARRAY_MEMORY, offset)
    description, at = decode_description(octets, offset, depth + 1, budget)
    plan = _plan(description)
    _, begin, end = string_end(octets, at)
    size = end - begin
    if plan.width == 0:
        if size:
            raise DecodeError(f"{size} octets of rows that have none", at)
    elif plan.width is not None:
        if size % plan.width:
            raise DecodeError(f"{size} octets are no whole number of rows of {plan.width}", at)
        spend(budget, size // plan.width * plan.elements, at)
        occupy(budget, size // plan.width * (_ROW_MEMORY + plan.memory), at)
    else:
        occupy(budget, plan.swell * size, at)
    return description, plan, begin, end


def _spend_row(budget: list[int], plan: _Plan, offset: int) -> None:
    spend(budget, plan.elements, offset)
    occupy(budget, _ROW_MEMORY + plan.memory, offset)


def decode_compact(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[Data, int]:
    """The compact array after the tag at `offset - 1`, its rows expanded, and the offset after it."""
    description, plan, at, end = _enter(octets, offset, depth, budget)
    contents = octets[:end]
    rows: list[Data] = []
    while at < end:
        if plan.width is None:
            _spend_row(budget, plan, at)
        row, at = _read(contents, at, plan)
        rows.append(row)
    return Data(Tag.COMPACT_ARRAY, CompactArray(description, tuple(rows))), end


def skip_compact(octets: bytes, offset: int, depth: int, budget: list[int]) -> int:
    """The offset after the compact array after the tag at `offset - 1`, every row checked."""
    _, plan, at, end = _enter(octets, offset, depth, budget)
    if plan.width is not None:
        return end
    contents = octets[:end]
    while at < end:
        _spend_row(budget, plan, at)
        at = _pass(contents, at, plan)
    return end


def _read(octets: bytes, offset: int, plan: _Plan) -> tuple[Data, int]:
    leaf = LEAVES[plan.tag]
    if leaf is not None:
        return leaf(octets, offset)
    items: list[Data] = []
    if plan.tag is Tag.STRUCTURE:
        for part in plan.parts:
            item, offset = _read(octets, offset, part)
            items.append(item)
        return Data(plan.tag, tuple(items)), offset
    (part,) = plan.parts
    if part.width == 0:
        # All are equal and without octets: one is enough, and a number of 65535 costs 65535 pointers.
        return Data(plan.tag, (_read(octets, offset, part)[0],) * plan.number), offset
    for _ in range(plan.number):
        item, offset = _read(octets, offset, part)
        items.append(item)
    return Data(plan.tag, tuple(items)), offset


def _pass(octets: bytes, offset: int, plan: _Plan) -> int:
    if plan.tag in STRINGS:
        return string_end(octets, offset, bits=plan.tag is Tag.BIT_STRING)[2]
    if plan.width is not None:
        if offset + plan.width > len(octets):
            raise DecodeError(f"ends inside a {plan.tag.label}", offset)
        return offset + plan.width
    for _ in range(plan.number if plan.tag is Tag.ARRAY else 1):
        for part in plan.parts:
            offset = _pass(octets, offset, part)
    return offset
