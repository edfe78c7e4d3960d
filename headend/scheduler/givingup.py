"""What is not tried again by itself: kept with its first cause, taken up when the meter answers or a person asks."""

from collections.abc import Iterable
from datetime import datetime

from attrs import define, evolve, field

from headend.scheduler.backlog import Urgency, Work
from headend.scheduler.backoff import Backoff
from headend.scheduler.steering import GivenUp, SteeringStore

#: After all rounds: what was missed for long can wait a little more.
_LAST = Urgency.ROUTINE + 9


@define(eq=False)
class GivingUp:
    """The list, and what of it has changed since it was written."""

    store: SteeringStore
    _entries: dict[str, GivenUp] = field(init=False, factory=dict)
    #: Meters whose work was taken up again and has not ended yet.
    _again: set[str] = field(init=False, factory=set)
    _new: dict[str, GivenUp] = field(init=False, factory=dict)
    _over: set[str] = field(init=False, factory=set)

    async def load(self) -> None:
        """What was given up before this process started."""
        self._entries = {each.meter: each for each in await self.store.given_up()}

    def add(self, work: Work, standing: Backoff, now: datetime) -> None:
        """Give up the tasks of a piece of work."""
        serial = work.meter.serial
        earlier = self._entries.get(serial)
        entry = GivenUp(
            meter=serial,
            tasks=work.tasks,
            outcome=standing.outcome,
            first_cause=standing.first_error,
            failures=standing.failures,
            first_at=standing.first_at,
            at=now,
        )
        if earlier is not None:
            tasks = tuple(dict.fromkeys((*earlier.tasks, *work.tasks)))
            entry = evolve(entry, tasks=tasks, first_cause=earlier.first_cause, first_at=earlier.first_at)
        self._entries[serial] = self._new[serial] = entry
        self._again.discard(serial)
        self._over.discard(serial)

    def answered(self, work: Work, now: datetime) -> Work | None:
        """The meter was visited with success: what was given up there is done with it, or is now to be done."""
        serial = work.meter.serial
        entry = self._entries.get(serial)
        if entry is None:
            return None
        if set(entry.tasks) <= set(work.tasks):
            del self._entries[serial]
            self._again.discard(serial)
            self._new.pop(serial, None)
            self._over.add(serial)
            return None
        return self.take_up(work, now)

    def take_up(self, work: Work, now: datetime) -> Work | None:
        """What was given up at the meter of `work` as new work; None when nothing was, or it is under way."""
        serial = work.meter.serial
        entry = self._entries.get(serial)
        if entry is None or serial in self._again:
            return None
        self._again.add(serial)
        return Work(work.meter, _LAST, now, tasks=entry.tasks)

    def failed(self, serial: str) -> None:
        """What was taken up did not come to its end; it is taken up again at the next occasion."""
        self._again.discard(serial)

    async def note(self) -> None:
        """Write what has changed."""
        if self._new:
            new, self._new = self._new, {}
            await self._kept(new)
        if self._over:
            over, self._over = self._over, set()
            await self._forgotten(over)

    async def _kept(self, new: dict[str, GivenUp]) -> None:
        try:
            await self.store.give_up(tuple(new.values()))
        except BaseException:
            self._new = new | self._new
            raise

    async def _forgotten(self, over: Iterable[str]) -> None:
        try:
            await self.store.took_up(tuple(over))
        except BaseException:
            self._over.update(over)
            raise
