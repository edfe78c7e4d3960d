"""Rounds and suspended schedules, as the collector notes them and people steer them."""

from collections.abc import Collection, Sequence
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
#: More than a fleet is divided into.
_MOST_SHARDS: Final = 64
_OPEN: Final = (RoundState.RUNNING, RoundState.PAUSED)
#: The state of a round is the first of these that one of its shards is in.
_WEIGHT: Final = (
    RoundState.RUNNING,
    RoundState.PAUSED,
    RoundState.CANCELLED,
    RoundState.SUPERSEDED,
    RoundState.DONE,
)


class UnknownRound(HeadendError):  # noqa: N818  as the other unknowns
    """No round has that number."""

    exit_code = 2


@frozen
class StoredRound:
    """A round as people see it, over all shards; `progress` in meters."""

    id: int
    progress: RoundProgress
    shards: int
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
    """Note that a round began, or goes on in the state that it had, or that a person gave it in another shard."""
    connection.execute("DELETE FROM rounds WHERE changed_at < ?", (to_micros(at) - _KEPT_US,))
    _write(connection, shard, progress, at)
    key = (progress.schedule, to_micros(progress.slot))
    connection.execute(
        "UPDATE rounds SET (state, changed_by) = (SELECT o.state, o.changed_by FROM rounds o WHERE o.schedule = ?"
        " AND o.slot = ? AND o.shard <> ? AND o.state IN ('paused', 'cancelled') ORDER BY o.id DESC LIMIT 1)"
        " WHERE schedule = ? AND slot = ? AND shard = ? AND state = 'running' AND changed_by = ? AND EXISTS (SELECT 1"
        " FROM rounds o WHERE o.schedule = ? AND o.slot = ? AND o.shard <> ? AND o.state IN ('paused', 'cancelled'))",
        (*key, shard, *key, shard, _COLLECTOR, *key, shard),
    )
    (state,) = connection.execute(
        "SELECT state FROM rounds WHERE schedule = ? AND slot = ? AND shard = ?", (*key, shard)
    ).fetchone()
    return RoundState(state)


def forget_others(connection: Connection, shards: Collection[str]) -> None:
    """The fleet is divided into these shards now: rounds of others go on in theirs, paused where those were paused."""
    rows = connection.execute("SELECT id, shard FROM rounds WHERE state = 'running'").fetchall()
    connection.executemany(
        "DELETE FROM rounds WHERE id = ?", [(number,) for number, shard in rows if shard not in shards]
    )


def note(connection: Connection, shard: str, rounds: Sequence[RoundProgress], at: datetime) -> None:
    """Note how far rounds are."""
    for progress in rounds:
        _write(connection, shard, progress, at)


def rounds(connection: Connection, limit: int, *, every: bool) -> list[StoredRound]:
    """The newest rounds first; only those that are open unless `every`."""
    where = "" if every else " AND state IN ('running', 'paused')"
    keys = connection.execute(
        "SELECT schedule, slot FROM rounds WHERE id > (SELECT max(id) - ? FROM rounds)"  # noqa: S608  constants
        f"{where} GROUP BY schedule, slot ORDER BY max(id) DESC LIMIT ?",
        (limit * _MOST_SHARDS, limit),
    ).fetchall()
    found = [_whole(connection, schedule, slot) for schedule, slot in keys]
    return [each for each in found if every or each.progress.state in _OPEN]


def steer(connection: Connection, number: int, state: RoundState, by: str, now: datetime) -> StoredRound:
    """A person pauses, resumes or cancels a round; raises UnknownRound, RefusedByRule for one that has ended."""
    row = connection.execute("SELECT schedule, slot FROM rounds WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownRound(f"no round has the number {number}; `headend rounds list --all` shows them")
    found = _whole(connection, *row)
    if found.progress.state not in _OPEN:
        raise RefusedByRule(f"round {number} of {found.progress.schedule} has ended: it is {found.progress.state}")
    connection.execute(
        "UPDATE rounds SET state = ?, changed_at = ?, changed_by = ? WHERE schedule = ? AND slot = ?"
        " AND state IN ('running', 'paused')",
        (state.value, to_micros(now), by, *row),
    )
    payload = {"round": found.id, "schedule": found.progress.schedule, "slot": found.progress.slot, "by": by}
    emit(connection, now, f"round.{state}", payload=payload)
    return _whole(connection, *row)


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


def _whole(connection: Connection, schedule: str, slot: int) -> StoredRound:
    """The round of a slot over the shards into which the fleet was divided last."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM rounds WHERE schedule = ? AND slot = ? ORDER BY id",  # noqa: S608  constant
        (schedule, slot),
    ).fetchall()
    shards: list[tuple[Any, ...]] = [row for row in rows if _division(row) == _division(rows[-1])]
    states = {RoundState(row[4]) for row in shards}
    size, left, done, given_up = (sum(row[column] for row in shards) for column in (5, 6, 7, 8))
    state = next(each for each in _WEIGHT if each in states)
    progress = RoundProgress(schedule, from_micros(slot), size, left, done, given_up, state)
    changed = max(shards, key=_changed_by_a_person)
    return StoredRound(
        id=shards[0][0],
        progress=progress,
        shards=len(shards),
        started_at=from_micros(min(row[9] for row in shards)),
        changed_at=from_micros(max(row[10] for row in shards)),
        changed_by=changed[11],
    )


def _division(row: tuple[Any, ...]) -> str:
    return str(row[3]).partition("/")[2]


def _changed_by_a_person(row: tuple[Any, ...]) -> tuple[bool, int]:
    return row[11] != _COLLECTOR, row[10]
