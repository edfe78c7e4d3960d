"""Columns of a profile and the octets of its rows: one compiled struct per row shape, general encoding for the rest."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from headend.dlms.axdr.lengths import encode_length
from headend.dlms.axdr.values import Tag
from simulator import octets

#: tag octets and struct format of the values that rows of fixed size are made of.
_FIXED = {
    Tag.INTEGER: "b",
    Tag.UNSIGNED: "B",
    Tag.LONG_UNSIGNED: "H",
    Tag.DOUBLE_LONG_UNSIGNED: "I",
    Tag.DOUBLE_LONG: "i",
}
_TIME_FORMAT = "12s"
_TIME_HEADER = b"\x09\x0c"


class Column(NamedTuple):
    """A captured attribute: its address, and how its value is coded. Octet-strings are times unless `text` is set."""

    class_id: int
    logical_name: bytes
    attribute: int
    tag: Tag
    text: bool = False

    @property
    def definition(self) -> bytes:
        """The capture_object_definition (Blue Book 4.3.6.2.2)."""
        return octets.structure(
            octets.long_unsigned(self.class_id),
            octets.octet_string(self.logical_name),
            octets.integer(self.attribute),
            octets.long_unsigned(0),
        )


Value = int | bytes


@lru_cache(maxsize=256)
def compiled(columns: tuple[Column, ...]) -> "RowShape":
    """The shape of rows of `columns`."""
    return RowShape(columns)


class RowShape:
    """Turns the values of rows into octets."""

    __slots__ = ("_columns", "_struct", "_template")

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns
        self._template: list[Value] = [bytes((Tag.STRUCTURE,)) + encode_length(len(columns))]
        self._struct: Struct | None = None
        if not any(column.text for column in columns):
            self._struct = Struct(f">{len(self._template[0])}s" + "".join(map(self._part, columns)))  # type: ignore[arg-type]

    def encode(self, rows: Iterable[Sequence[Value]]) -> bytes:
        """An array of `rows`."""
        if self._struct is None:
            return octets.array(self._general(row) for row in rows)
        pack, arguments, packed = self._struct.pack, self._template, []
        for row in rows:
            arguments[2::2] = row
            packed.append(pack(*arguments))
        return bytes((Tag.ARRAY,)) + encode_length(len(packed)) + b"".join(packed)

    def _part(self, column: Column) -> str:
        if column.tag is Tag.OCTET_STRING:
            self._template += [_TIME_HEADER, b""]
            return f"2s{_TIME_FORMAT}"
        self._template += [column.tag, 0]
        return f"B{_FIXED[column.tag]}"

    def _general(self, row: Sequence[Value]) -> bytes:
        return octets.structure(*(_cell(column.tag, value) for column, value in zip(self._columns, row, strict=True)))


def _cell(tag: Tag, value: Value) -> bytes:
    if isinstance(value, bytes):
        return octets.octet_string(value)
    return Struct(f">B{_FIXED[tag]}").pack(tag, value)
