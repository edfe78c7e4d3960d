"""When a schedule is due, computed from the time alone: no state is needed to know which slot it is."""

from datetime import datetime, time, timedelta
from typing import Final
from zlib import crc32
from zoneinfo import ZoneInfo

from attrs import field, frozen

#: What a visit reads when a schedule names nothing else: enough for a decision.
BASE_TASKS: Final = ("clock", "relay", "registers", "balance")
_DAY: Final = timedelta(days=1)
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
    """What is read how often, at the meters of `groups` (none: at all).

    Slots begin at local midnight and then `every`, which is whole days if it is longer than one; a slot's visits are
    spread over `jitter`, each meter at its own fixed offset. A lower `priority` number goes first. `catch_up` is how
    late a missed slot is still run (None: until the next).
    """

    name: str
    every: timedelta
    tasks: tuple[str, ...] = BASE_TASKS
    groups: tuple[str, ...] = ()
    jitter: timedelta = timedelta(0)
    priority: int = 5
    window: Window | None = None
    time_zone: str = "Asia/Kolkata"
    catch_up: timedelta | None = None
    zone: ZoneInfo = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a schedule that can't be: ValueError. An unknown zone raises ZoneInfoNotFoundError."""
        if self.every <= timedelta(0):
            raise ValueError(f"schedule {self.name}: every must be longer than nothing")
        if self.every > _DAY and self.every % _DAY:
            raise ValueError(f"schedule {self.name}: every must be whole days when it is longer than one")
        if self.jitter < timedelta(0) or self.jitter > self.every:
            raise ValueError(f"schedule {self.name}: jitter must lie between nothing and every")
        if not self.tasks:
            raise ValueError(f"schedule {self.name}: no tasks")
        object.__setattr__(self, "zone", ZoneInfo(self.time_zone))

    def covers(self, group: str) -> bool:
        """Whether meters of this group are visited."""
        return not self.groups or group in self.groups

    def offset(self, meter: str) -> timedelta:
        """Where in the jitter a meter's visit lies: the same in each slot and in each process."""
        return self.jitter * (crc32(f"{self.name}:{meter}".encode()) / 2**32)


def slot_at(schedule: Schedule, now: datetime) -> datetime:
    """The start of the slot that `now` lies in, whatever the window says."""
    local = now.astimezone(schedule.zone)
    if schedule.every >= _DAY:
        return _midnight(local - _DAY * _days_into(schedule, local))
    midnight = _midnight(local)
    return midnight + ((now - midnight) // schedule.every) * schedule.every


def next_slot(schedule: Schedule, now: datetime) -> datetime:
    """The start of the first slot after `now`; a day's last slot is cut short by midnight."""
    local = now.astimezone(schedule.zone)
    if schedule.every >= _DAY:
        return _midnight(local + schedule.every - _DAY * _days_into(schedule, local))
    return min(slot_at(schedule, now) + schedule.every, _midnight(local + _DAY))


def due_slot(schedule: Schedule, now: datetime) -> datetime | None:
    """The slot to be run at `now`: the newest that is open by its window and not too late; older ones are given up."""
    slot = slot_at(schedule, now)
    if schedule.window is not None and not schedule.window.holds(slot.astimezone(schedule.zone).time()):
        return None
    if schedule.catch_up is not None and now - slot > schedule.catch_up + schedule.jitter:
        return None
    return slot


def _days_into(schedule: Schedule, local: datetime) -> int:
    """Whole days since the slot began; days are counted from a fixed one, so that a restart changes nothing."""
    return (local.date().toordinal() - _EPOCH_ORDINAL) % (schedule.every // _DAY)


def _midnight(local: datetime) -> datetime:
    """Local midnight as UTC, so that differences count real time on the days on which clocks change."""
    start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return start.astimezone(ZoneInfo("UTC"))
