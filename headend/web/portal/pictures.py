"""Bars as a picture that needs no script: their places are reckoned here, a template draws them."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from attrs import frozen

from headend.prepaid.portal import Usage
from headend.web.look import kilo

WIDTH: Final = 400
HEIGHT: Final = 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 4, 8, 22
#: Bars that have a label below them, at most; more would run into each other.
_MOST_LABELS: Final = 8
#: A scale reaches at least this many watt-hours: less has too many digits to be read.
_LEAST: Final = 100


@frozen
class Bar:
    """One bar in units of the picture; `label` is the place below it, empty where there is no room."""

    x: float
    y: float
    width: float
    height: float
    usage: Usage
    labelled: bool


@frozen
class Picture:
    """Bars with the two lines of their scale: `(y, units)`; `most` the highest bar."""

    bars: tuple[Bar, ...]
    scale: tuple[tuple[float, str], ...]
    most: Usage
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    floor: int = HEIGHT - _BOTTOM


def bars(used: Sequence[Usage], step: str) -> Picture | None:
    """Use as bars, one a day of the month or (`step` is `month`) one a month; None where nothing was used."""
    if not any(each.energy_wh > 0 for each in used):
        return None
    most = max(used, key=_energy)
    top = _round_up(most.energy_wh)
    places = [(_place(each.day, used[0].day, step), each) for each in used]
    count = 31 if step == "day" else max(place for place, _ in places) + 1
    room = (WIDTH - _LEFT - _RIGHT) / max(count, 6)
    high = HEIGHT - _TOP - _BOTTOM
    every = max(-(-count // _MOST_LABELS), 1)
    drawn = tuple(
        Bar(
            x=round(_LEFT + place * room + room * 0.12, 1),
            y=round(HEIGHT - _BOTTOM - high * max(each.energy_wh, 0) / top, 1),
            width=round(room * 0.76, 1),
            height=round(high * max(each.energy_wh, 0) / top, 1),
            usage=each,
            labelled=place % every == 0,
        )
        for place, each in places
    )
    return Picture(drawn, tuple((_TOP + high * part, kilo(top - int(top * part))) for part in (0.0, 0.5)), most)


def _energy(usage: Usage) -> int:
    return usage.energy_wh


def _place(day: date, first: date, step: str) -> int:
    if step == "day":
        return day.day - 1
    return (day.year - first.year) * 12 + day.month - first.month


def _round_up(watt_hours: int) -> int:
    """The next of 1, 2, 5, 10, … that is not below."""
    size = 1
    while True:
        for part in (1, 2, 5):
            if part * size >= watt_hours:
                return max(part * size, _LEAST)
        size *= 10
