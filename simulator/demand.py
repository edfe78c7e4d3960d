"""Maximum demand: the largest half hour of a month, found from the load curve without keeping a history."""

from attrs import define

from simulator.clock import DAY_MS
from simulator.consumption import Consumption


@define(eq=False)
class MaximumDemand:
    """The maximum of the running month; whole days that were looked at are remembered, since they can't change."""

    since_day: int = -1
    next_day: int = -1
    found: tuple[int, int] = (0, 0)

    def of_month(self, consumption: Consumption, first_day: int, now: int) -> tuple[int, int]:
        """Power in W and the local time at which its half hour ended, from `first_day` up to `now`."""
        today = now // DAY_MS
        if self.since_day != first_day:
            self.since_day = self.next_day = first_day
            self.found = (0, first_day * DAY_MS)
        for day in range(self.next_day, today):
            self.found = max(self.found, consumption.peak(day), key=lambda peak: peak[0])
        self.next_day = max(self.next_day, today)
        energy, ended = max(self.found, peak_so_far(consumption, today, now), key=lambda peak: peak[0])
        return energy * 2 // 1000, ended


def peak_so_far(consumption: Consumption, day: int, now: int) -> tuple[int, int]:
    """The largest half-hour energy of the half hours of `day` that ended by `now`."""
    energy, ended = consumption.peak(day)
    if ended <= now:
        return energy, ended
    return consumption.scanned_peak(day, now)


def demand_between(consumption: Consumption, first_day: int, end_day: int) -> tuple[int, int]:
    """Power in W and when, over whole days from `first_day` up to and without `end_day`."""
    energy, ended = max((consumption.peak(day) for day in range(first_day, end_day)), key=lambda peak: peak[0])
    return energy * 2 // 1000, ended
