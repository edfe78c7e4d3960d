"""How many disconnects may be journalled in a while. The journal counts and asks inside its own transaction."""

from enum import StrEnum

from attrs import field, frozen
from attrs.validators import ge


class CapHit(StrEnum):
    """Which cap a further disconnect would exceed."""

    HOUR = "over_cap_hour"
    DAY = "over_cap_day"
    SEGMENT = "over_cap_segment"


@frozen
class Caps:
    """The most disconnects in any 60 minutes, in any 24 hours, and in any 60 minutes within one segment (an office)."""

    per_hour: int = field(default=50, validator=ge(0))
    per_day: int = field(default=300, validator=ge(0))
    per_segment_hour: int = field(default=20, validator=ge(0))


@frozen
class CutCounts:
    """Disconnects already journalled: in the last hour, the last 24 hours, and the last hour in the segment."""

    last_hour: int
    last_day: int
    segment_hour: int


def over_cap(caps: Caps, counts: CutCounts) -> CapHit | None:
    """The cap that one more disconnect would exceed, the widest first; None when there is room."""
    if counts.last_day >= caps.per_day:
        return CapHit.DAY
    if counts.last_hour >= caps.per_hour:
        return CapHit.HOUR
    if counts.segment_hour >= caps.per_segment_hour:
        return CapHit.SEGMENT
    return None
