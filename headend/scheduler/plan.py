"""When a schedule is due, computed from the time alone: no state is needed to know which slot it is."""

from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Final
from zlib import crc32
from zoneinfo import ZoneInfo

from attrs import field, frozen
from cronsim import CronSim, CronSimError

from headend.meters.inventory import Meter

#: What a visit reads when a schedule names nothing else: enough for a decision.
BASE_TASKS: Final = ("clock", "relay", "registers", "balance")
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_EPOCH_ORDINAL: Final = 719_163


@frozen
class Window:
    """Local hours in which a slot may begin: from `start` until before `end`, over midnight if `end` is not later."""

    start: time
    end: time

    def holds(self, local: time) -> bool:
        """Whether a local time lies in the window."""
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


@frozen
class Schedule:
    """What is read how often, at the meters that `groups`, `offices`, `lanes` and `models` name (none: at all).

    Slots begin at local midnight and then `every`, which is whole days if it is longer than one, or when `cron` says;
    a slot's visits are spread over `jitter`, each meter at its own fixed offset. A lower `priority` number goes first.
    `catch_up` is how late a missed slot is still run (None: until the next). An office stands for all below it; lanes
    may be patterns (`gw-*`). A `suspended` schedule has no slots.
    """

    name: str
    every: timedelta | None = None
    tasks: tuple[str, ...] = BASE_TASKS
    groups: tuple[str, ...] = ()
    jitter: timedelta = timedelta(0)
    priority: int = 5
    window: Window | None = None
    time_zone: str = "Asia/Kolkata"
    catch_up: timedelta | None = None
    cron: str | None = None
    offices: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    suspended: bool = False
    zone: ZoneInfo = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a schedule that can't be: ValueError. An unknown zone raises ZoneInfoNotFoundError."""
        if (self.every is None) == (self.cron is None):
            raise ValueError(f"schedule {self.name}: either every or cron says when")
        if not self.tasks:
            raise ValueError(f"schedule {self.name}: no tasks")
        if not 0 <= self.priority <= 9:
            raise ValueError(f"schedule {self.name}: priority must lie between 0 (first) and 9")
        if self.jitter < timedelta(0):
            raise ValueError(f"schedule {self.name}: jitter must not be negative")
        if self.every is not None:
            self._check_every(self.every)
        object.__setattr__(self, "zone", ZoneInfo(self.time_zone))
        if self.cron is not None:
            _check_cron(self.name, self.cron, self.zone)

    def _check_every(self, every: timedelta) -> None:
        if every <= timedelta(0):
            raise ValueError(f"schedule {self.name}: every must be longer than nothing")
        if every > _DAY and every % _DAY:
            raise ValueError(f"schedule {self.name}: every must be whole days when it is longer than one")
        if self.jitter > every:
            raise ValueError(f"schedule {self.name}: jitter must lie between nothing and every")

    def covers(self, meter: Meter) -> bool:
        """Whether a meter is visited: each selector that is given must fit."""
        return (
            (not self.groups or meter.group in self.groups)
            and (not self.models or meter.model in self.models)
            and (not self.offices or any(_lies_in(meter.office, office) for office in self.offices))
            and (not self.lanes or any(fnmatchcase(meter.lane_name, lane) for lane in self.lanes))
        )

    def offset(self, meter: str) -> timedelta:
        """Where in the jitter a meter's visit lies: the same in each slot and in each process."""
        return self.jitter * (crc32(f"{self.name}:{meter}".encode()) / 2**32)


def slot_at(schedule: Schedule, now: datetime) -> datetime:
    """The start of the slot that `now` lies in, whatever the window says."""
    local = now.astimezone(schedule.zone)
    if schedule.every is None:
        # The search backwards leaves out its own beginning, which may be a slot.
        return _fires(schedule, local.replace(microsecond=0) + _SECOND, backwards=True)
    if schedule.every >= _DAY:
        return _midnight(local - _DAY * _days_into(schedule.every, local))
    midnight = _midnight(local)
    return midnight + ((now - midnight) // schedule.every) * schedule.every


def next_slot(schedule: Schedule, now: datetime) -> datetime:
    """The start of the first slot after `now`; a day's last slot is cut short by midnight."""
    local = now.astimezone(schedule.zone)
    if schedule.every is None:
        return _fires(schedule, local, backwards=False)
    if schedule.every >= _DAY:
        return _midnight(local + schedule.every - _DAY * _days_into(schedule.every, local))
    return min(slot_at(schedule, now) + schedule.every, _midnight(local + _DAY))


def due_slot(schedule: Schedule, now: datetime) -> datetime | None:
    """The slot to be run at `now`: the newest that is open by its window and not too late; older ones are given up."""
    if schedule.suspended:
        return None
    slot = slot_at(schedule, now)
    if not _is_open(schedule, slot):
        return None
    if schedule.catch_up is not None and now - slot > schedule.catch_up + schedule.jitter:
        return None
    return slot


def coming_slots(schedule: Schedule, now: datetime, count: int) -> list[datetime]:
    """The next `count` slots that the window lets begin; fewer where none of a month's is."""
    slots: list[datetime] = []
    at, last = now, now + 31 * _DAY
    while len(slots) < count and (at < last or not slots):
        at = next_slot(schedule, at)
        if _is_open(schedule, at):
            slots.append(at)
        elif at > last:
            break
    return slots


def _is_open(schedule: Schedule, slot: datetime) -> bool:
    return schedule.window is None or schedule.window.holds(slot.astimezone(schedule.zone).time())


def _lies_in(office: str, above: str) -> bool:
    return office == above or office.startswith(f"{above}/")


def _check_cron(name: str, cron: str, zone: ZoneInfo) -> None:
    if len(cron.split()) != 5:
        raise ValueError(f"schedule {name}: cron {cron!r} must have five fields: minute hour day month weekday")
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=zone)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"schedule {name}: cron {cron!r}: {str(error) or 'it never comes true'}") from error


def _fires(schedule: Schedule, local: datetime, *, backwards: bool) -> datetime:
    assert schedule.cron is not None
    return next(CronSim(schedule.cron, local, reverse=backwards)).astimezone(UTC)


def _days_into(every: timedelta, local: datetime) -> int:
    """Whole days since the slot began; days are counted from a fixed one, so that a restart changes nothing."""
    return (local.date().toordinal() - _EPOCH_ORDINAL) % (every // _DAY)


def _midnight(local: datetime) -> datetime:
    """Local midnight as UTC, so that differences count real time on the days on which clocks change."""
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return start.astimezone(ZoneInfo("UTC"))
