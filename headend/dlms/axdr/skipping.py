"""Where one Data ends, with the checks of the decoder and none of its values."""

import struct

from headend.dlms.axdr.compact import skip_compact
from headend.dlms.axdr.decoding import enter
from headend.dlms.axdr.leaves import open_budget, string_end
from headend.dlms.axdr.types import EMPTY, FORMATS, STRINGS
from headend.dlms.axdr.values import Tag
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


def skip(octets: bytes, offset: int) -> int:
    """The offset after the Data that begins at `offset`; DecodeError exactly where `decode_at` raises one."""
    return _skip(octets, offset, 0, open_budget(octets, offset))


def _skip(octets: bytes, offset: int, depth: int, budget: list[int]) -> int:
    if offset >= len(octets):
        raise DecodeError("ends where a type or its value is expected", offset)
    tag = octets[offset]
    size = _SIZES[tag]
    if size is not None:
        end = offset + 1 + size
        if end > len(octets):
            raise DecodeError(f"ends inside a {Tag(tag).label}", offset)
        return end
    if tag in (1, 2):
        count, offset = enter(octets, offset, depth, budget)
        for _ in range(count):
            offset = _skip(octets, offset, depth + 1, budget)
        return offset
    if tag in STRINGS:
        return string_end(octets, offset + 1, bits=tag == Tag.BIT_STRING)[2]
    if tag == 19:
        return skip_compact(octets, offset + 1, depth, budget)
    raise DecodeError(f"no data type has the tag {tag}", offset)
