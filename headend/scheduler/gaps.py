"""Gaps in a profile: captures that the meter must have made and that are not stored. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import frozen


@frozen
class Gap:
    """Captures of a profile that are missing, from the first to the last, both included; UTC. `id` as it is stored."""

    profile: str
    since: datetime
    until: datetime
    id: int = 0


def gaps(
    profile: str, times: Sequence[datetime], period: timedelta, since: datetime, until: datetime
) -> tuple[Gap, ...]:
    """The captures of [since, until] that `times` lacks, in spans. `times` ascend; `since` is a capture, or before one.

    A row that lies beside the grid of the period (the meter's clock was off, or set) stands for the nearest capture:
    what is asked for is where too little is, never a row for its exact second.
    """
    found: list[Gap] = []
    half = period / 2
    expected = since
    for time in times:
        if time < since - half or time > until:
            continue
        if time - expected >= half:
            last = expected + ((time - expected - half) // period) * period
            found.append(Gap(profile, expected, last))
        expected = max(expected, time + period)
    if until - expected >= timedelta(0):
        found.append(Gap(profile, expected, expected + (until - expected) // period * period))
    return tuple(found)


def wraps_at(gap: Gap, depth: int, period: timedelta) -> datetime:
    """When the meter overwrites the first capture of a gap: its buffer holds `depth` rows."""
    return gap.since + depth * period


@frozen
class Periodic:
    """A profile that captures at fixed times: `period` as the model has it, `depth` the rows that the meter keeps."""

    name: str
    period: timedelta
    depth: int | None
