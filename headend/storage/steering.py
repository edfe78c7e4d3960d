"""SteeringStore on SQLite, and the same for people: rounds, suspended schedules, what was given up."""

from collections.abc import Collection, Sequence
from datetime import datetime

from attrs import define, evolve

from headend.scheduler.ports import Ours, everywhere
from headend.scheduler.steering import GivenUp, Orders, RoundProgress, RoundState
from headend.session.ports import Now
from headend.storage import givenup, rounds
from headend.storage.readers import Readers
from headend.storage.rounds import StoredRound
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer


@define(eq=False)
class Steering:
    """What the collector notes, and what people want of it."""

    _writer: Writer
    _readers: Readers
    _now: Now

    # For the collector

    async def orders(self, shard: str, ours: Ours = everywhere) -> Orders:
        """What people want now; work that was asked for again, at meters of ours, is given out once."""
        found, requeued = await self._readers.run(lambda connection: _orders(connection, shard, ours))
        if not requeued:
            return found
        return evolve(
            found, requeued=await self._writer.run(lambda connection: givenup.take_requeued(connection, ours))
        )

    async def begin_round(self, shard: str, progress: RoundProgress, at: datetime) -> RoundState:
        """Note that a round began or goes on; the state that it has."""
        return await self._writer.run(lambda connection: rounds.begin(connection, shard, progress, at))

    async def divide(self, shards: Collection[str]) -> None:
        """The fleet is visited in these shards from now on; rounds of other ones go on in these."""
        await self._writer.run(lambda connection: rounds.forget_others(connection, shards))

    async def note_rounds(self, shard: str, told: Sequence[RoundProgress], at: datetime) -> None:
        """Note how far rounds are."""
        await self._writer.run(lambda connection: rounds.note(connection, shard, told, at))

    async def given_up(self) -> list[GivenUp]:
        """Everything that was given up."""
        return await self._readers.run(givenup.entries)

    async def give_up(self, work: Sequence[GivenUp]) -> None:
        """Note work that is not tried again."""
        await self._writer.run(lambda connection: givenup.give_up(connection, work))

    async def took_up(self, meters: Sequence[str]) -> None:
        """What was given up at these meters is done after all."""
        await self._writer.run(lambda connection: givenup.took_up(connection, meters))

    # For people

    async def rounds(self, limit: int = 50, *, every: bool = False) -> list[StoredRound]:
        """The newest rounds first; only those that are open unless `every`."""
        return await self._readers.run(lambda connection: rounds.rounds(connection, limit, every=every))

    async def steer(self, number: int, state: RoundState, by: str) -> StoredRound:
        """Pause, resume or cancel a round; raises UnknownRound, RefusedByRule for one that has ended."""
        return await self._writer.run(lambda connection: rounds.steer(connection, number, state, by, self._now()))

    async def given_up_in(self, office: str, limit: int = 200) -> list[GivenUp]:
        """What was given up in an office and all below it, the oldest first."""
        return await self._readers.run(lambda connection: givenup.entries(connection, office, limit))

    async def requeue(self, meters: Sequence[str] | None) -> int:
        """Ask for work to be taken up again, at these meters or (None) at all; raises UnknownMeter."""
        return await self._writer.run(lambda connection: givenup.requeue(connection, meters))

    async def suspend(self, schedule: str, by: str) -> None:
        """No slot of the schedule begins until it is resumed; a round under way goes on."""
        await self._writer.run(lambda connection: rounds.suspend(connection, schedule, by, self._now()))

    async def resume(self, schedule: str, by: str) -> bool:
        """Let the schedule go on; False when it was not suspended."""
        return await self._writer.run(lambda connection: rounds.resume(connection, schedule, by, self._now()))

    async def suspensions(self) -> dict[str, tuple[datetime, str]]:
        """Suspended schedules, with when and by whom."""
        return await self._readers.run(rounds.suspensions)


def _orders(connection: Connection, shard: str, ours: Ours) -> tuple[Orders, bool]:
    orders = Orders(rounds.states(connection, shard), rounds.suspended(connection))
    return orders, bool(givenup.requeued(connection, ours))
