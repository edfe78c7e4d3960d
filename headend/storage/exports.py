"""What leaves the house as tables, in pages.

Each page is read in a snapshot of its own, so that neither memory nor the log of the database grows with an export.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from headend.errors import HeadendError
from headend.meters.reading import Column
from headend.storage.readers import Readers
from headend.storage.registers import unscaled
from headend.storage.shapes import Shape, shapes_of
from headend.storage.sqlite import Connection
from headend.storage.times import from_hundredths, from_micros, to_hundredths, to_micros

#: Rows of a page of numbered rows; meters of a page of readings, each with some hundred rows a day.
_PAGE_ROWS: Final = 5000
_PAGE_METERS: Final = 50

_IN_OFFICE: Final = "(:office = '' OR {0} = :office OR substr({0}, 1, length(:office) + 1) = :office || '/')"
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)

#: SQLite's integers have 64 bits with a sign; profilerows keeps a larger one as text behind this mark.
_LARGE: Final = "\x01int:"

Cell = str | int | Decimal | datetime | None


class NothingToExport(HeadendError):  # noqa: N818  an answer, not a fault
    """There is no such table, or nothing was ever stored in it."""

    exit_code = 2


class Kind(StrEnum):
    """What a column holds where it is not empty."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    TIME = "time"


@frozen
class Heading:
    """A column of a table."""

    name: str
    kind: Kind = Kind.TEXT


@frozen
class Page:
    """Rows, and how far the export is: `done` of `total` meters or numbers."""

    rows: list[tuple[Cell, ...]]
    done: int
    total: int


@frozen
class Span:
    """Rows with since <= time < until, of an office with all below it."""

    since: datetime = _FIRST
    until: datetime = _LAST
    office: str = ""


@frozen
class Table:
    """A table to be exported: its columns, and its pages in order."""

    headings: tuple[Heading, ...]
    pages: AsyncIterator[Page]


@frozen
class _Numbered:
    """A table whose rows are numbered; `select` gives the number first, after :after, at most :limit."""

    headings: tuple[Heading, ...]
    table: str
    number: str
    select: str
    cells: Callable[[tuple[Any, ...]], tuple[Cell, ...]]


def _rupees(paise: int | None) -> Decimal | None:
    return None if paise is None else Decimal(paise).scaleb(-2)


def _event(row: tuple[Any, ...]) -> tuple[Cell, ...]:
    number, at, *rest = row
    return (number, from_micros(at), *rest)


def _entry(row: tuple[Any, ...]) -> tuple[Cell, ...]:
    number, consumer, office, kind, amount, reference, at, booked, note, balance = row
    times = from_micros(at), from_micros(booked)
    return (number, consumer, office, kind, _rupees(amount), reference, *times, note, _rupees(balance))


def _command(row: tuple[Any, ...]) -> tuple[Cell, ...]:
    number, meter, office, target, state, origin, by, reason, requested, changed, attempts, balance = row
    times = from_micros(requested), from_micros(changed)
    return (number, meter, office, target, state, origin, by, reason, *times, attempts, _rupees(balance))


