"""Values to octets."""

import struct
from collections.abc import Callable
from typing import Any

from headend.dlms.axdr.lengths import encode_length
from headend.dlms.axdr.types import EMPTY, FORMATS
from headend.dlms.axdr.values import MAX_DEPTH, BitString, CompactArray, Data, Tag, TypeDescription
from headend.dlms.errors import LocalError

_PACK: dict[Tag, Callable[..., bytes]] = {tag: struct.Struct(">" + code).pack for tag, code in FORMATS.items()}
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
    parts.append(_TAG_OCTETS[tag])
    if tag is Tag.ARRAY or tag is Tag.STRUCTURE:
        if depth >= MAX_DEPTH:
            raise LocalError(f"data nested deeper than {MAX_DEPTH}")
        parts.append(encode_length(len(value)))
        for item in value:
            _encode(item, parts, depth + 1)
    elif tag is Tag.COMPACT_ARRAY:
        parts.append(_compact(value, depth))
    else:
        parts.append(_content(tag, value))


def _content(tag: Tag, value: Any) -> bytes:  # noqa: ANN401 - the type follows from the tag
    if tag in EMPTY:
        if value is not None:
            raise LocalError(f"{tag.label} has no value")
        return b""
    if tag is Tag.BIT_STRING:
        return _bit_string(value)
    if tag is Tag.VISIBLE_STRING:
        value = value.encode("latin-1")
    elif tag is Tag.UTF8_STRING:
        value = value.encode("utf-8", "surrogateescape")
    elif tag is not Tag.OCTET_STRING:
        if tag in _SIZES and len(value) != _SIZES[tag]:
            raise LocalError(f"{tag.label} has {_SIZES[tag]} octets, not {len(value)}")
        return _PACK[tag](value)
    return encode_length(len(value)) + bytes(memoryview(value))


def _bit_string(value: BitString) -> bytes:
    if len(value.octets) != (value.length + 7) // 8:
        raise LocalError(f"{len(value.octets)} octets can't be {value.length} bits")
    return encode_length(value.length) + value.octets


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
        parts.append(_content(data.tag, data.value))
        return
    if len(inner) != len(data.value):
        raise LocalError(f"a row has {len(data.value)} elements where its description says {len(inner)}")
    for item, element in zip(data.value, inner, strict=True):
        _encode_untagged(item, element, parts, depth + 1)
