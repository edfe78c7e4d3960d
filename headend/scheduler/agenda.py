"""What schedules ask for: slots that have come, rounds over the fleet, and what people want of both."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import structlog
from attrs import define, field

from headend.meters.inventory import Meter
from headend.scheduler.plan import Schedule, due_slot, next_slot
from headend.scheduler.ports import FleetStore
from headend.scheduler.rounds import Round, start_round
from headend.scheduler.steering import Orders, RoundKey, RoundProgress, RoundState, SteeringStore

_log = structlog.get_logger()


@define(eq=False)
class Agenda:
    """The rounds of all schedules. `shard` names the part of the fleet that this process visits."""

    schedules: tuple[Schedule, ...]
    steering: SteeringStore
    shard: str = ""
    _rounds: dict[str, Round] = field(init=False, factory=dict)
    _slots: dict[str, datetime] = field(init=False, factory=dict)
    _look_at: dict[str, datetime] = field(init=False, factory=dict)
    _suspended: frozenset[str] = field(init=False, factory=frozenset)
    _ended: list[RoundProgress] = field(init=False, factory=list)

    @property
    def handing_out(self) -> bool:
        """Whether a round has meters that it will still hand out."""
        return any(round_.left and round_.state is RoundState.RUNNING for round_ in self._rounds.values())

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds that have meters to hand out."""
        return tuple(round_ for round_ in self._rounds.values() if round_.left)

    def use(self, schedules: Iterable[Schedule]) -> None:
        """Go on with other schedules; rounds of those that are gone end."""
        self.schedules = tuple(schedules)
        names = {schedule.name for schedule in self.schedules}
        for name in self._rounds.keys() - names:
            self._end(self._rounds[name], RoundState.CANCELLED)
        self._look_at.clear()

    async def plan(self, store: FleetStore, meters: Mapping[str, Meter], now: datetime) -> None:
        """Begin the round of every slot that has come. The store is asked only then."""
        for schedule in self.schedules:
            if now < self._look_at.get(schedule.name, now) or schedule.name in self._suspended:
                continue
            slot = due_slot(schedule, now)
            if slot is not None and self._slots.get(schedule.name) != slot:
                await self._begin(schedule, slot, store, meters, now)
            self._look_at[schedule.name] = next_slot(schedule, now)

    async def _begin(
        self, schedule: Schedule, slot: datetime, store: FleetStore, meters: Mapping[str, Meter], now: datetime
    ) -> None:
        name = schedule.name
        claimed = await store.claim_slot(f"{name}#{self.shard}" if self.shard else name, slot)
        if not claimed and name in self._slots:
            self._slots[name] = slot
            return
        # A slot that was claimed before a restart goes on with the meters that were not served in it.
        served = frozenset() if claimed else await store.served_since(name, slot)
        earlier = self._rounds.get(name)
        round_ = start_round(schedule, slot, meters.values(), served, earlier)
        round_.state = await self.steering.begin_round(self.shard, round_.progress, now)
        self._slots[name] = slot
        if earlier is not None:
            self._end(earlier, RoundState.SUPERSEDED)
        if round_.state in (RoundState.DONE, RoundState.CANCELLED, RoundState.SUPERSEDED):
            return
        self._rounds[name] = round_
        _log.info(
            "round", schedule=name, slot=slot.isoformat(), meters=round_.size - round_.before, resumed=not claimed
        )

    def hand_out(self, now: datetime) -> Iterator[tuple[Meter, Schedule]]:
        """Meters whose time has come, the most urgent schedule first; the caller stops when it has enough."""
        for round_ in sorted(self._rounds.values(), key=_priority):
            while (meter := round_.take(now)) is not None:
                yield meter, round_.schedule

    def settle(self, schedules: Iterable[str], *, done: bool) -> None:
        """The tasks of these schedules are done at a meter, or given up there."""
        for name in schedules:
            round_ = self._rounds.get(name)
            if round_ is None:
                continue
            round_.settle(done=done)

    def obey(self, orders: Orders) -> None:
        """Do as people want."""
        if orders.suspended != self._suspended:
            self._suspended = orders.suspended
            self._look_at.clear()
        by_key: dict[RoundKey, Round] = {round_.key: round_ for round_ in self._rounds.values()}
        for key, wanted in orders.rounds.items():
            round_ = by_key.get(key)
            if round_ is None or round_.state is wanted:
                continue
            _log.info("round steered", schedule=key[0], slot=key[1].isoformat(), state=wanted.value)
            if wanted is RoundState.CANCELLED:
                self._end(round_, wanted)
            elif wanted in (RoundState.RUNNING, RoundState.PAUSED):
                round_.state = wanted

    async def note(self, now: datetime) -> None:
        """Write how far the rounds are, where that has changed."""
        changed = [round_ for round_ in self._rounds.values() if round_.changed]
        ended, self._ended = self._ended, []
        told = [*ended, *(round_.progress for round_ in changed)]
        if not told:
            return
        for round_ in changed:
            round_.changed = False
        try:
            await self.steering.note_rounds(self.shard, told, now)
        except BaseException:
            self._ended = [*ended, *self._ended]
            for round_ in changed:
                round_.changed = True
            raise
        for progress in told:
            round_of = self._rounds.get(progress.schedule)
            if round_of is not None and progress.state is RoundState.DONE and round_of.slot == progress.slot:
                del self._rounds[progress.schedule]
                _log.info(
                    "round done",
                    schedule=progress.schedule,
                    slot=progress.slot.isoformat(),
                    done=progress.done,
                    given_up=progress.given_up,
                )

    def _end(self, round_: Round, state: RoundState) -> None:
        round_.state = state
        self._ended.append(round_.progress)
        self._rounds.pop(round_.schedule.name, None)


def _priority(round_: Round) -> int:
    return round_.schedule.priority
