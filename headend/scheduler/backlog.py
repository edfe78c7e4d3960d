"""What waits to be visited, most urgent first, never twice the same meter.

Lanes without a permit are set aside until one comes back, so that looking for the next visit costs the same whether
ten or a million meters wait behind a gateway that is full.
"""

import heapq
from collections.abc import Callable
from datetime import datetime
from enum import Enum, IntEnum

from attrs import define, field

from headend.meters.inventory import Meter
from headend.scheduler.gaps import Gap
from headend.scheduler.ports import ReadRequest


class Urgency(IntEnum):
    """The order of work; within one, first come first served. Schedules lie between ROUTINE and ROUTINE + 9."""

    RECONNECT = 0
    RELAY = 1
    READ = 2
    ROUTINE = 10


@define(eq=False)
class Work:
    """What is to be done at one meter; more is added while it waits. `schedules`: whose slots it belongs to."""

    meter: Meter
    urgency: int
    since: datetime
    tasks: tuple[str, ...] = ()
    relay: bool = False
    reconnect: bool = False
    reads: list[ReadRequest] = field(factory=list)
    schedules: tuple[str, ...] = ()
    fills: tuple[Gap, ...] = ()

    def merge(self, other: "Work") -> None:
        """Add another piece of work for the same meter."""
        self.urgency = min(self.urgency, other.urgency)
        self.since = min(self.since, other.since)
        self.tasks = tuple(dict.fromkeys((*self.tasks, *other.tasks)))
        self.relay = self.relay or other.relay
        self.reconnect = self.reconnect or other.reconnect
        self.reads.extend(other.reads)
        if other.schedules:
            self.schedules = tuple(dict.fromkeys((*self.schedules, *other.schedules)))
        if other.fills:
            self.fills = tuple(dict.fromkeys((*self.fills, *other.fills)))


class Verdict(Enum):
    """Whether work may start: now, not in this lane, or nothing as little urgent at all."""

    START = "start"
    LANE_FULL = "lane_full"
    STOP = "stop"


#: Urgency, order of arrival, and the meter (in a lane's heap) or the lane (among the heads of all lanes).
_Entry = tuple[int, int, str]


@define
class Backlog:
    """Work that may start as soon as there is a permit."""

    _work: dict[str, Work] = field(factory=dict)
    _entries: dict[str, _Entry] = field(factory=dict)
    _lanes: dict[str, list[_Entry]] = field(factory=dict)
    _heads: list[_Entry] = field(factory=list)
    _parked: set[str] = field(factory=set)
    _arrivals: int = 0

    def __len__(self) -> int:
        return len(self._work)

    def __contains__(self, serial: str) -> bool:
        return serial in self._work

    @property
    def ready_lanes(self) -> int:
        """Lanes with work that are not set aside."""
        return len(self._lanes) - len(self._parked)

    def drain(self) -> list[Work]:
        """Take everything out, in no order."""
        work = list(self._work.values())
        for container in (self._work, self._entries, self._lanes, self._heads, self._parked):
            container.clear()
        return work

    def oldest(self) -> datetime | None:
        """Since when the longest waiting work waits."""
        return min((work.since for work in self._work.values()), default=None)

    def push(self, work: Work) -> None:
        """Add work, to that which already waits for the same meter if there is any."""
        serial = work.meter.serial
        waiting = self._work.get(serial)
        if waiting is None:
            self._work[serial] = work
            self._enter(work)
            return
        urgency = waiting.urgency
        waiting.merge(work)
        if waiting.urgency < urgency:
            self._enter(waiting)

    def pop(self, verdict: Callable[[Work], Verdict]) -> Work | None:
        """Take the most urgent work that may start; None when nothing may.

        A lane that is full is set aside until `unpark`, or until more urgent work comes for it.
        """
        while self._heads:
            head = heapq.heappop(self._heads)
            lane = head[2]
            top = None if lane in self._parked else self._top(lane)
            if top is None or head[:2] > top[:2]:
                continue
            if head[:2] < top[:2]:
                heapq.heappush(self._heads, (*top[:2], lane))
                continue
            work = self._work[top[2]]
            match verdict(work):
                case Verdict.START:
                    self._leave(work)
                    return work
                case Verdict.LANE_FULL:
                    self._parked.add(lane)
                case Verdict.STOP:
                    heapq.heappush(self._heads, head)
                    return None
        return None

    def unpark(self, lane: str) -> None:
        """A permit of the lane came back, or the lane is in order again."""
        if lane in self._parked:
            self._parked.discard(lane)
            self._offer(lane)

    def unpark_all(self) -> None:
        """Look at every lane again."""
        for lane in tuple(self._parked):
            self.unpark(lane)

    def _enter(self, work: Work) -> None:
        lane, serial = work.meter.lane_name, work.meter.serial
        self._arrivals += 1
        entry = (work.urgency, self._arrivals, serial)
        self._entries[serial] = entry
        heapq.heappush(self._lanes.setdefault(lane, []), entry)
        if self._top(lane) == entry:
            self._parked.discard(lane)
            self._offer(lane)

    def _leave(self, work: Work) -> None:
        lane, serial = work.meter.lane_name, work.meter.serial
        del self._work[serial]
        del self._entries[serial]
        self._offer(lane)

    def _offer(self, lane: str) -> None:
        if (top := self._top(lane)) is not None:
            heapq.heappush(self._heads, (*top[:2], lane))

    def _top(self, lane: str) -> _Entry | None:
        """The lane's most urgent entry, after dropping those whose work has left or became more urgent."""
        heap = self._lanes.get(lane, [])
        while heap and self._entries.get(heap[0][2]) != heap[0]:
            heapq.heappop(heap)
        if heap:
            return heap[0]
        self._lanes.pop(lane, None)
        return None
