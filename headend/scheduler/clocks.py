"""Setting meters' clocks: rarely, never over the boundary of an interval, and verified by reading back."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from attrs import define, field, frozen

from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading
from headend.scheduler.outcomes import ends_visit
from headend.scheduler.ports import ClockSet
from headend.session.ports import Now

_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  local time is counted, in which intervals begin


@frozen
class ClockRules:
    """A clock is set that is off by `least` up to `most`; beyond, a person looks at it. `interval`: a divisor of every
    capture period; within `margin` of its end no clock is set. ValueError where nothing could be set.
    """  # noqa: D205  one rule after the other

    on: bool = True
    least: timedelta = timedelta(seconds=15)
    most: timedelta = timedelta(minutes=10)
    every: timedelta = _DAY
    interval: timedelta = timedelta(minutes=15)
    margin: timedelta = timedelta(minutes=1)

    def __attrs_post_init__(self) -> None:
        """Refuse rules under which no clock could be set."""
        if not timedelta(0) < self.least < self.most:
            raise ValueError("set_from must be above nothing and below set_up_to")
        if self.interval <= self.margin:
            raise ValueError("interval must be longer than a minute")


class Advice(StrEnum):
    """What to do with a clock."""

    LEAVE = "leave"
    SET = "set"
    #: It is off, and the moment is wrong: the next visit may set it.
    WAIT = "wait"
    TOO_FAR = "too_far"


def advise(reading: ClockReading, zone: ZoneInfo, rules: ClockRules) -> Advice:
    """What to do with a clock as it was just read."""
    off = timedelta(seconds=abs(reading.deviation))
    if not rules.on or off < rules.least:
        return Advice.LEAVE
    if off > rules.most:
        return Advice.TOO_FAR
    # A clock that is moved over a boundary makes a meter capture an interval twice, or leave one out.
    theirs, ours = _place(reading.meter_time, zone, rules), _place(reading.received, zone, rules)
    if theirs[0] != ours[0] or max(theirs[1], ours[1]) > rules.interval - rules.margin:
        return Advice.WAIT
    return Advice.SET


def _place(moment: datetime, zone: ZoneInfo, rules: ClockRules) -> tuple[int, timedelta]:
    """In which interval of local time a moment lies, and how far in it."""
    return divmod(moment.astimezone(zone).replace(tzinfo=None) - _EPOCH, rules.interval)


class ClockSession(Protocol):
    """What setting needs of a session."""

    async def read_clock(self) -> ClockReading:
        """The meter's clock against ours."""
        ...

    async def write_clock(self, like: ClockReading) -> None:
        """Set the clock to now, its deviation coded as in `like`."""
        ...


@define(eq=False)
class ClockKeeper:
    """Corrects clocks; `last_set` tells when a meter's was last set."""

    rules: ClockRules
    last_set: Callable[[str], Awaitable[datetime | None]]
    now: Now
    #: Until when a meter that refused is not asked again, by serial.
    _refused: dict[str, datetime] = field(init=False, factory=dict)

    async def correct(self, session: ClockSession, meter: Meter, reading: ClockReading) -> ClockSet | None:
        """Set the clock if the rules say so; what was done, None for nothing. What ends the visit is raised."""
        advice = advise(reading, ZoneInfo(meter.time_zone), self.rules)
        if advice is Advice.TOO_FAR:
            note = f"its clock is {reading.deviation:+.0f} s off, more than is set from here"
            return ClockSet(self.now(), reading.deviation, None, note)
        if advice is not Advice.SET or not await self._may(meter.serial):
            return None
        try:
            await session.write_clock(reading)
            after = await session.read_clock()
        except HeadendError as error:
            if ends_visit(error):
                raise
            self._refused[meter.serial] = self.now() + self.rules.every
            return ClockSet(self.now(), reading.deviation, None, f"its clock can't be set: {error}")
        note = "" if abs(after.deviation) < self.rules.least.total_seconds() else "it is still off"
        return ClockSet(self.now(), reading.deviation, after.deviation, note)

    async def _may(self, serial: str) -> bool:
        refused = self._refused.get(serial)
        if refused is not None and self.now() < refused:
            return False
        last = await self.last_set(serial)
        return last is None or self.now() - last >= self.rules.every
