"""Values to octets."""

import struct
from collections.abc import Callable
from typing import Any

from headend.dlms.axdr.lengths import encode_length
from headend.dlms.axdr.types import EMPTY, FORMATS
from headend.dlms.axdr.values import MAX_DEPTH, BitString, CompactArray, Data, Tag, TypeDescription
from headend.dlms.errors import LocalError

_TAG_OCTETS: dict[Tag, bytes] = {tag: bytes((tag,)) for tag in Tag}
_SIZES = {Tag.DATE_TIME: 12, Tag.DATE: 5, Tag.TIME: 4}


def encode(data: Data) -> bytes:
    """The octets of `data`; LocalError when a value does not fit its type or is nested deeper than 16."""
    parts: list[bytes] = []
    try:
        _encode(data, parts, 0)
    except (struct.error, TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
        raise LocalError(f"data can't be encoded: {error}") from error
    return b"".join(parts)


def encode_description(description: TypeDescription) -> bytes:
    """The octets of a TypeDescription (Green Book 9.5)."""
    tag = _TAG_OCTETS[description.tag]
    if description.tag is Tag.ARRAY:
        (element,) = description.elements
        return tag + description.number.to_bytes(2, "big") + encode_description(element)
    if description.tag is Tag.STRUCTURE:
        return tag + encode_length(len(description.elements)) + b"".join(map(encode_description, description.elements))
    return tag


def _encode(data: Data, parts: list[bytes], depth: int) -> None:
    tag, value = data
    write = _CONTENTS.get(tag)
    if write:
        parts.append(_TAG_OCTETS[tag] + write(value))
    elif tag in (Tag.ARRAY, Tag.STRUCTURE):
        if depth >= MAX_DEPTH:
            raise LocalError(f"data nested deeper than {MAX_DEPTH}")
        parts.append(_TAG_OCTETS[tag] + encode_length(len(value)))
        for item in value:
            _encode(item, parts, depth + 1)
    else:
        parts.append(_TAG_OCTETS[tag] + _compact(value, depth))


def _fixed(tag: Tag, code: str) -> Callable[[Any], bytes]:
    pack, size = struct.Struct(">" + code).pack, _SIZES.get(tag)

    def write_octets(value: bytes) -> bytes:
        # struct would cut or pad in silence.
        if len(value) != size:
            raise LocalError(f"{tag.label} has {size} octets, not {len(value)}")
        return pack(value)

    return write_octets if size else pack


def _nothing(value: None) -> bytes:
    if value is not None:
        raise LocalError(f"null-data and dont-care have no value, not {value!r}")
    return b""


def _octet_string(octets: bytes) -> bytes:
    # By memoryview, so that an integer or a list is refused instead of making octets of its own.
    return encode_length(len(octets)) + memoryview(octets)


def _visible_string(text: str) -> bytes:
    return _octet_string(text.encode("latin-1"))


def _utf8_string(text: str) -> bytes:
    return _octet_string(text.encode("utf-8", "surrogateescape"))


def _bit_string(value: BitString) -> bytes:
    if len(value.octets) != (value.length + 7) // 8:
        raise LocalError(f"{len(value.octets)} octets can't be {value.length} bits")
    return encode_length(value.length) + value.octets


#: Writers of all types that hold no other Data.
_CONTENTS: dict[Tag, Callable[[Any], bytes]] = {
    **{tag: _fixed(tag, code) for tag, code in FORMATS.items()},
    **dict.fromkeys(EMPTY, _nothing),
    Tag.OCTET_STRING: _octet_string,
    Tag.VISIBLE_STRING: _visible_string,
    Tag.UTF8_STRING: _utf8_string,
    Tag.BIT_STRING: _bit_string,
}


def _compact(value: CompactArray, depth: int) -> bytes:
    parts: list[bytes] = []
    for row in value.rows:
        _encode_untagged(row, value.description, parts, depth + 1)
    contents = b"".join(parts)
    if value.rows and not contents:
        raise LocalError("rows without any octet can't be counted by the receiver")
    return encode_description(value.description) + encode_length(len(contents)) + contents


def _encode_untagged(data: Data, description: TypeDescription, parts: list[bytes], depth: int) -> None:
    if data.tag is not description.tag:
        raise LocalError(f"a row has {data.tag.label} where its description says {description.tag.label}")
    if depth > MAX_DEPTH:
        raise LocalError(f"data nested deeper than {MAX_DEPTH}")
    if data.tag is Tag.ARRAY:
        inner = description.elements * description.number
    elif data.tag is Tag.STRUCTURE:
        inner = description.elements
    else:
        parts.append(_CONTENTS[data.tag](data.value))
        return
    if len(inner) != len(data.value):
        raise LocalError(f"a row has {len(data.value)} elements where its description says {len(inner)}")
    for item, element in zip(data.value, inner, strict=True):
        _encode_untagged(item, element, parts, depth + 1)
