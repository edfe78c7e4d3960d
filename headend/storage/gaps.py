"""Gaps of profiles: found once between rows that are there, closed when they are filled or known to be for good."""

import functools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from attrs import frozen

from headend.meters.reading import ProfileRows
from headend.scheduler.gaps import Gap, Periodic, gaps, wraps_at
from headend.storage.events import emit
from headend.storage.inventory import Known, known
from headend.storage.profilerows import Visit, last_time
from headend.storage.shapes import shapes_of
from headend.storage.sqlite import Connection
from headend.storage.times import from_hundredths, to_hundredths, to_micros

#: A meter that twice had nothing for a span has nothing: it was without power, or not there yet.
_TRIES: Final = 2


@frozen
class GapCounts:
    """Gaps of the fleet by what became of them."""

    open: int = 0
    filled: int = 0
    absent: int = 0
    lost: int = 0


def search(connection: Connection, serial: str, profiles: Sequence[Periodic], now: datetime) -> tuple[Gap, ...]:
    """Look at what came since the last search; every open gap of the meter that can still be filled."""
    meter = known(connection, serial)
    for profile in profiles:
        period = _period(connection, meter.id, profile)
        _look(connection, meter, profile, period, now)
        _lose(connection, meter, profile, period, now)
    rows = connection.execute(
        "SELECT id, profile, since, until FROM gaps WHERE meter = ? AND state = 'open' ORDER BY since", (meter.id,)
    )
    return tuple(
        Gap(profile, from_hundredths(since), from_hundredths(until), number) for number, profile, since, until in rows
    )


def close(connection: Connection, visit: Visit, number: int, period: timedelta | None) -> None:
    """A gap was asked for: filled if its captures are there now, absent when the meter has had nothing for it twice."""
    row = connection.execute(
        "SELECT profile, since, until, tries FROM gaps WHERE id = ? AND meter = ? AND state = 'open'",
        (number, visit.meter.id),
    ).fetchone()
    if row is None:
        return
    profile, since, until, tries = row
    period = period or _period(connection, visit.meter.id, Periodic(profile, timedelta(minutes=30), None))
    stored = _times(connection, visit.meter.id, profile, from_hundredths(since) - period, from_hundredths(until))
    missing = gaps(profile, stored, period, from_hundredths(since), from_hundredths(until))
    state = "open" if missing and tries + 1 < _TRIES else "absent" if missing else "filled"
    connection.execute(
        "UPDATE gaps SET tries = tries + 1, state = ?, closed_at = ? WHERE id = ?",
        (state, None if state == "open" else to_micros(visit.finished), number),
    )


def counts(connection: Connection) -> GapCounts:
    """Gaps by what became of them."""
    return GapCounts(**dict(connection.execute("SELECT state, count(*) FROM gaps GROUP BY state")))


def flags(
    connection: Connection, meter: int, profile: str, since: datetime, until: datetime
) -> set[tuple[datetime, str]]:
    """Capture times of rows that came late or are doubtful, with why."""
    rows = connection.execute(
        "SELECT time, flag FROM row_flags WHERE meter = ? AND profile = ? AND time >= ? AND time < ?",
        (meter, profile, to_hundredths(since), to_hundredths(until)),
    )
    return {(from_hundredths(time), flag) for time, flag in rows}


def flag_late(connection: Connection, visit: Visit, profile: ProfileRows, newest: datetime | None) -> None:
    """Flag rows that this visit brought and that lie before what was there already."""
    if newest is None:
        return
    late = [to_hundredths(row.time) for row in profile.rows if row.time < newest]
    brought = _brought(connection, visit, profile.profile, late)
    _flag(connection, visit, profile.profile, brought, "late")


def flag_doubtful(connection: Connection, visit: Visit, profile: ProfileRows, deviation: float, most_s: float) -> None:
    """Flag rows that a wrong clock dates: the meter's is off by more than `most_s`, or a row lies in the future."""
    off = abs(deviation) > most_s
    future = [row for row in profile.rows if row.time > visit.finished + timedelta(seconds=most_s)]
    if off:
        _flag(connection, visit, profile.profile, [to_hundredths(row.time) for row in profile.rows], "clock")
    if future:
        _flag(connection, visit, profile.profile, [to_hundredths(row.time) for row in future], "future")


