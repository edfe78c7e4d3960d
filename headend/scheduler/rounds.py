"""One slot of a schedule in progress: which meters are still to come, handed out as their offsets pass."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from headend.meters.inventory import Meter
from headend.scheduler.plan import Schedule
from headend.scheduler.steering import RoundKey, RoundProgress, RoundState

#: Before every offset of a slot.
_OVERDUE: Final = -1.0


@define
class Round:
    """The meters of a slot in the order of their offsets; only a position moves, however large the fleet.

    `before` counts the meters that were done before a restart; `changed` tells that there is progress to be written.
    """

    schedule: Schedule
    slot: datetime
    _order: list[tuple[float, Meter]]
    before: int = 0
    state: RoundState = RoundState.RUNNING
    changed: bool = True
    _position: int = 0
    _done: int = 0
    _given_up: int = 0

    @property
    def key(self) -> RoundKey:
        """Schedule and slot."""
        return self.schedule.name, self.slot

    @property
    def left(self) -> int:
        """Meters not handed out yet."""
        return len(self._order) - self._position

    @property
    def size(self) -> int:
        """Meters of the round."""
        return len(self._order) + self.before

    @property
    def outstanding(self) -> int:
        """Meters that were handed out and neither done nor given up."""
        return self._position - self._done - self._given_up

    @property
    def progress(self) -> RoundProgress:
        """How far it is; done when every meter is, or was given up."""
        state = self.state
        if state is RoundState.RUNNING and not self.left and not self.outstanding:
            state = RoundState.DONE
        return RoundProgress(
            self.schedule.name, self.slot, self.size, self.left, self._done + self.before, self._given_up, state
        )

    def settle(self, *, done: bool) -> None:
        """A meter that was handed out is done, or given up for this slot."""
        if not self.outstanding:
            return
        self._done += done
        self._given_up += not done
        self.changed = True

    def not_taken(self) -> set[str]:
        """The serials of the meters not handed out yet."""
        return {meter.serial for _, meter in self._order[self._position :]}

    def next_at(self) -> datetime | None:
        """When the next meter is due, None when none is left or the round does not run."""
        if self._position == len(self._order) or self.state is not RoundState.RUNNING:
            return None
        return self.slot + timedelta(seconds=self._order[self._position][0])

    def take(self, now: datetime) -> Meter | None:
        """The next meter whose time has come, None when none has."""
        due = self.next_at()
        if due is None or due > now:
            return None
        self._position += 1
        self.changed = True
        return self._order[self._position - 1][1]


def start_round(
    schedule: Schedule,
    slot: datetime,
    meters: Iterable[Meter],
    served: Collection[str] = frozenset(),
    unfinished: Round | None = None,
) -> Round:
    """A round over the schedule's meters, without those that are `served` in it: so it goes on after a restart.

    Those that an `unfinished` round of the same schedule did not come to go first, so that an overloaded fleet is
    visited in turn and nobody is always last.
    """
    overdue = set() if unfinished is None else unfinished.not_taken()
    covered = [meter for meter in meters if schedule.covers(meter)]
    order = [
        (_OVERDUE if meter.serial in overdue else schedule.offset(meter.serial).total_seconds(), meter)
        for meter in covered
        if meter.serial not in served
    ]
    order.sort(key=_offset)
    return Round(schedule, slot, order, before=len(covered) - len(order))


def _offset(entry: tuple[float, Meter]) -> float:
    return entry[0]
