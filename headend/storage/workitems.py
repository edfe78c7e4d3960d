"""Work for people, written in the transaction that finds it, and closed by a person or by the meter itself."""

from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final

import msgspec
from attrs import define, frozen

from headend.commands.escalation import overdue
from headend.commands.journal import RefusedByRule
from headend.commands.latency import Latency, latency
from headend.commands.model import Command, State, Target
from headend.session.ports import Now
from headend.storage import commandrows
from headend.storage.errors import UnknownWork
from headend.storage.events import as_json, emit
from headend.storage.inventory import Known, known
from headend.storage.readers import Readers
from headend.storage.requesting import segment_of
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import account_of_meter
from headend.storage.writer import Writer

#: Lines of what was tried that one item holds; the newest say most.
_MOST_TRIED: Final = 20
_SELECT: Final = (
    "SELECT w.id, w.kind, w.office, m.serial, w.consumer_no, w.command, w.opened_at, w.tried, w.closed_at, w.closed_by,"
    " w.note FROM work_items w JOIN meters m ON m.id = w.meter"
)
_IN_OFFICE: Final = "(:office = '' OR w.office = :office OR substr(w.office, 1, length(:office) + 1) = :office || '/')"


class WorkKind(StrEnum):
    """What is wrong."""

    RECONNECT_LATE = "reconnect_late"
    RECONNECT_REJECTED = "reconnect_rejected"
    OUTCOME_UNKNOWN = "outcome_unknown"
    CLOCK_OFF = "clock_off"
    TAMPER = "tamper"
    #: Opened by a person alone.
    GIVEN_UP = "given_up"
    CONFLICT = "conflict"


@frozen
class WorkItem:
    """One thing to be done by an office; `tried` what headend did so far, oldest first. No `command`: of a meter."""

    id: int
    kind: WorkKind
    office: str
    meter: str
    consumer_no: str | None
    command: int | None
    opened_at: datetime
    tried: tuple[str, ...]
    closed_at: datetime | None
    closed_by: str | None
    note: str | None


@define(eq=False)
class WorkItems:
    """What people have to do, and how fast supply returns without them."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def tell_overdue(self, command: Command) -> None:
        """Open an item for a command that is late, once; a command that has ended meanwhile is nobody's work."""
        await self._writer.run(lambda connection: _open_overdue(connection, command.id, self._now()))

    async def items(self, office: str = "", *, closed: bool = False, limit: int = 200) -> list[WorkItem]:
        """The items of an office and of all below it (empty: the house), the oldest first."""
        return await self._readers.run(lambda connection: _items(connection, office, closed, limit))

    async def close(self, number: int, by: str, note: str) -> WorkItem:
        """Close an item with what was done; raises UnknownWork, RefusedByRule for one that is closed."""
        return await self._writer.run(lambda connection: _close(connection, number, by, note, self._now()))

    async def latency(self, since: datetime, *, recharges_only: bool = True) -> Latency:
        """How long reconnects took that were read back at or after `since`, from journal to relay."""
        return await self._readers.run(lambda connection: _latency(connection, since, recharges_only))


def follow(connection: Connection, command: Command, now: datetime) -> None:
    """What a command's outcome means for people, in the transaction that settles it."""
    if command.state is State.CONFIRMED:
        _done(connection, command, now)
        if command.target is Target.CONNECTED:
            _measure(connection, command, now)
    elif command.state is State.REJECTED and command.target is Target.CONNECTED:
        _open(connection, command, WorkKind.RECONNECT_REJECTED, now)


def close_restored(connection: Connection, meter: Known, now: datetime) -> None:
    """Supply is back, whoever switched it on (a button at the meter may have): no item for a reconnect is left."""
    rows = connection.execute(
        "SELECT id FROM work_items WHERE meter = ? AND closed_at IS NULL AND kind IN (?, ?)",
        (meter.id, WorkKind.RECONNECT_REJECTED.value, WorkKind.RECONNECT_LATE.value),
    ).fetchall()
    for (number,) in rows:
        _close(connection, number, "headend", "supply was seen connected", now)


def open_of_meter(connection: Connection, meter: Known, kind: WorkKind, text: str, now: datetime) -> bool:
    """Open an item that comes from no command, unless one of the kind is open at the meter: then False."""
    office = segment_of(account_of_meter(connection, meter.id), meter)
    tried = [f"{now:%Y-%m-%dT%H:%M:%SZ} {text}"]
    added = connection.execute(
        "INSERT INTO work_items (kind, office, meter, consumer_no, opened_at, tried) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (kind.value, office, meter.id, meter.consumer_no, to_micros(now), as_json(tried)),
    )
    if added.rowcount:
        payload = {"id": added.lastrowid, "kind": kind, "office": office, "tried": tried}
        emit(connection, now, "work.opened", meter=meter.serial, consumer_no=meter.consumer_no, payload=payload)
    return bool(added.rowcount)


def close_of_meter(connection: Connection, meter: Known, kind: WorkKind, note: str, now: datetime) -> None:
    """What an item of a meter asked for has come about."""
    rows = connection.execute(
        "SELECT id FROM work_items WHERE meter = ? AND kind = ? AND command IS NULL AND closed_at IS NULL",
        (meter.id, kind.value),
    ).fetchall()
    for (number,) in rows:
        _close(connection, number, "headend", note, now)