def _look(connection: Connection, meter: Known, profile: Periodic, period: timedelta, now: datetime) -> None:
    mark = connection.execute(
        "SELECT at FROM gap_marks WHERE meter = ? AND profile = ?", (meter.id, profile.name)
    ).fetchone()
    newest = last_time(connection, meter.id, profile.name)
    # A row from the future would make everything before it a gap.
    if newest is None or newest > now + period:
        return
    since = None
    if mark is not None:
        since = from_hundredths(mark[0])
        if newest <= since:
            return
    elif profile.depth is not None:
        # What the meter may still hold: that some days were read by hand is no reason to leave out those before.
        since = newest - (profile.depth - 1) * period
        overwritten = now - profile.depth * period - since
        since += max(0, -(-overwritten // period)) * period
    times = _times(connection, meter.id, profile.name, since, newest)
    for gap in gaps(profile.name, times, period, since or times[0], newest):
        connection.execute(
            "INSERT INTO gaps (meter, profile, since, until, found_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (meter.id, profile.name, to_hundredths(gap.since), to_hundredths(gap.until), to_micros(now)),
        )
    connection.execute(
        "INSERT INTO gap_marks (meter, profile, at) VALUES (?, ?, ?)"
        " ON CONFLICT (meter, profile) DO UPDATE SET at = excluded.at",
        (meter.id, profile.name, to_hundredths(newest)),
    )


def _lose(connection: Connection, meter: Known, profile: Periodic, period: timedelta, now: datetime) -> None:
    """What the meter has overwritten is lost for good: somebody must know."""
    if profile.depth is None:
        return
    rows = connection.execute(
        "SELECT id, since, until FROM gaps WHERE meter = ? AND profile = ? AND state = 'open'", (meter.id, profile.name)
    ).fetchall()
    for number, since, until in rows:
        gap = Gap(profile.name, from_hundredths(since), from_hundredths(until), number)
        if wraps_at(Gap(gap.profile, gap.until, gap.until), profile.depth, period) > now:
            continue
        connection.execute("UPDATE gaps SET state = 'lost', closed_at = ? WHERE id = ?", (to_micros(now), number))
        payload = {"profile": gap.profile, "since": gap.since, "until": gap.until, "office": meter.office}
        emit(connection, now, "gap.lost", meter=meter.serial, consumer_no=meter.consumer_no, payload=payload)


def _times(connection: Connection, meter: int, profile: str, since: datetime | None, until: datetime) -> list[datetime]:
    found: list[int] = []
    for shape in shapes_of(connection, profile):
        rows = connection.execute(
            f'SELECT time FROM "{shape.table}" WHERE meter = ? AND time >= ? AND time <= ?',  # noqa: S608  ours
            (meter, 0 if since is None else to_hundredths(since), to_hundredths(until)),
        )
        found.extend(time for (time,) in rows)
    return [from_hundredths(time) for time in sorted(found)]


def _brought(connection: Connection, visit: Visit, profile: str, times: Sequence[int]) -> Iterator[int]:
    for shape in shapes_of(connection, profile):
        for time in times:
            row = connection.execute(
                f'SELECT 1 FROM "{shape.table}" WHERE meter = ? AND time = ? AND visit = ?',  # noqa: S608  ours
                (visit.meter.id, time, visit.id),
            ).fetchone()
            if row is not None:
                yield time


def _flag(connection: Connection, visit: Visit, profile: str, times: Any, flag: str) -> None:  # noqa: ANN401  any iterable
    connection.executemany(
        "INSERT INTO row_flags (meter, profile, time, flag, visit) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(visit.meter.id, profile, time, flag, visit.id) for time in times],
    )


def _period(connection: Connection, meter: int, profile: Periodic) -> timedelta:
    """The period that the meter itself told, else the model's."""
    row = connection.execute(
        "SELECT c.body FROM meter_captures m JOIN captures c ON c.id = m.capture WHERE m.meter = ? AND m.profile = ?",
        (meter, profile.name),
    ).fetchone()
    told = None if row is None else _told_period(row[0])
    return timedelta(seconds=told) if told else profile.period


@functools.lru_cache(maxsize=256)
def _told_period(body: str) -> int | None:
    period = msgspec.json.decode(body)["period"]
    return period if isinstance(period, int) else None
