"""Compact arrays: one TypeDescription, then the contents of all rows without tags (Green Book 9.5, Blue Book 4.1.5)."""

import struct

from headend.dlms.axdr.leaves import LEAVES, spend, string_end
from headend.dlms.axdr.lengths import decode_length
from headend.dlms.axdr.types import EMPTY, FORMATS, STRINGS
from headend.dlms.axdr.values import MAX_DEPTH, CompactArray, Data, Tag, TypeDescription
from headend.dlms.errors import DecodeError, LocalError

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


def width(description: TypeDescription) -> int | None:
    """Octets of one row; None where it holds strings and differs from row to row."""
    if description.tag not in (Tag.ARRAY, Tag.STRUCTURE):
        return _WIDTHS.get(description.tag)
    if description.tag is Tag.ARRAY and description.number == 0:
        return 0
    total = 0
    for element in description.elements:
        octets = width(element)
        if octets is None:
            return None
        total += octets
    return total * description.number if description.tag is Tag.ARRAY else total


def elements(description: TypeDescription) -> int:
    """Data values in one row, containers counted too; the same for every row."""
    inner = sum(map(elements, description.elements))
    return 1 + (inner * description.number if description.tag is Tag.ARRAY else inner)


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
    spend(budget, count, offset)
    entries = []
    for _ in range(count):
        entry, at = decode_description(octets, at, depth + 1, budget)
        entries.append(entry)
    return TypeDescription(Tag.STRUCTURE, tuple(entries)), at


def enter_compact(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[TypeDescription, int, int]:
    """(description, begin, end) of the contents of the compact array after the tag at `offset - 1`.

    Spends the elements of rows of fixed width here, before any is built; rows that vary are spent one by one.
    """
    description, at = decode_description(octets, offset, depth + 1, budget)
    _, begin, end = string_end(octets, at)
    row = width(description)
    if row is None:
        return description, begin, end
    size = end - begin
    if row == 0:
        if size:
            raise DecodeError(f"{size} octets of rows that have none", at)
    elif size % row:
        raise DecodeError(f"{size} octets are no whole number of rows of {row}", at)
    else:
        spend(budget, size // row * elements(description), at)
    return description, begin, end


def decode_compact(octets: bytes, offset: int, depth: int, budget: list[int]) -> tuple[Data, int]:
    """The compact array after the tag at `offset - 1`, its rows expanded, and the offset after it."""
    description, at, end = enter_compact(octets, offset, depth, budget)
    contents = octets[:end]
    each = None if width(description) is not None else elements(description)
    rows: list[Data] = []
    while at < end:
        if each is not None:
            spend(budget, each, at)
        row, at = _read(contents, at, description)
        rows.append(row)
    return Data(Tag.COMPACT_ARRAY, CompactArray(description, tuple(rows))), end


def skip_compact(octets: bytes, offset: int, depth: int, budget: list[int]) -> int:
    """The offset after the compact array after the tag at `offset - 1`, every row checked."""
    description, at, end = enter_compact(octets, offset, depth, budget)
    if width(description) is not None:
        return end
    each = elements(description)
    contents = octets[:end]
    while at < end:
        spend(budget, each, at)
        at = _pass(contents, at, description)
    return end


def _read(octets: bytes, offset: int, description: TypeDescription) -> tuple[Data, int]:
    tag = description.tag
    leaf = LEAVES[tag]
    if leaf is not None:
        return leaf(octets, offset)
    items: list[Data] = []
    if tag is Tag.STRUCTURE:
        for element in description.elements:
            item, offset = _read(octets, offset, element)
            items.append(item)
        return Data(tag, tuple(items)), offset
    (element,) = description.elements
    if width(element) == 0:
        # All are equal and without octets: one is enough, and a count of 65535 costs 65535 pointers.
        return Data(tag, (_read(octets, offset, element)[0],) * description.number), offset
    for _ in range(description.number):
        item, offset = _read(octets, offset, element)
        items.append(item)
    return Data(tag, tuple(items)), offset


def _pass(octets: bytes, offset: int, description: TypeDescription) -> int:
    tag = description.tag
    if tag in STRINGS:
        return string_end(octets, offset, bits=tag is Tag.BIT_STRING)[2]
    size = width(description)
    if size is not None:
        if offset + size > len(octets):
            raise DecodeError(f"ends inside a {tag.label}", offset)
        return offset + size
    count = description.number if tag is Tag.ARRAY else 1
    for _ in range(count):
        for element in description.elements:
            offset = _pass(octets, offset, element)
    return offset