_NUMBERED: Final = {
    "events": _Numbered(
        (
            Heading("number", Kind.WHOLE),
            Heading("time", Kind.TIME),
            *map(Heading, ("event", "meter", "consumer_no", "details")),
        ),
        "events",
        "number",
        "SELECT e.number, e.at, e.kind, e.meter, e.consumer_no, e.payload FROM events e"  # noqa: S608  constants
        " LEFT JOIN meters m ON m.serial = e.meter LEFT JOIN accounts a ON a.consumer_no = e.consumer_no"
        " WHERE e.number > :after AND e.number <= :upto AND e.at >= :since AND e.at < :until AND "
        + _IN_OFFICE.format("coalesce(a.office, m.office, '')")
        + " ORDER BY e.number",
        _event,
    ),
    "ledger": _Numbered(
        (
            Heading("number", Kind.WHOLE),
            *map(Heading, ("consumer_no", "office", "kind")),
            Heading("rupees", Kind.NUMBER),
            Heading("reference"),
            Heading("time", Kind.TIME),
            Heading("booked", Kind.TIME),
            Heading("note"),
            Heading("balance_rupees", Kind.NUMBER),
        ),
        "ledger",
        "id",
        "SELECT l.id, a.consumer_no, a.office, l.kind, l.amount, l.reference, l.at, l.booked_at, l.note, l.balance"  # noqa: S608  constants
        " FROM ledger l JOIN accounts a ON a.id = l.account"
        " WHERE l.id > :after AND l.id <= :upto AND l.at >= :since AND l.at < :until AND "
        + _IN_OFFICE.format("a.office")
        + " ORDER BY l.id",
        _entry,
    ),
    "commands": _Numbered(
        (
            Heading("number", Kind.WHOLE),
            *map(Heading, ("meter", "office", "target", "state", "origin", "requested_by", "reason")),
            Heading("requested", Kind.TIME),
            Heading("changed", Kind.TIME),
            Heading("attempts", Kind.WHOLE),
            Heading("balance_rupees", Kind.NUMBER),
        ),
        "commands",
        "id",
        "SELECT c.id, m.serial, m.office, c.target, c.state, c.origin, c.requested_by, c.reason, c.requested_at,"  # noqa: S608  constants
        " c.changed_at, c.attempts, c.balance FROM commands c JOIN meters m ON m.id = c.meter"
        " WHERE c.id > :after AND c.id <= :upto AND c.requested_at >= :since AND c.requested_at < :until AND "
        + _IN_OFFICE.format("m.office")
        + " ORDER BY c.id",
        _command,
    ),
}

_METER: Final = (Heading("meter"), Heading("consumer_no"), Heading("office"))

_READINGS: Final = (
    *_METER,
    *map(Heading, ("register", "obis", "unit")),
    Heading("value", Kind.NUMBER),
    Heading("text"),
    Heading("time", Kind.TIME),
    Heading("received", Kind.TIME),
)

_SELECT_READINGS: Final = (
    "SELECT r.name, r.obis, r.unit, v.value, v.exponent, v.at, s.finished FROM register_values v"
    " JOIN registers r ON r.id = v.register JOIN visits s ON s.id = v.visit"
    " WHERE v.meter = ? AND v.at >= ? AND v.at < ? ORDER BY r.name, v.at"
)


#: The rows of one meter.
_RowsOf = Callable[[Connection, int, Span], Iterator[tuple[Cell, ...]]]


@define(eq=False)
class Exports:
    """Tables of everything that is kept."""

    _readers: Readers
    page_rows: int = field(default=_PAGE_ROWS)
    page_meters: int = field(default=_PAGE_METERS)

    async def numbered(self, name: str, span: Span) -> Table:
        """The table `events`, `ledger` or `commands`; KeyError for another."""
        return Table(_NUMBERED[name].headings, self._numbered(_NUMBERED[name], span))

    async def readings(self, span: Span) -> Table:
        """Register values, by meter, register and time."""
        return Table(_READINGS, self._by_meter(span, _readings))

    async def profile(self, name: str, span: Span) -> Table:
        """Rows of a profile by meter and time, a column for each that it ever had. Raises NothingToExport."""
        shapes = await self._readers.run(lambda connection: shapes_of(connection, name))
        if not shapes:
            raise NothingToExport(f"no rows of a profile {name!r} were ever stored; {await self._known()}")
        kinds = await self._readers.run(lambda connection: _kinds(connection, shapes))
        headings, columns = tuple(Heading(*each) for each in kinds.items()), tuple(kinds)
        return Table(
            (*_METER, Heading("time", Kind.TIME), *headings),
            self._by_meter(span, lambda connection, meter, its: _profile(connection, shapes, columns, meter, its)),
        )

    async def _known(self) -> str:
        rows = await self._readers.run(
            lambda connection: connection.execute("SELECT DISTINCT profile FROM shapes ORDER BY 1").fetchall()
        )
        return f"there are {', '.join(name for (name,) in rows)}" if rows else "none was stored yet"

    async def _numbered(self, table: _Numbered, span: Span) -> AsyncIterator[Page]:
        last = await self._readers.run(lambda connection: _last(connection, table))
        after = 0
        while after < last:
            upto = min(after + self.page_rows, last)
            rows = await self._readers.run(partial(_page, table=table, span=span, after=after, upto=upto))
            after = upto
            yield Page(rows, after, last)

    async def _by_meter(self, span: Span, rows_of: _RowsOf) -> AsyncIterator[Page]:
        meters = await self._readers.run(lambda connection: _meters(connection, span))
        for first in range(0, len(meters), self.page_meters):
            some = meters[first : first + self.page_meters]
            rows = await self._readers.run(partial(_of_meters, meters=some, span=span, rows_of=rows_of))
            yield Page(rows, first + len(some), len(meters))


