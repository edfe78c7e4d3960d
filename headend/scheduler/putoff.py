"""Work that waits for a time: a meter is left alone for a while, what is due there is not forgotten."""

import heapq
from collections.abc import Iterator
from datetime import datetime

from attrs import define, field

from headend.scheduler.backlog import Work


@define
class PutOff:
    """At most one piece of work a meter; more for the same meter is added to it, and does not wait longer."""

    _work: dict[str, tuple[datetime, Work]] = field(factory=dict)
    _times: list[tuple[datetime, str]] = field(factory=list)

    def __len__(self) -> int:
        return len(self._work)

    def add(self, work: Work, until: datetime) -> None:
        """Keep it until then."""
        serial = work.meter.serial
        waiting = self._work.get(serial)
        if waiting is not None:
            waiting[1].merge(work)
            return
        self._work[serial] = (until, work)
        heapq.heappush(self._times, (until, serial))

    def take(self, serial: str) -> Work | None:
        """What waits for a meter, before its time; None when nothing does."""
        waiting = self._work.pop(serial, None)
        return None if waiting is None else waiting[1]

    def due(self, now: datetime) -> Iterator[Work]:
        """Take out what has waited long enough."""
        while self._times and self._times[0][0] <= now:
            until, serial = heapq.heappop(self._times)
            waiting = self._work.get(serial)
            # An entry whose work was taken early says nothing about what was put off since.
            if waiting is not None and waiting[0] == until:
                del self._work[serial]
                yield waiting[1]

    def all(self) -> list[Work]:
        """Everything that waits."""
        return [work for _, work in self._work.values()]
