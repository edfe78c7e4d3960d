"""Readings as the points of a picture; where a row is missing there is a gap, and never a line over it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from headend.meters.reading import Column, ProfileRows, Reading

#: Units that a load curve is about; other columns would only flatten it.
_DRAWN: Final = ("Wh", "kWh", "W", "kW")
_MOST: Final = 3
#: A gap in readings by the quarter hour is one that is this much longer.
_READING_GAP: Final = timedelta(hours=2)


@frozen
class Series:
    """One line: None is a gap."""

    label: str
    unit: str
    values: tuple[float | None, ...]


@frozen
class Curve:
    """Times in seconds since 1970, and the lines over them."""

    x: tuple[int, ...]
    series: tuple[Series, ...]

    def plain(self) -> dict[str, Any]:
        """As chart.js reads it."""
        series = [{"label": each.label, "unit": each.unit, "values": list(each.values)} for each in self.series]
        return {"x": list(self.x), "series": series}


def points_of_profiles(pieces: Sequence[ProfileRows], period: timedelta) -> Curve:
    """Interval data; a gap stands wherever two rows are further apart than one and a half periods."""
    columns = [column for column in pieces[-1].columns if column.unit]
    preferred = ([column for column in columns if column.unit in _DRAWN] or columns)[:_MOST]
    rows: dict[int, list[float | None]] = {}
    for piece in pieces:
        places = [_place(piece.columns, column) for column in preferred]
        for row in piece.rows:
            rows[int(row.time.timestamp())] = [
                None if place is None else _scaled(row.values[place], piece.columns[place]) for place in places
            ]
    dated = _with_gaps(sorted(rows.items()), period.total_seconds() * 1.5, len(preferred))
    lines = [
        Series(column.name.replace("_", " "), column.unit, tuple(values[place] for _, values in dated))
        for place, column in enumerate(preferred)
    ]
    return Curve(tuple(at for at, _ in dated), tuple(lines))


def points_of_readings(readings: Sequence[Reading], label: str) -> Curve:
    """Single readings of one register."""
    dated = _with_gaps(
        [(int(each.received.timestamp()), [float(each.value)]) for each in readings if isinstance(each.value, Decimal)],
        _READING_GAP.total_seconds(),
        1,
    )
    unit = readings[-1].unit if readings else ""
    return Curve(tuple(at for at, _ in dated), (Series(label, unit, tuple(values[0] for _, values in dated)),))


def _with_gaps(
    rows: Iterable[tuple[int, Sequence[float | None]]], longest: float, width: int
) -> list[tuple[int, Sequence[float | None]]]:
    found: list[tuple[int, Sequence[float | None]]] = []
    for at, values in rows:
        if found and at - found[-1][0] > longest:
            found.append((found[-1][0] + int(longest / 1.5), [None] * width))
        found.append((at, values))
    return found


def _place(columns: Sequence[Column], wanted: Column) -> int | None:
    for place, column in enumerate(columns):
        if column.obis == wanted.obis and column.attribute == wanted.attribute:
            return place
    return None


def _scaled(value: object, column: Column) -> float | None:
    return value * 10.0**column.exponent if isinstance(value, int) else None
