"""Spans of time as the configuration writes them."""

from datetime import timedelta


def duration(text: str) -> timedelta:
    """`1h30m`, `15m`, `30s`, `1d` as a span of time; ValueError for anything else."""
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    spans: dict[str, float] = {}
    number = ""
    for letter in text.strip():
        if letter.isdigit() or letter == ".":
            number += letter
        elif letter in units and number and units[letter] not in spans:
            spans[units[letter]], number = float(number), ""
        else:
            raise ValueError(f"{text!r} is not a span of time such as 30s, 15m, 1h30m or 1d")
    if number or not spans:
        raise ValueError(f"{text!r} is not a span of time such as 30s, 15m, 1h30m or 1d")
    return timedelta(**spans)
