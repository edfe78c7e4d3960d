"""Rounds and suspended schedules, as the collector notes them and people steer them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from headend.commands.journal import RefusedByRule
from headend.errors import HeadendError
from headend.scheduler.steering import RoundKey, RoundProgress, RoundState
from headend.storage.events import emit
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: A round of a year ago tells nobody anything.
_KEPT_US: Final = 400 * 86_400 * 1_000_000
_COLUMNS: Final = (
    "id, schedule, slot, shard, state, size, left_over, done, given_up, started_at, changed_at, changed_by"
)
_COLLECTOR: Final = "collector"


class UnknownRound(HeadendError):  # noqa: N818  as the other unknowns
    """No round has that number."""

    exit_code = 2


@frozen
class StoredRound:
    """A round as people see it; `progress` in meters."""

    id: int
    progress: RoundProgress
    shard: str
    started_at: datetime
    changed_at: datetime
    changed_by: str


def states(connection: Connection, shard: str) -> dict[RoundKey, RoundState]:
    """The states of rounds that a collector may have in hand: open, or cancelled by a person."""
    rows = connection.execute(
        "SELECT schedule, slot, state FROM rounds WHERE shard = ? AND id > (SELECT max(id) - 500 FROM rounds)"
        " AND (state IN ('running', 'paused') OR state = 'cancelled')",
        (shard,),
    )
    return {(schedule, from_micros(slot)): RoundState(state) for schedule, slot, state in rows}


def suspended(connection: Connection) -> frozenset[str]:
    """The schedules that a person suspended."""
    return frozenset(schedule for (schedule,) in connection.execute("SELECT schedule FROM suspended_schedules"))


def begin(connection: Connection, shard: str, progress: RoundProgress, at: datetime) -> RoundState:
    """Note that a round began, or goes on in the state that it had."""
    connection.execute("DELETE FROM rounds WHERE changed_at < ?", (to_micros(at) - _KEPT_US,))
    _write(connection, shard, progress, at)
    (state,) = connection.execute(
        "SELECT state FROM rounds WHERE schedule = ? AND slot = ? AND shard = ?",
        (progress.schedule, to_micros(progress.slot), shard),
    ).fetchone()
    return RoundState(state)


def note(connection: Connection, shard: str, rounds: Sequence[RoundProgress], at: datetime) -> None:
    """Note how far rounds are."""
    for progress in rounds:
        _write(connection, shard, progress, at)


def rounds(connection: Connection, limit: int, *, every: bool) -> list[StoredRound]:
    """The newest rounds first; only those that are open unless `every`."""
    where = "" if every else "WHERE state IN ('running', 'paused')"
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM rounds {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  constants
        (limit,),
    )
    return [_round(row) for row in found]


def steer(connection: Connection, number: int, state: RoundState, by: str, now: datetime) -> StoredRound:
    """A person pauses, resumes or cancels a round; raises UnknownRound, RefusedByRule for one that has ended."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM rounds WHERE id = ?", (number,)).fetchone()  # noqa: S608
    if row is None:
        raise UnknownRound(f"no round has the number {number}; `headend rounds list --all` shows them")
    found = _round(row)
    if found.progress.state not in (RoundState.RUNNING, RoundState.PAUSED):
        raise RefusedByRule(f"round {number} of {found.progress.schedule} has ended: it is {found.progress.state}")
    connection.execute(
        "UPDATE rounds SET state = ?, changed_at = ?, changed_by = ? WHERE id = ?",
        (state.value, to_micros(now), by, number),
    )
    payload = {"round": number, "schedule": found.progress.schedule, "slot": found.progress.slot, "by": by}
    emit(connection, now, f"round.{state}", payload=payload)
    return _round(connection.execute(f"SELECT {_COLUMNS} FROM rounds WHERE id = ?", (number,)).fetchone())  # noqa: S608


def suspend(connection: Connection, schedule: str, by: str, now: datetime) -> None:
    """A person suspends a schedule: no slot of it begins."""
    added = connection.execute(
        "INSERT INTO suspended_schedules (schedule, at, by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (schedule, to_micros(now), by),
    ).rowcount
    if added:
        emit(connection, now, "schedule.suspended", payload={"schedule": schedule, "by": by})


def resume(connection: Connection, schedule: str, by: str, now: datetime) -> bool:
    """A person lets a schedule go on; False when it was not suspended."""
    gone = connection.execute("DELETE FROM suspended_schedules WHERE schedule = ?", (schedule,)).rowcount
    if gone:
        emit(connection, now, "schedule.resumed", payload={"schedule": schedule, "by": by})
    return bool(gone)


def suspensions(connection: Connection) -> dict[str, tuple[datetime, str]]:
    """Suspended schedules, with when and by whom."""
    rows = connection.execute("SELECT schedule, at, by FROM suspended_schedules ORDER BY schedule")
    return {schedule: (from_micros(at), by) for schedule, at, by in rows}


def _write(connection: Connection, shard: str, progress: RoundProgress, at: datetime) -> None:
    """The figures always; the state only from running to an end, since pausing and cancelling are a person's."""
    ended = progress.state in (RoundState.DONE, RoundState.SUPERSEDED)
    connection.execute(
        "INSERT INTO rounds (schedule, slot, shard, state, size, left_over, done, given_up, started_at, changed_at,"
        " changed_by) VALUES (:schedule, :slot, :shard, :state, :size, :left, :done, :given_up, :at, :at, :by)"
        " ON CONFLICT (schedule, slot, shard) DO UPDATE SET size = excluded.size, left_over = excluded.left_over,"
        " done = excluded.done, given_up = excluded.given_up,"
        " state = CASE WHEN :ended AND state IN ('running', 'paused') THEN excluded.state ELSE state END,"
        " changed_at = excluded.changed_at",
        {
            "schedule": progress.schedule,
            "slot": to_micros(progress.slot),
            "shard": shard,
            "state": progress.state.value,
            "size": progress.size,
            "left": progress.left,
            "done": progress.done,
            "given_up": progress.given_up,
            "at": to_micros(at),
            "by": _COLLECTOR,
            "ended": ended,
        },
    )


def _round(row: tuple[Any, ...]) -> StoredRound:
    number, schedule, slot, shard, state, size, left, done, given_up, started_at, changed_at, changed_by = row
    progress = RoundProgress(schedule, from_micros(slot), size, left, done, given_up, RoundState(state))
    return StoredRound(number, progress, shard, from_micros(started_at), from_micros(changed_at), changed_by)
