"""Spans of time, as every file of the configuration writes them."""

import re
from datetime import timedelta

_SPAN = re.compile(
    r"(?:(?P<days>[0-9]+)d)?(?:(?P<hours>[0-9]+)h)?(?:(?P<minutes>[0-9]+)m)?(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)s)?"
)


def duration(text: str) -> timedelta:
    """`1h30m`, `15m`, `30s`, `3d` as a span of time, the largest unit first; ValueError for anything else."""
    match = _SPAN.fullmatch(text.strip())
    parts = {} if match is None else {unit: float(number) for unit, number in match.groupdict().items() if number}
    try:
        if parts:
            return timedelta(**parts)
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is no span of time, such as 30s, 15m, 1h30m or 3d")
