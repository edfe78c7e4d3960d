"""Work items in somebody's hands: taken, handed over, noted on, and opened by a person where the house saw no need."""

from datetime import datetime
from typing import Final

from attrs import define, frozen

from headend.commands.journal import RefusedByRule
from headend.session.ports import Now
from headend.storage.errors import UnknownWork
from headend.storage.inventory import known
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.workitems import WorkKind, open_of_meter
from headend.storage.writer import Writer

#: What a person may make an item of a meter for.
BY_HAND: Final = (WorkKind.GIVEN_UP, WorkKind.CONFLICT, WorkKind.CLOCK_OFF, WorkKind.TAMPER)


@frozen
class WorkStep:
    """What somebody did with an item; `did`: opened, took, handed_over, gave_back, noted. `owner` from then on."""

    at: datetime
    by: str
    did: str
    owner: str | None
    note: str


@define(eq=False)
class WorkCare:
    """Who cares for which item. Methods that name an item raise UnknownWork, and RefusedByRule for a closed one."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def steps(self, number: int) -> list[WorkStep]:
        """What was done with an item, oldest first."""
        return await self._readers.run(lambda connection: _steps(connection, number))

    async def take(self, number: int, by: str) -> None:
        """Take an item, from whoever has it."""
        await self._writer.run(lambda connection: _step(connection, number, by, "took", by, "", self._now()))

    async def hand_over(self, number: int, by: str, owner: str, note: str) -> None:
        """Give an item to somebody else."""
        await self._writer.run(
            lambda connection: _step(connection, number, by, "handed_over", owner, note, self._now())
        )

    async def give_back(self, number: int, by: str, note: str) -> None:
        """Leave an item to whoever takes it next."""
        await self._writer.run(lambda connection: _step(connection, number, by, "gave_back", None, note, self._now()))

    async def note(self, number: int, by: str, note: str) -> None:
        """Write down what was found or done; the item stays where it is."""
        await self._writer.run(
            lambda connection: _step(connection, number, by, "noted", _owner(connection, number), note, self._now())
        )

    async def open_by_hand(self, serial: str, kind: WorkKind, by: str, note: str) -> int:
        """Make an item of a meter, and take it; RefusedByRule where one of the kind is open."""
        return await self._writer.run(lambda connection: _by_hand(connection, serial, kind, by, note, self._now()))


def _steps(connection: Connection, number: int) -> list[WorkStep]:
    rows = connection.execute("SELECT at, by, did, owner, note FROM work_steps WHERE item = ? ORDER BY id", (number,))
    return [WorkStep(from_micros(at), by, did, owner, note) for at, by, did, owner, note in rows]


def _owner(connection: Connection, number: int) -> str | None:
    row = connection.execute("SELECT owner, closed_by FROM work_items WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownWork(number)
    if row[1] is not None:
        raise RefusedByRule(f"work item {number} was closed by {row[1]} already")
    return None if row[0] is None else str(row[0])


def _step(connection: Connection, number: int, by: str, did: str, owner: str | None, note: str, now: datetime) -> None:
    if owner == _owner(connection, number) and did != "noted":
        raise RefusedByRule(f"work item {number}: {owner or 'nobody'} has it already")
    connection.execute(
        "INSERT INTO work_steps (item, at, by, did, owner, note) VALUES (?, ?, ?, ?, ?, ?)",
        (number, to_micros(now), by, did, owner, note),
    )
    connection.execute("UPDATE work_items SET owner = ? WHERE id = ?", (owner, number))


def _by_hand(connection: Connection, serial: str, kind: WorkKind, by: str, note: str, now: datetime) -> int:
    meter = known(connection, serial)
    if not open_of_meter(connection, meter, kind, f"{by}: {note}", now):
        raise RefusedByRule(f"meter {serial}: an item of this kind is open already")
    (number,) = connection.execute(
        "SELECT id FROM work_items WHERE meter = ? AND kind = ? AND command IS NULL AND closed_at IS NULL",
        (meter.id, kind.value),
    ).fetchone()
    connection.execute(
        "INSERT INTO work_steps (item, at, by, did, owner, note) VALUES (?, ?, ?, 'opened', ?, ?)",
        (number, to_micros(now), by, by, note),
    )
    connection.execute("UPDATE work_items SET owner = ? WHERE id = ?", (by, number))
    return int(number)
