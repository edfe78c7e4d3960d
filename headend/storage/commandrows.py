"""Commands as rows: reading them, and the one statement that moves a command from one state to another."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from headend.commands.journal import LocalStateError
from headend.commands.model import Command, Origin, State, Step, Target
from headend.commands.transitions import sources
from headend.storage.errors import UnknownCommand
from headend.storage.events import emit
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: To be continued by the guard: the states that the table of transitions lists as sources.
_MOVE: Final = (
    "UPDATE commands SET state = ?, changed_at = ?, evidence = coalesce(?, evidence), attempts = attempts + ?"
    " WHERE id = ?"
)
_COLUMNS: Final = (
    "c.id, m.serial, c.target, c.cause, c.origin, c.reason, c.requested_by, c.requested_at, c.expires_at, c.state,"
    " c.changed_at, c.attempts, c.balance, c.balance_at, c.emergency, c.superseded_by, c.evidence"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM commands c JOIN meters m ON m.id = c.meter"  # noqa: S608  constant


def select(connection: Connection, where: str, parameters: Iterable[Any]) -> list[Command]:
    """Commands by a condition on `c` (commands) and `m` (meters), with whatever order and limit it ends in."""
    return [_command(row) for row in connection.execute(f"{_SELECT} WHERE {where}", tuple(parameters))]


def find(connection: Connection, command_id: int) -> Command | None:
    """One command, or None."""
    found = select(connection, "c.id = ?", (command_id,))
    return found[0] if found else None


def get(connection: Connection, command_id: int) -> Command:
    """One command; raises UnknownCommand."""
    found = find(connection, command_id)
    if found is None:
        raise UnknownCommand(command_id)
    return found


def move(
    connection: Connection, command_id: int, after: State, now: datetime, note: str, evidence: str | None = None
) -> Command:
    """Move a command to `after`, if the table allows that from where it stands; else raises LocalStateError.

    Writes the step and the event. A state that is quarantined or was never sent gives its place under the caps back.
    """
    before = get(connection, command_id)
    guard = sorted(state.value for state in sources(after))
    marks = ", ".join("?" * len(guard))
    changed = connection.execute(
        f"{_MOVE} AND state IN ({marks})",
        (after.value, to_micros(now), evidence, after is State.SENDING, command_id, *guard),
    ).rowcount
    if not changed:
        raise LocalStateError(f"command {command_id} is {before.state} and can't become {after}")
    if after in (State.QUARANTINED, State.EXPIRED, State.CANCELLED) and not before.attempts:
        connection.execute("UPDATE commands SET counted_at = NULL WHERE id = ?", (command_id,))
    record_step(connection, command_id, before.state, after, now, note)
    moved = get(connection, command_id)
    announce(connection, moved, now, note)
    return moved


def record_step(
    connection: Connection, command_id: int, before: State | None, after: State, now: datetime, note: str
) -> None:
    """Write one transition of a command."""
    connection.execute(
        "INSERT INTO command_steps (command, at, before, after, note) VALUES (?, ?, ?, ?, ?)",
        (command_id, to_micros(now), before.value if before else None, after.value, note),
    )


def announce(connection: Connection, command: Command, now: datetime, note: str) -> None:
    """Write the event of a command's new state."""
    (consumer_no,) = connection.execute("SELECT consumer_no FROM meters WHERE serial = ?", (command.meter,)).fetchone()
    emit(
        connection,
        now,
        f"command.{command.state.value}",
        meter=command.meter,
        consumer_no=consumer_no,
        payload={
            "id": command.id,
            "target": command.target,
            "origin": command.origin,
            "cause": command.cause,
            "reason": command.reason,
            "requested_by": command.requested_by,
            "note": note,
        },
    )


def steps_of(connection: Connection, command_id: int) -> list[Step]:
    """The transitions of a command, oldest first."""
    rows = connection.execute(
        "SELECT at, before, after, note FROM command_steps WHERE command = ? ORDER BY id", (command_id,)
    )
    return [
        Step(command_id, from_micros(at), State(before) if before else None, State(after), note)
        for at, before, after, note in rows
    ]


def _command(row: tuple[Any, ...]) -> Command:
    (row_id, serial, target, cause, origin, reason, requested_by, requested_at, expires_at, state, *rest) = row
    changed_at, attempts, balance, balance_at, emergency, superseded_by, evidence = rest
    return Command(
        id=row_id,
        meter=serial,
        target=Target(target),
        cause=cause,
        origin=Origin(origin),
        reason=reason,
        requested_by=requested_by,
        requested_at=from_micros(requested_at),
        expires_at=from_micros(expires_at),
        state=State(state),
        changed_at=from_micros(changed_at),
        attempts=attempts,
        balance=balance,
        balance_at=from_micros(balance_at),
        emergency=bool(emergency),
        superseded_by=superseded_by,
        evidence=evidence,
    )
