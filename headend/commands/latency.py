"""How long supply took to return: from the command, written with the money, to the relay that was read back closed."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from attrs import frozen

#: The objectives in the field: 95 % within a minute, 99 % within five; later than a quarter of an hour is a miss.
MINUTE: Final = timedelta(minutes=1)
FIVE_MINUTES: Final = timedelta(minutes=5)
MISS: Final = timedelta(minutes=15)


@frozen
class Latency:
    """The figures of some reconnects; every span is None where there were none. Shares are of all, from 0 to 1."""

    count: int
    p50: timedelta | None
    p95: timedelta | None
    p99: timedelta | None
    longest: timedelta | None
    within_minute: float | None
    within_five_minutes: float | None
    missed: int


def latency(spans: Iterable[timedelta]) -> Latency:
    """The figures of these spans; a percentile is the smallest span that so many per cent do not exceed."""
    ordered = sorted(spans)
    count = len(ordered)
    if not count:
        return Latency(0, None, None, None, None, None, None, 0)

    def nearest_rank(per_cent: int) -> timedelta:
        return ordered[-(-count * per_cent // 100) - 1]

    def share(limit: timedelta) -> float:
        return sum(span <= limit for span in ordered) / count

    return Latency(
        count,
        nearest_rank(50),
        nearest_rank(95),
        nearest_rank(99),
        ordered[-1],
        share(MINUTE),
        share(FIVE_MINUTES),
        sum(span >= MISS for span in ordered),
    )
