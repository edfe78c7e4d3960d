"""One slot of a schedule in progress: which meters are still to come, handed out as their offsets pass."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from headend.meters.inventory import Meter
from headend.scheduler.plan import Schedule

#: Before every offset of a slot.
_OVERDUE: Final = -1.0


@define
class Round:
    """The meters of a slot in the order of their offsets; only a position moves, however large the fleet."""

    schedule: Schedule
    slot: datetime
    _order: list[tuple[float, Meter]]
    _position: int = 0

    @property
    def left(self) -> int:
        """Meters not handed out yet."""
        return len(self._order) - self._position

    @property
    def size(self) -> int:
        """Meters of the round."""
        return len(self._order)

    def not_taken(self) -> set[str]:
        """The serials of the meters not handed out yet."""
        return {meter.serial for _, meter in self._order[self._position :]}

    def next_at(self) -> datetime | None:
        """When the next meter is due, None when none is left."""
        if self._position == len(self._order):
            return None
        return self.slot + timedelta(seconds=self._order[self._position][0])

    def take(self, now: datetime) -> Meter | None:
        """The next meter whose time has come, None when none has."""
        due = self.next_at()
        if due is None or due > now:
            return None
        self._position += 1
        return self._order[self._position - 1][1]


def start_round(
    schedule: Schedule,
    slot: datetime,
    meters: Iterable[Meter],
    visited: Mapping[str, datetime],
    since: datetime | None,
    unfinished: Round | None = None,
) -> Round:
    """A round over the schedule's meters.

    With `since`, meters that were visited at or after it are left out: that is how a round goes on after a restart.
    Those that an `unfinished` round of the same schedule did not come to go first, so that an overloaded fleet is
    visited in turn and nobody is always last.
    """
    overdue = set() if unfinished is None else unfinished.not_taken()
    order = [
        (_OVERDUE if meter.serial in overdue else schedule.offset(meter.serial).total_seconds(), meter)
        for meter in meters
        if schedule.covers(meter.group) and not _done(visited.get(meter.serial), since)
    ]
    order.sort(key=_offset)
    return Round(schedule, slot, order)


def _offset(entry: tuple[float, Meter]) -> float:
    return entry[0]


def _done(visited: datetime | None, since: datetime | None) -> bool:
    return since is not None and visited is not None and visited >= since
