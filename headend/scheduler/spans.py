"""How long things took, counted in classes of seconds: what a scrape reads, and what workers can be summed by."""

from bisect import bisect_left
from typing import Final

from attrs import Factory, define, frozen

#: A visit over a good network takes tenths of a second, over a bad one up to its deadline of a minute.
VISIT_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: The objectives of a reconnect are among them: a minute, five minutes, a quarter of an hour.
RECONNECT_BOUNDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


@frozen
class Spans:
    """How many spans fell into each class: up to each bound, and in the last place beyond all; `total` in seconds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)


@define
class SpanCounter:
    """Counts spans."""

    bounds: tuple[float, ...]
    counts: list[int] = Factory(lambda self: [0] * (len(self.bounds) + 1), takes_self=True)
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one; a clock that was set back makes none negative."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def spans(self) -> Spans:
        """What was counted so far."""
        return Spans(self.bounds, tuple(self.counts), self.total)


def added(spans: list[Spans]) -> Spans | None:
    """The sum of what several processes counted; None of nothing. Raises ValueError for different bounds."""
    if not spans:
        return None
    if len({each.bounds for each in spans}) > 1:
        raise ValueError("spans of different classes can't be added")
    counts = tuple(map(sum, zip(*(each.counts for each in spans), strict=True)))
    return Spans(spans[0].bounds, counts, sum(each.total for each in spans))