def _last(connection: Connection, table: _Numbered) -> int:
    (last,) = connection.execute(f"SELECT coalesce(max({table.number}), 0) FROM {table.table}").fetchone()  # noqa: S608
    return int(last)


def _page(connection: Connection, table: _Numbered, span: Span, after: int, upto: int) -> list[tuple[Cell, ...]]:
    parameters = {
        "after": after,
        "upto": upto,
        "since": to_micros(span.since),
        "until": to_micros(span.until),
        "office": span.office.strip("/"),
    }
    return [table.cells(row) for row in connection.execute(table.select, parameters)]


def _meters(connection: Connection, span: Span) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT id, serial, consumer_no, office FROM meters WHERE {_IN_OFFICE.format('office')} ORDER BY serial",  # noqa: S608
        {"office": span.office.strip("/")},
    ).fetchall()


def _of_meters(
    connection: Connection, meters: Sequence[tuple[Any, ...]], span: Span, rows_of: _RowsOf
) -> list[tuple[Cell, ...]]:
    return [(*who, *row) for number, *who in meters for row in rows_of(connection, number, span)]


def _readings(connection: Connection, meter: int, span: Span) -> Iterator[tuple[Cell, ...]]:
    rows = connection.execute(_SELECT_READINGS, (meter, to_micros(span.since), to_micros(span.until)))
    for name, obis, unit, value, exponent, at, received in rows:
        found = unscaled(value, exponent)
        number, text = (None, found) if isinstance(found, str) else (found, None)
        yield name, obis, unit, number, text, from_micros(at), from_micros(received)


def _profile(
    connection: Connection, shapes: Sequence[Shape], columns: tuple[str, ...], meter: int, span: Span
) -> Iterator[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    for shape in shapes:
        places = {_named(column): place for place, column in enumerate(shape.columns)}
        order = [places.get(column) for column in columns]
        rows = connection.execute(
            f"{shape.select} AND time >= ? AND time < ? ORDER BY time",
            (meter, to_hundredths(span.since), to_hundredths(span.until)),
        )
        for at, _, *values in rows:
            cells = [_cell(value, column) for value, column in zip(values, shape.columns, strict=True)]
            found.append((from_hundredths(at), *(None if place is None else cells[place] for place in order)))
    if len(shapes) > 1:
        found.sort(key=lambda row: str(row[0]))
    yield from found


def _kinds(connection: Connection, shapes: Sequence[Shape]) -> dict[str, Kind]:
    """The columns of all shapes in their order: what has a unit or a number in its first row holds numbers."""
    kinds: dict[str, Kind] = {}
    for shape in shapes:
        listed = ", ".join(f'"{name}"' for name in shape.names)
        first = connection.execute(f'SELECT {listed} FROM "{shape.table}" LIMIT 1').fetchone()  # noqa: S608  ours
        for column, value in zip(shape.columns, first or [None] * len(shape.columns), strict=True):
            number = isinstance(value, int) or (bool(column.unit) and not isinstance(value, str | bytes))
            before = kinds.get(_named(column), Kind.NUMBER)
            kinds[_named(column)] = Kind.NUMBER if number and before is Kind.NUMBER else Kind.TEXT
    return kinds


def _named(column: Column) -> str:
    return f"{column.name} [{column.unit}]" if column.unit else column.name


def _cell(value: int | str | bytes | None, column: Column) -> Cell:
    """A stored value with its exponent; texts and octets as they are, the latter in hexadecimal digits."""
    if isinstance(value, str) and value.startswith(_LARGE) and value[len(_LARGE) :].isdecimal():
        value = int(value[len(_LARGE) :])
    match value:
        case int():
            return Decimal(value).scaleb(column.exponent)
        case bytes():
            return value.hex()
        case _:
            return value
