"""The daily search for gaps: the fleet in slices, so that it never holds anything up, and what is found is filled."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from attrs import define, field

from headend.meters.inventory import Meter
from headend.scheduler.backlog import Urgency, Work
from headend.scheduler.gaps import Gap, Periodic, wraps_at
from headend.scheduler.inventory import Inventory

#: Meters in one transaction of the search: some milliseconds.
_SLICE: Final = 100
_DAY: Final = timedelta(days=1)
#: So long after the start the first search begins: what is due goes first.
_FIRST: Final = timedelta(minutes=1)
#: A gap whose meter overwrites it within two days goes before all other collection.
_SOON: Final = 2 * _DAY


class GapStore(Protocol):
    """The store as the search sees it."""

    async def search_gaps(self, wanted: Sequence[tuple[str, Sequence[Periodic]]]) -> dict[str, tuple[Gap, ...]]:
        """Look at what came to these meters' profiles; their open gaps by serial, where there are any."""
        ...


@define(eq=False)
class GapSearch:
    """`profiles` gives the periodic profiles of a meter's model."""

    store: GapStore
    profiles: Callable[[Meter], Sequence[Periodic]]
    _left: list[str] = field(init=False, factory=list)
    _next: datetime | None = field(init=False, default=None)

    async def step(self, inventory: Inventory, now: datetime) -> list[Work]:
        """Search one slice of the fleet, if the day's search is not over; the work that fills what was found."""
        if self._next is None:
            self._next = now + _FIRST
        if not self._left:
            if now < self._next:
                return []
            self._left = sorted(inventory.meters)
            self._next = now + _DAY
        serials, self._left = self._left[:_SLICE], self._left[_SLICE:]
        meters = [meter for serial in serials if (meter := inventory.meters.get(serial)) is not None]
        found = await self.store.search_gaps([(meter.serial, self.profiles(meter)) for meter in meters])
        return list(self._work(meters, found, now))

    def _work(self, meters: Sequence[Meter], found: dict[str, tuple[Gap, ...]], now: datetime) -> Iterator[Work]:
        for meter in meters:
            gaps = found.get(meter.serial)
            if not gaps:
                continue
            depths = {each.name: each for each in self.profiles(meter)}
            soon = any(_wraps(gap, depths.get(gap.profile), now) for gap in gaps)
            yield Work(meter, Urgency.ROUTINE + (0 if soon else 9), now, fills=gaps)


def _wraps(gap: Gap, profile: Periodic | None, now: datetime) -> bool:
    if profile is None or profile.depth is None:
        return False
    return wraps_at(gap, profile.depth, profile.period) - now < _SOON
