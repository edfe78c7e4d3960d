"""Hours and days in which nobody may be cut, in the meter's own time zone."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import evolve, frozen

SATURDAY, SUNDAY = 5, 6
ALL_DAYS = frozenset(range(7))


class Closed(StrEnum):
    """Why the calendar forbids a cut now."""

    HOUR = "forbidden_hour"
    DAY = "forbidden_day"
    HOLIDAY = "holiday"
    ZONE = "time_zone_unknown"


@frozen
class Hours:
    """Forbidden from `start` until before `end`, beginning on the given weekdays (Monday is 0).

    An `end` at or before `start` lies on the next day: 18:00 to 08:00 on Sunday ends on Monday morning.
    """

    start: time
    end: time
    days: frozenset[int] = ALL_DAYS

    def cover(self, local: datetime) -> bool:
        """Whether the local wall time lies in these hours."""
        clock = local.time()
        today = local.weekday() in self.days
        if self.start < self.end:
            return today and self.start <= clock < self.end
        since_yesterday = (local.weekday() - 1) % 7 in self.days
        return (today and clock >= self.start) or (since_yesterday and clock < self.end)


@frozen
class Closures:
    """What is forbidden beside a policy's own calendar, as officers add it for an office or the house."""

    holidays: frozenset[date] = frozenset()
    hours: tuple[Hours, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.holidays or self.hours)


@frozen
class Calendar:
    """When nobody may be cut. The default: never in the evening, at night, on a Sunday or on a second Saturday."""

    hours: tuple[Hours, ...] = (Hours(time(18), time(8)),)
    days: frozenset[int] = frozenset({SUNDAY})
    second_saturdays: bool = True
    holidays: frozenset[date] = frozenset()

    def beside(self, closures: Closures) -> "Calendar":
        """This calendar with further closures; nothing that it forbids is allowed by them."""
        if not closures:
            return self
        return evolve(self, holidays=self.holidays | closures.holidays, hours=(*self.hours, *closures.hours))

    def closed(self, now: datetime, time_zone: str) -> Closed | None:
        """Why a cut is forbidden at `now` in that zone, None when it is not; a zone that does not exist forbids."""
        try:
            local = now.astimezone(ZoneInfo(time_zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return Closed.ZONE
        return self._closed_on(local.date()) or (Closed.HOUR if _any_cover(self.hours, local) else None)

    def _closed_on(self, day: date) -> Closed | None:
        if day in self.holidays:
            return Closed.HOLIDAY
        if day.weekday() in self.days or (self.second_saturdays and is_second_saturday(day)):
            return Closed.DAY
        return None

    def next_open(self, now: datetime, time_zone: str, within: timedelta = timedelta(days=31)) -> datetime | None:
        """The first quarter of an hour from `now` on at which a cut is allowed; None if none `within` the span."""
        step = timedelta(minutes=15)
        moment = now
        while moment - now <= within:
            if self.closed(moment, time_zone) is None:
                return moment
            moment = datetime.fromtimestamp(
                (moment.timestamp() // step.total_seconds() + 1) * step.total_seconds(), now.tzinfo
            )
        return None


#: Nothing is forbidden; for demonstrations and tests, never a default.
ALWAYS_OPEN = Calendar(hours=(), days=frozenset(), second_saturdays=False)


def is_second_saturday(day: date) -> bool:
    """Whether the day is the second Saturday of its month."""
    return day.weekday() == SATURDAY and 8 <= day.day <= 14


def _any_cover(hours: Iterable[Hours], local: datetime) -> bool:
    return any(span.cover(local) for span in hours)