def _open_overdue(connection: Connection, command_id: int, now: datetime) -> None:
    command = commandrows.get(connection, command_id)
    if overdue([command], now):
        late = command.target is Target.CONNECTED
        _open(connection, command, WorkKind.RECONNECT_LATE if late else WorkKind.OUTCOME_UNKNOWN, now)


def _open(connection: Connection, command: Command, kind: WorkKind, now: datetime) -> None:
    meter = known(connection, command.meter)
    office = segment_of(account_of_meter(connection, meter.id), meter)
    tried = _tried(connection, command, meter.id)
    added = connection.execute(
        "INSERT INTO work_items (kind, office, meter, consumer_no, command, opened_at, tried)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (kind.value, office, meter.id, meter.consumer_no, command.id, to_micros(now), as_json(tried)),
    )
    if added.rowcount:
        payload = {"id": added.lastrowid, "kind": kind, "office": office, "command": command.id, "tried": tried}
        emit(connection, now, "work.opened", meter=command.meter, consumer_no=meter.consumer_no, payload=payload)


def _tried(connection: Connection, command: Command, meter: int) -> list[str]:
    """The steps of the command and the visits that failed since it was asked for, by time."""
    lines = [
        (to_micros(step.at), f"{step.after}: {step.note}".rstrip(": "))
        for step in commandrows.steps_of(connection, command.id)
    ]
    lines += connection.execute(
        "SELECT finished, 'visit ' || outcome || ': ' || coalesce(error, '') FROM visits"
        " WHERE meter = ? AND finished >= ? AND outcome <> 'done' ORDER BY finished DESC LIMIT ?",
        (meter, to_micros(command.requested_at), _MOST_TRIED),
    ).fetchall()
    lines.sort(key=itemgetter(0))
    return [f"{from_micros(at):%Y-%m-%dT%H:%M:%SZ} {text}" for at, text in lines][-_MOST_TRIED:]


def _done(connection: Connection, command: Command, now: datetime) -> None:
    """A command that was carried out after all closes its items."""
    rows = connection.execute(
        "SELECT id FROM work_items WHERE command = ? AND closed_at IS NULL", (command.id,)
    ).fetchall()
    for (number,) in rows:
        _close(connection, number, "headend", f"command {command.id} was read back {command.target}", now)


def _measure(connection: Connection, command: Command, now: datetime) -> None:
    """The event that carries how long supply took to return."""
    meter = known(connection, command.meter)
    milliseconds = round((now - command.requested_at).total_seconds() * 1000)
    emit(
        connection,
        now,
        "reconnect.verified",
        meter=command.meter,
        consumer_no=meter.consumer_no,
        payload={"command": command.id, "cause": command.cause, "latency_ms": milliseconds},
    )


def _items(connection: Connection, office: str, closed: bool, limit: int) -> list[WorkItem]:  # noqa: FBT001  a filter
    where = _IN_OFFICE if closed else f"{_IN_OFFICE} AND w.closed_at IS NULL"
    rows = connection.execute(
        f"{_SELECT} WHERE {where} ORDER BY w.id LIMIT :limit", {"office": office.strip("/"), "limit": limit}
    )
    return [_item(row) for row in rows]


def _close(connection: Connection, number: int, by: str, note: str, now: datetime) -> WorkItem:
    row = connection.execute(f"{_SELECT} WHERE w.id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownWork(number)
    found = _item(row)
    if found.closed_at is not None:
        raise RefusedByRule(f"work item {number} was closed by {found.closed_by} already")
    connection.execute(
        "UPDATE work_items SET closed_at = ?, closed_by = ?, note = ? WHERE id = ?", (to_micros(now), by, note, number)
    )
    payload = {"id": number, "kind": found.kind, "office": found.office, "by": by, "note": note}
    emit(connection, now, "work.closed", meter=found.meter, consumer_no=found.consumer_no, payload=payload)
    return _item(connection.execute(f"{_SELECT} WHERE w.id = ?", (number,)).fetchone())


def _latency(connection: Connection, since: datetime, recharges_only: bool) -> Latency:  # noqa: FBT001  a filter
    cause = "recharge:%" if recharges_only else "%"
    rows = connection.execute(
        "SELECT changed_at - requested_at FROM commands WHERE target = 'connected' AND state = 'confirmed'"
        " AND changed_at >= ? AND cause LIKE ?",
        (to_micros(since), cause),
    )
    return latency(from_micros(micros) - from_micros(0) for (micros,) in rows)


def _item(row: tuple[Any, ...]) -> WorkItem:
    number, kind, office, serial, consumer_no, command, opened_at, tried, closed_at, closed_by, note = row
    return WorkItem(
        number,
        WorkKind(kind),
        office,
        serial,
        consumer_no,
        command,
        from_micros(opened_at),
        msgspec.json.decode(tried, type=tuple[str, ...]),
        from_micros(closed_at),
        closed_by,
        note,
    )
