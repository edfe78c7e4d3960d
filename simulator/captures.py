"""When a profile captured: rows are known by their place and by the time the clock showed; none is stored."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from attrs import frozen

from simulator.clock import DAY_MS, MeterClock, Setting, month_start


class Capture(NamedTuple):
    """What the clock showed (local) and when it truly was, in milliseconds.

    An event has its code too, and the energy register in mWh and the tamper count as they were then.
    """

    stamp: int
    at: int
    code: int = 0
    energy: int = 0
    tampers: int = 0


class Captures(Protocol):
    """The rows that a profile holds, oldest first."""

    def __len__(self) -> int: ...

    def entries(self, first: int, last: int) -> Sequence[Capture]:
        """Rows `first` to `last`, counted from 1, both included; what is not there is left out."""
        ...

    def between(self, start: int, end: int) -> Sequence[Capture]:
        """Rows whose stamp lies between `start` and `end`, both included."""
        ...


@frozen
class Listed:
    """Captures that are few enough to be a list."""

    rows: Sequence[Capture]

    def __len__(self) -> int:
        return len(self.rows)

    def entries(self, first: int, last: int) -> Sequence[Capture]:
        """See `Captures`."""
        return self.rows[max(first, 1) - 1 : max(last, 0)]

    def between(self, start: int, end: int) -> Sequence[Capture]:
        """See `Captures`."""
        return [row for row in self.rows if start <= row.stamp <= end]


class _Run(NamedTuple):
    """`length` stamps from `first` on, under one setting of the clock."""

    first: int
    length: int
    setting: Setting


@frozen
class Periodic:
    """Captures at every multiple of `period` ms of the clock's local time; the newest `depth` of them."""

    clock: MeterClock
    period: int
    runs: tuple[_Run, ...]

    @classmethod
    def until(cls, clock: MeterClock, now: int, period: int, depth: int) -> "Periodic":
        """The captures that happened up to the true time `now`."""
        runs: list[_Run] = []
        end = now
        for setting in reversed(clock.settings):
            room = depth - sum(run.length for run in runs)
            if room > 0 and end > setting.since:
                runs.insert(0, _run(clock, setting, end, period, room))
            end = min(end, setting.since - 1)
        return cls(clock, period, tuple(runs))

    def __len__(self) -> int:
        return sum(run.length for run in self.runs)

    def entries(self, first: int, last: int) -> Sequence[Capture]:
        """See `Captures`."""
        rows: list[Capture] = []
        offset = 0
        for run in self.runs:
            begin, end = max(first - 1 - offset, 0), min(last - offset, run.length)
            rows += self._rows(run, begin, end)
            offset += run.length
        return rows

    def between(self, start: int, end: int) -> Sequence[Capture]:
        """See `Captures`."""
        rows: list[Capture] = []
        for run in self.runs:
            begin = max(-((run.first - start) // self.period), 0)
            rows += self._rows(run, begin, min((end - run.first) // self.period + 1, run.length))
        return rows

    def _rows(self, run: _Run, begin: int, end: int) -> list[Capture]:
        stamps = range(run.first + begin * self.period, run.first + end * self.period, self.period)
        if run.setting.drift == 0:
            ahead = run.setting.offset + self.clock.zone_minutes * 60_000
            return [Capture(stamp, stamp - ahead) for stamp in stamps]
        return [Capture(stamp, self.clock.true(stamp, run.setting)) for stamp in stamps]


def _run(clock: MeterClock, setting: Setting, end: int, period: int, room: int) -> _Run:
    last = clock.shown(setting, end) // period
    before = clock.shown(setting, setting.since) // period
    count = max(min(last - before, room), 0)
    return _Run((last - count + 1) * period, count, setting)


def monthly(clock: MeterClock, now: int, depth: int) -> Listed:
    """Captures at the start of each month by the clock, the newest `depth` of them."""
    day = month_start(clock.local(now) // DAY_MS)
    days = [day]
    for _ in range(depth - 1):
        days.append(month_start(days[-1] - 1))
    setting = clock.settings[-1]
    return Listed([Capture(start * DAY_MS, clock.true(start * DAY_MS, setting)) for start in reversed(days)])
