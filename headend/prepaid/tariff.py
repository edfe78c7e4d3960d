"""What energy costs: slabs within a calendar month, a fixed charge a month, a duty on the energy charge.

All arithmetic is whole numbers: a rate of 1 paisa a kWh is 1,000 millionths of a paisa a Wh.
"""

import calendar
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

#: A charge is computed in millionths of a paisa.
MICRO = 1_000_000


@frozen
class Slab:
    """Energy of a month up to `upto_wh` (None: without end) costs `rate`, in millionths of a paisa a Wh."""

    upto_wh: int | None
    rate: int


@frozen
class Tariff:
    """A tariff. `fixed` in paise a month, spread over its days; `duty` in hundredths of a per cent of it for energy.

    `fixed_per_kw`: paise a month for each kW of sanctioned load, in proportion to it, beside `fixed`.

    `max_watts` is the mean power above which a difference of two readings is not believed; `max_gap` the longest time
    between two readings that is charged without a person's look.
    """

    name: str
    slabs: tuple[Slab, ...]
    fixed: int = 0
    duty: int = 0
    time_zone: str = "Asia/Kolkata"
    max_watts: int = 60_000
    max_gap: timedelta = field(default=timedelta(days=40))
    fixed_per_kw: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse slabs that do not rise to an open end, amounts below zero, an unknown zone: ValueError."""
        ends = [slab.upto_wh for slab in self.slabs]
        if not ends or ends[-1] is not None or None in ends[:-1]:
            raise ValueError("the last slab, and only the last, must be without an end")
        bounded = [end for end in ends if end is not None]
        if any(low >= high for low, high in pairwise([0, *bounded])):
            raise ValueError("the ends of the slabs must rise")
        if min(self.fixed, self.fixed_per_kw, self.duty, *(slab.rate for slab in self.slabs)) < 0:
            raise ValueError("a rate, the fixed charge or the duty is negative")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time_zone: there is no zone {self.time_zone!r}; one is Asia/Kolkata") from error

    def energy(self, used_wh: int, more_wh: int) -> int:
        """The charge in millionths of a paisa for `more_wh` after `used_wh` in the same month."""
        total, at, end = 0, used_wh, used_wh + more_wh
        for slab in self.slabs:
            top = end if slab.upto_wh is None else min(end, slab.upto_wh)
            if top > at:
                total += (top - at) * slab.rate
                at = top
        return total

    def fixed_on(self, day: date, load: int | None = None) -> int:
        """The fixed charge of one day in paise, for a sanctioned load in W; a month's days add up to its charge."""
        days = calendar.monthrange(day.year, day.month)[1]
        month = self.fixed + self.fixed_per_kw * (load or 0) // 1000
        return month * day.day // days - month * (day.day - 1) // days

    def local(self, moment: datetime) -> datetime:
        """The moment in the tariff's time zone."""
        return moment.astimezone(ZoneInfo(self.time_zone))


def flat(name: str, paise_per_kwh: int) -> Tariff:
    """One rate for all energy, no fixed charge, no duty."""
    return Tariff(name, (Slab(None, paise_per_kwh * 1000),))
