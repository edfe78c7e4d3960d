"""Rows of profiles: immutable, unique by meter, profile and capture time; a contradiction is kept beside and told."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import define, frozen

from headend.meters.reading import ProfileRow, ProfileRows
from headend.storage.events import as_json, emit
from headend.storage.inventory import Known
from headend.storage.shapes import Shape, shape_for, shapes_of
from headend.storage.sqlite import Connection
from headend.storage.times import from_hundredths, to_hundredths, to_micros

#: SQLite's integers have 64 bits with a sign; a larger one (unsigned 64) is kept as text behind this mark.
_LARGE: Final = "\x01int:"


@frozen
class Visit:
    """The visit that brings readings: its row, the meter, and when it ended."""

    id: int
    meter: Known
    finished: datetime


@define
class Stored:
    """How many rows were new, were there already, and contradicted what is there."""

    new: int = 0
    repeated: int = 0
    conflicting: int = 0


def store_rows(connection: Connection, visit: Visit, profile: ProfileRows) -> Stored:
    """Add the rows of one profile; raises ShapeRefused."""
    if not profile.rows:
        return Stored()
    shape = shape_for(connection, profile.profile, profile.columns)
    before = connection.total_changes
    try:
        connection.executemany(shape.insert, _parameters(visit, profile.rows))
    except OverflowError:
        connection.executemany(shape.insert, _parameters(visit, [_storable(row) for row in profile.rows]))
    new = connection.total_changes - before
    if new == len(profile.rows):
        return Stored(new)
    return _compare(connection, visit, profile, shape, new)


def last_time(connection: Connection, meter: int, profile: str) -> datetime | None:
    """Capture time of the newest row of a profile, whatever its shape."""
    newest = [
        connection.execute(
            f'SELECT max(time) FROM "{shape.table}" WHERE meter = ?',  # noqa: S608  the name is ours
            (meter,),
        ).fetchone()[0]
        for shape in shapes_of(connection, profile)
    ]
    times = [time for time in newest if time is not None]
    return from_hundredths(max(times)) if times else None


def rows_between(
    connection: Connection, meter: int, profile: str, since: datetime, until: datetime
) -> list[ProfileRows]:
    """Rows of a profile with since <= time < until, oldest first, one piece a shape."""
    pieces = []
    for shape in shapes_of(connection, profile):
        found = connection.execute(
            f"{shape.select} AND time >= ? AND time < ? ORDER BY time",
            (meter, to_hundredths(since), to_hundredths(until)),
        ).fetchall()
        if found:
            pieces.append(ProfileRows(profile, shape.columns, tuple(_row(row) for row in found)))
    return pieces


def record_conflict(connection: Connection, visit: Visit, item: str, at: datetime, kept: object, came: object) -> bool:
    """Keep a contradicting value beside the first one and write the incident; False when it was known already."""
    values = (as_json(kept), as_json(came))
    added = connection.execute(
        "INSERT INTO conflicts (meter, object, at, kept, came, visit) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (visit.meter.id, item, to_micros(at), *values, visit.id),
    ).rowcount
    if added:
        emit(
            connection,
            visit.finished,
            "reading.conflict",
            meter=visit.meter.serial,
            consumer_no=visit.meter.consumer_no,
            payload={"object": item, "at": at, "kept": kept, "came": came},
        )
    return bool(added)


def _parameters(visit: Visit, rows: Iterable[ProfileRow]) -> list[tuple[Any, ...]]:
    meter, number, hundredths = visit.meter.id, visit.id, to_hundredths
    return [(meter, hundredths(row.time), row.clock, number, *row.values) for row in rows]


def _compare(connection: Connection, visit: Visit, profile: ProfileRows, shape: Shape, new: int) -> Stored:
    """Which of the rows that were there already, or came twice, say something else."""
    stored = Stored(new=new)
    times = [to_hundredths(row.time) for row in profile.rows]
    there = connection.execute(shape.select_others, (visit.meter.id, min(times), max(times), visit.id))
    first = {time: tuple(kept) for time, *kept in there}
    for time, row in zip(times, profile.rows, strict=True):
        values = (row.clock, *row.values)
        kept = first.setdefault(time, values)
        if kept is values or kept == values:
            continue
        came = (row.clock, *_storable(row).values)
        if kept != came:
            stored.conflicting += 1
            record_conflict(connection, visit, f"profile:{profile.profile}", row.time, _shown(kept), _shown(came))
    stored.repeated = len(times) - new - stored.conflicting
    return stored


def _storable(row: ProfileRow) -> ProfileRow:
    values = tuple(
        f"{_LARGE}{value}" if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 else value
        for value in row.values
    )
    return ProfileRow(row.time, row.clock, values)


def _row(row: Sequence[Any]) -> ProfileRow:
    time, clock, *values = row
    return ProfileRow(from_hundredths(time), clock, tuple(_value(value) for value in values))


def _value(value: int | str | bytes | None) -> int | str | bytes | None:
    if isinstance(value, str) and value.startswith(_LARGE) and value[len(_LARGE) :].isdecimal():
        return int(value[len(_LARGE) :])
    return value


def _shown(values: Iterable[Any]) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in values]
