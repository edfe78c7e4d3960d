"""Data as nested lists `[type, value]`, as traces print it and recorded vectors state it.

null-data is `["null-data"]`, array and structure `[type, [..]]`, octet-string and the date types hex, a bit-string
a text of `0` and `1`, an integer above 2^63-1 a text, a compact array `["compact-array", description, [rows]]`.
"""

from collections.abc import Callable
from typing import Any

from headend.dlms.axdr.types import EMPTY
from headend.dlms.axdr.values import BitString, CompactArray, Data, Tag, TypeDescription
from headend.dlms.errors import LocalError

Notation = list[Any]
_BY_LABEL = {tag.label: tag for tag in Tag}
_AS_HEX = frozenset({Tag.OCTET_STRING, Tag.DATE_TIME, Tag.DATE, Tag.TIME})
_READ: dict[Tag, Callable[[Any], Any]] = {
    **dict.fromkeys(_AS_HEX, bytes.fromhex),
    **dict.fromkeys((Tag.VISIBLE_STRING, Tag.UTF8_STRING), str),
    **dict.fromkeys((Tag.FLOAT32, Tag.FLOAT64), float),
    Tag.BIT_STRING: BitString.of,
    Tag.BOOLEAN: bool,
}
_LARGEST = (1 << 63) - 1


def to_notation(data: Data) -> Notation:
    """`data` in the notation above; made of list, str, int, float and bool only."""
    tag, value = data
    if tag in EMPTY:
        return [tag.label]
    if tag in (Tag.ARRAY, Tag.STRUCTURE):
        return [tag.label, [to_notation(item) for item in value]]
    if tag is Tag.COMPACT_ARRAY:
        return [tag.label, _description(value.description), [to_notation(row) for row in value.rows]]
    return [tag.label, _simple(tag, value)]


def _simple(tag: Tag, value: Any) -> str | float | bool:  # noqa: ANN401 - the type follows from the tag
    if tag in _AS_HEX:
        return bytes(value).hex()
    if isinstance(value, BitString):
        return value.bits
    if tag is Tag.UTF8_STRING:
        return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return str(value) if isinstance(value, int) and value > _LARGEST else value


def from_notation(notation: Notation) -> Data:
    """The Data that `notation` states; LocalError where it states none."""
    try:
        return _from(notation)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise LocalError(f"{notation!r:.80} states no data: {error}") from error


def _from(notation: Notation) -> Data:
    tag = _BY_LABEL[notation[0]]
    if tag in EMPTY:
        return Data(tag, None)
    value = notation[1]
    if tag in (Tag.ARRAY, Tag.STRUCTURE):
        return Data(tag, tuple(map(_from, value)))
    if tag is Tag.COMPACT_ARRAY:
        return Data(tag, CompactArray(_from_description(value), tuple(map(_from, notation[2]))))
    return Data(tag, _READ.get(tag, int)(value))


def _description(description: TypeDescription) -> Any:  # noqa: ANN401 - a text or nested lists
    if description.tag is Tag.ARRAY:
        return [description.tag.label, description.number, _description(description.elements[0])]
    if description.tag is Tag.STRUCTURE:
        return [description.tag.label, [_description(element) for element in description.elements]]
    return description.tag.label


def _from_description(stated: Any) -> TypeDescription:  # noqa: ANN401 - a text or nested lists
    if isinstance(stated, str):
        return TypeDescription(_BY_LABEL[stated])
    if stated[0] == Tag.ARRAY.label:
        return TypeDescription(Tag.ARRAY, (_from_description(stated[2]),), int(stated[1]))
    return TypeDescription(_BY_LABEL[stated[0]], tuple(map(_from_description, stated[1])))
