"""Rows of a meter's event logs as typed events: from start to end, with severity and office, each once."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, evolve, frozen

from headend.meters.events import EventKind, EventType, Severity, event_type
from headend.meters.reading import ProfileRow, ProfileRows
from headend.storage.events import emit
from headend.storage.profilerows import Visit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.workitems import WorkKind, open_of_meter

LOGS: Final = "events_"
#: What is older when it is first seen is history: it is kept, and told only where it matters.
_NEWS: Final = timedelta(days=3)
_HUNDREDTH: Final = timedelta(milliseconds=10)
_ONE_MOMENT: Final = timedelta(seconds=1)
#: Event codes of the logs (IC 1), whatever the model calls the column.
_CODE_OBIS: Final = "0.0.96.11."
_IN_OFFICE: Final = "(:office = '' OR e.office = :office OR substr(e.office, 1, length(:office) + 1) = :office || '/')"

_SELECT: Final = (
    "SELECT e.id, m.serial, e.code, e.name, e.kind, e.severity, e.office, e.started_at, e.ended_at, e.seen_at"
    " FROM meter_events e JOIN meters m ON m.id = e.meter"
)
_ORDER: Final = "ORDER BY coalesce(e.started_at, e.ended_at) DESC, e.id DESC LIMIT :limit"


@frozen
class MeterEvent:
    """One event of a meter; `ended_at` None while it lasts, or for what has no end. `started_at` None: not known."""

    id: int
    meter: str
    code: int
    name: str
    kind: EventKind
    severity: Severity
    office: str
    started_at: datetime | None
    ended_at: datetime | None
    seen_at: datetime


@define(eq=False)
class MeterEvents:
    """The events of all meters, for screens."""

    _readers: Readers

    async def events(
        self,
        *,
        office: str = "",
        meter: str = "",
        severity: Severity = Severity.INFO,
        kind: EventKind | None = None,
        since: datetime | None = None,
        lasting: bool = False,
        limit: int = 50,
    ) -> list[MeterEvent]:
        """The newest events first: of an office and all below, at least so severe; `lasting`: only without an end."""
        parameters = {
            "office": office.strip("/"),
            "meter": meter,
            "kind": None if kind is None else kind.value,
            "since": to_micros(since),
            "limit": limit,
        }
        return await self._readers.run(lambda connection: _events(connection, severity, parameters, lasting=lasting))


def note_events(connection: Connection, visit: Visit, profile: ProfileRows) -> None:
    """Type the rows of an event log; those that were seen before change nothing."""
    for row, code in _coded(profile):
        kind = event_type(code)
        if kind.ends is None:
            _start(connection, visit, profile.profile, row, kind)
        else:
            _end(connection, visit, profile.profile, row, kind.ends)


def spread(log: ProfileRows) -> ProfileRows:
    """The rows of an event log with times of their own: a meter may log several events at one moment.

    Each further one is kept a hundredth of a second later, the least that a capture time resolves; a log that is read
    again gives the same times, since the meter keeps its order.
    """
    rows: list[ProfileRow] = []
    for row in log.rows:
        before = rows[-1].time if rows else None
        same = before is not None and row.time <= before and before - row.time < _ONE_MOMENT
        rows.append(evolve(row, time=before + _HUNDREDTH) if same and before is not None else row)
    return evolve(log, rows=tuple(rows))


def _coded(profile: ProfileRows) -> Iterator[tuple[ProfileRow, int]]:
    at = next((n for n, column in enumerate(profile.columns) if column.obis.startswith(_CODE_OBIS)), None)
    if at is None:
        return
    for row in profile.rows:
        code = row.values[at]
        if isinstance(code, int):
            yield row, code


def _start(connection: Connection, visit: Visit, log: str, row: ProfileRow, kind: EventType) -> None:
    if _insert(connection, visit, log, kind, started=row.time, ended=None):
        _tell(connection, visit, kind, started=row.time, ended=None)
        if kind.kind is EventKind.TAMPER and visit.finished - row.time <= _NEWS:
            text = f"{kind.name} at {row.time:%Y-%m-%d %H:%M} UTC"
            open_of_meter(connection, visit.meter, WorkKind.TAMPER, text, visit.finished)


def _end(connection: Connection, visit: Visit, log: str, row: ProfileRow, ends: int) -> None:
    """The end of the newest occurrence before it that lasts; without one, an end alone."""
    at, occurred = to_micros(row.time), event_type(ends)
    known = connection.execute(
        "SELECT 1 FROM meter_events WHERE meter = ? AND code = ? AND ended_at = ?", (visit.meter.id, ends, at)
    ).fetchone()
    if known is not None:
        return
    open_row = connection.execute(
        "SELECT id, started_at FROM meter_events WHERE meter = ? AND code = ? AND started_at <= ? AND ended_at IS NULL"
        " ORDER BY started_at DESC LIMIT 1",
        (visit.meter.id, ends, at),
    ).fetchone()
    if open_row is None:
        _insert(connection, visit, log, occurred, started=None, ended=row.time)
        return
    connection.execute("UPDATE meter_events SET ended_at = ? WHERE id = ?", (at, open_row[0]))
    _tell(connection, visit, occurred, started=from_micros(open_row[1]), ended=row.time)


def _insert(
    connection: Connection,
    visit: Visit,
    log: str,
    kind: EventType,
    *,
    started: datetime | None,
    ended: datetime | None,
) -> bool:
    added = connection.execute(
        "INSERT INTO meter_events (meter, code, log, name, kind, severity, office, started_at, ended_at, seen_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            visit.meter.id,
            kind.code,
            log,
            kind.name,
            kind.kind.value,
            kind.severity.value,
            visit.meter.office,
            to_micros(started),
            to_micros(ended),
            to_micros(visit.finished),
        ),
    )
    return bool(added.rowcount)


def _tell(
    connection: Connection, visit: Visit, kind: EventType, *, started: datetime | None, ended: datetime | None
) -> None:
    """An event row for other systems and the office; old news of little weight is not worth one."""
    newest = ended or started or visit.finished
    if kind.severity is Severity.INFO and visit.finished - newest > _NEWS:
        return
    emit(
        connection,
        visit.finished,
        "meter.event",
        meter=visit.meter.serial,
        consumer_no=visit.meter.consumer_no,
        payload={
            "code": kind.code,
            "name": kind.name,
            "type": kind.kind,
            "severity": kind.severity,
            "office": visit.meter.office,
            "started": started,
            "ended": ended,
        },
    )


def _events(
    connection: Connection, severity: Severity, parameters: dict[str, Any], *, lasting: bool
) -> list[MeterEvent]:
    wanted = ", ".join(f"'{each.value}'" for each in Severity if each.rank >= severity.rank)
    conditions = [_IN_OFFICE, f"e.severity IN ({wanted})"]
    conditions += ["m.serial = :meter"] if parameters["meter"] else []
    conditions += ["e.kind = :kind"] if parameters["kind"] else []
    conditions += ["coalesce(e.ended_at, e.started_at) >= :since"] if parameters["since"] is not None else []
    conditions += ["e.ended_at IS NULL"] if lasting else []
    query = f"{_SELECT} WHERE {' AND '.join(conditions)} {_ORDER}"
    rows: Sequence[tuple[Any, ...]] = connection.execute(query, parameters).fetchall()
    return [_event(row) for row in rows]


def _event(row: tuple[Any, ...]) -> MeterEvent:
    number, serial, code, name, kind, severity, office, started, ended, seen = row
    return MeterEvent(
        number,
        serial,
        code,
        name,
        EventKind(kind),
        Severity(severity),
        office,
        from_micros(started),
        from_micros(ended),
        from_micros(seen),
    )
