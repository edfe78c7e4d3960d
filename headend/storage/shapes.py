"""Shapes of profiles: which columns a meter captures; each has a wide table of its own, made when it first comes."""

import functools
import hashlib
import re
from typing import Final

import msgspec
from attrs import field, frozen

from headend.errors import HeadendError
from headend.meters.reading import Column
from headend.storage.sqlite import Connection

#: A meter that shows ever new columns would fill the schema; real fleets have a few shapes a profile and firmware.
_MOST_SHAPES: Final = 100
_MOST_COLUMNS: Final = 200

_FIXED: Final = ("meter", "time", "clock", "visit")


class ShapeRefused(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """The columns of a profile are too many, or come in too many shapes."""


@frozen
class Shape:
    """A table of rows: `insert` takes meter, time, clock, visit and the values; `select` gives time, clock, values."""

    table: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    #: The statement that adds a row and leaves one that is there alone.
    insert: str = field(init=False, repr=False, eq=False)
    #: Rows of one meter, to be continued after `WHERE meter = ?`.
    select: str = field(init=False, repr=False, eq=False)
    #: Rows of one meter from one time to another, both included, that another visit than this brought.
    select_others: str = field(init=False, repr=False, eq=False)

    @insert.default
    def _insert(self) -> str:
        marks = ", ".join("?" * (len(_FIXED) + len(self.columns)))
        return f'INSERT INTO "{self.table}" VALUES ({marks}) ON CONFLICT DO NOTHING'  # noqa: S608  identifiers are ours

    @select.default
    def _select(self) -> str:
        listed = ", ".join(f'"{name}"' for name in ("time", "clock", *self.names))
        return f'SELECT {listed} FROM "{self.table}" WHERE meter = ?'  # noqa: S608  identifiers are ours

    @select_others.default
    def _select_others(self) -> str:
        return f"{self.select} AND time BETWEEN ? AND ? AND visit <> ?"


#: Digest, description and names of a profile's columns.
_Described = tuple[bytes, str, tuple[str, ...]]

_MOST_KNOWN: Final = 1024
#: By the identity of the columns, which each entry holds.
_described_by: dict[int, tuple[str, tuple[Column, ...], _Described]] = {}
_shapes: dict[tuple[str, bytes], Shape] = {}


def shape_for(connection: Connection, profile: str, columns: tuple[Column, ...]) -> Shape:
    """The shape of these columns, made in the current transaction if it is new; raises ShapeRefused."""
    digest, description, names = _known(profile, columns)
    row = connection.execute("SELECT rows_table FROM shapes WHERE digest = ?", (digest,)).fetchone()
    table = row[0] if row is not None else _create(connection, profile, digest, description, names)
    shape = _shapes.get((table, digest))
    if shape is None:
        if len(_shapes) >= _MOST_KNOWN:
            _shapes.clear()
        shape = _shapes[table, digest] = Shape(table, columns, names)
    return shape


def shapes_of(connection: Connection, profile: str) -> list[Shape]:
    """Every shape in which a profile has come, oldest first."""
    rows = connection.execute("SELECT rows_table, columns FROM shapes WHERE profile = ? ORDER BY id", (profile,))
    return [_read(table, text) for table, text in rows]


def all_tables(connection: Connection) -> list[tuple[str, str]]:
    """Profile and table of every shape."""
    return connection.execute("SELECT profile, rows_table FROM shapes ORDER BY id").fetchall()


@functools.lru_cache(maxsize=1024)
def _read(table: str, text: str) -> Shape:
    columns = msgspec.json.decode(text, type=tuple[Column, ...])
    return Shape(table, columns, _names(columns))


def _known(profile: str, columns: tuple[Column, ...]) -> _Described:
    """As `_described`, for the same object without a look at each column."""
    kept = _described_by.get(id(columns))
    if kept is not None and kept[0] == profile and kept[1] is columns:
        return kept[2]
    described = _described(profile, columns)
    if len(_described_by) >= _MOST_KNOWN:
        _described_by.clear()
    _described_by[id(columns)] = profile, columns, described
    return described


@functools.lru_cache(maxsize=256)
def _described(profile: str, columns: tuple[Column, ...]) -> _Described:
    description = msgspec.json.encode(columns)
    digest = hashlib.sha256(profile.encode() + b"\0" + description).digest()[:16]
    return digest, description.decode(), _names(columns)


def _create(connection: Connection, profile: str, digest: bytes, description: str, names: tuple[str, ...]) -> str:
    if len(names) > _MOST_COLUMNS:
        raise ShapeRefused(f"profile {profile}: {len(names)} columns, at most {_MOST_COLUMNS} are kept")
    (count, number) = connection.execute(
        "SELECT count(*) FILTER (WHERE profile = ?), coalesce(max(id), 0) + 1 FROM shapes", (profile,)
    ).fetchone()
    if count >= _MOST_SHAPES:
        raise ShapeRefused(f"profile {profile}: already {count} different sets of columns, no more are kept")
    table = f"rows_{number}_{_plain(profile)}"
    # ANY keeps integers, texts and octets apart as they came; WITHOUT ROWID keeps a meter's rows side by side.
    values = "".join(f', "{name}" ANY' for name in names)
    connection.execute(
        f'CREATE TABLE "{table}" (meter INTEGER NOT NULL, time INTEGER NOT NULL, clock BLOB NOT NULL,'
        f" visit INTEGER NOT NULL{values}, PRIMARY KEY (meter, time)) STRICT, WITHOUT ROWID"
    )
    connection.execute(
        f'CREATE TRIGGER "{table}_immutable" BEFORE UPDATE ON "{table}"'
        " BEGIN SELECT raise(ABORT, 'readings are immutable'); END"
    )
    connection.execute(
        "INSERT INTO shapes (id, digest, profile, rows_table, columns) VALUES (?, ?, ?, ?, ?)",
        (number, digest, profile, table, description),
    )
    return table


def _names(columns: tuple[Column, ...]) -> tuple[str, ...]:
    """Identifiers for the columns: their names made plain and unique, which what a meter says need not be."""
    names: list[str] = []
    for number, column in enumerate(columns, start=1):
        name = _plain(column.name)
        names.append(f"{name}_{number}" if name in names or name in _FIXED else name)
    return tuple(names)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())[:40].strip("_") or "column"
