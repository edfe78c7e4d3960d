"""What the meter measures: the load curve, scaled while the load is changed, and still while the relay is open."""

from collections.abc import Sequence
from typing import NamedTuple

from attrs import define

from simulator.clock import DAY_MS
from simulator.load import SLOT_MS, LoadCurve

#: Scales are parts in a million of the curve.
FULL = 1_000_000


class Segment(NamedTuple):
    """From local time `since` on, `scale` of the curve counts; `energy` and `curve` are where both stood then."""

    since: int
    energy: int
    curve: int
    scale: int


@define(eq=False)
class Consumption:
    """Energy of one meter in mWh; local milliseconds everywhere, on the scale of true time."""

    curve: LoadCurve
    demand: int = FULL
    supplied: bool = True
    segments: tuple[Segment, ...] = ()

    def energy(self, local: int) -> int:
        """The register at `local`."""
        drawn = self.curve.energy(local)
        segment = self._segment(local) if self.segments else None
        return drawn if segment is None else segment.energy + (drawn - segment.curve) * segment.scale // FULL

    def energies(self, locals_: Sequence[int]) -> list[int]:
        """As `energy`, for many times."""
        return [self.energy(local) for local in locals_] if self.segments else self.curve.energies(locals_)

    def milliwatts(self, local: int) -> int:
        """The power drawn at `local`."""
        segment = self._segment(local)
        return self.curve.milliwatts(local) * (FULL if segment is None else segment.scale) // FULL

    def supply(self, local: int, *, on: bool) -> None:
        """The relay closed or opened at `local`."""
        self.supplied = on
        self._begin(local)

    def demand_watts(self, local: int, watts: int) -> None:
        """The consumer draws `watts` on average from `local` on."""
        self.demand = watts * FULL // max(self.curve.watts, 1)
        self._begin(local)

    def peak(self, day: int) -> tuple[int, int]:
        """The largest half-hour energy of a local day in mWh, and when that half hour ended."""
        start = day * DAY_MS
        segment = self._segment(start)
        if any(start < later.since < start + DAY_MS for later in self.segments):
            return self.scanned_peak(day, start + DAY_MS)
        energy, ended = self.curve.peak(day)
        return energy * (FULL if segment is None else segment.scale) // FULL, ended

    def scanned_peak(self, day: int, until: int) -> tuple[int, int]:
        """As `peak`, by looking at each half hour of the day that ended by `until`; (0, start of day) when none did."""
        ends = [end for end in range(day * DAY_MS, day * DAY_MS + DAY_MS + 1, SLOT_MS) if end <= until]
        energies = [self.energy(end) for end in ends]
        halves = ((after - before, end) for before, after, end in zip(energies, energies[1:], ends[1:], strict=False))
        return max(halves, default=(0, day * DAY_MS), key=lambda half: half[0])

    def _segment(self, local: int) -> Segment | None:
        for segment in reversed(self.segments):
            if local >= segment.since:
                return segment
        return None

    def _begin(self, local: int) -> None:
        scale = self.demand if self.supplied else 0
        begun = Segment(local, self.energy(local), self.curve.energy(local), scale)
        self.segments = (*(kept for kept in self.segments if kept.since < local), begun)
