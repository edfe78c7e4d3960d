"""A profile's buffer to typed columns and dated rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from attrs import frozen

from headend.dlms.cosem import CaptureObject, ScalerUnit
from headend.dlms.cosem.obis_names import obis_slug
from headend.dlms.errors import DecodeError
from headend.meters.clock import moments
from headend.meters.model import MeterModel, Profile
from headend.meters.reading import Column, ProfileRow, ProfileRows

_CLOCK_CLASS = 8
_STORABLE = frozenset({int, str, bytes, bool, type(None)}).issuperset

RawRow = Sequence[Any]
Cell = int | str | bytes | None


@frozen
class ProfileReader:
    """Reads rows of one profile of one meter. Make it once per meter and firmware from what the meter itself lists.

    `columns` are the capture objects but for the clock, in the order of the values of a row.
    """

    profile: str
    columns: tuple[Column, ...]
    clock_index: int
    width: int
    zone: ZoneInfo
    period: timedelta | None

    def rows(self, raw: Iterable[RawRow]) -> ProfileRows:
        """The rows that state a moment; the others are in `undated`. DecodeError for a row of another width."""
        raw = raw if isinstance(raw, list) else list(raw)
        rows = self._all_dated(raw)
        if rows is None:
            rows = tuple(row for row, _ in self._read(raw) if row)
        return ProfileRows(self.profile, self.columns, rows)

    def undated(self, raw: Iterable[RawRow]) -> tuple[RawRow, ...]:
        """The rows without a moment: wildcards in their clock, or none given and no row before it."""
        return tuple(bare for row, bare in self._read(raw) if row is None)

    def _all_dated(self, raw: Sequence[RawRow]) -> tuple[ProfileRow, ...] | None:
        """The rows where their clock comes first in each, in full, and nothing is to be converted; else None."""
        if self.clock_index:
            return None
        at, width, rows = moments(self.zone), self.width, []
        for bare in raw:
            clock, *values = bare
            if len(bare) != width or type(clock) is not bytes or len(clock) != 12 or not _STORABLE(map(type, values)):
                return None
            moment = at[clock]
            if moment is None:
                return None
            rows.append(ProfileRow(moment, clock, tuple(values)))
        return tuple(rows)

    def _read(self, raw: Iterable[RawRow]) -> Iterable[tuple[ProfileRow | None, RawRow]]:
        before: ProfileRow | None = None
        at = self.clock_index
        for bare in raw:
            if len(bare) != self.width:
                raise DecodeError(f"a row of {self.profile} has {len(bare)} values where {self.width} are captured")
            moment, clock = self._moment(bare[at], before)
            row = None
            if moment is not None:
                values = (*bare[:at], *bare[at + 1 :])
                row = ProfileRow(moment, clock, values if _STORABLE(map(type, values)) else tuple(map(_cell, values)))
            yield row, bare
            before = row

    def _moment(self, clock: object, before: ProfileRow | None) -> tuple[datetime | None, bytes]:
        if isinstance(clock, bytes) and len(clock) == 12:
            return moments(self.zone)[clock], clock
        # A meter may send null-data for a clock that is one period after the row before (Blue Book 4.3.6.2.1).
        if clock is None and before is not None and self.period:
            return before.time + self.period, b""
        return None, b""


def profile_reader(
    model: MeterModel,
    profile: Profile,
    captured: Sequence[CaptureObject],
    scalers: Mapping[CaptureObject, ScalerUnit],
    zone: ZoneInfo,
    *,
    capture_period: int | None = None,
) -> ProfileReader:
    """The reader for what a meter captures: `captured` is its attribute 3, `scalers` what it tells of them.

    `capture_period` in seconds is its attribute 4 (0: not periodic); None takes the model's. A column that the meter
    tells no scaler for has the model's, and without one there exponent 0. DecodeError when no clock is captured.
    """
    clocks = [
        index for index, entry in enumerate(captured) if entry.class_id == _CLOCK_CLASS and entry.attribute in (0, 2)
    ]
    # A billing profile is dated by its billing date (0.0.0.1.2), which some meters capture in place of the clock.
    clocks += [index for index, entry in enumerate(captured) if entry.instance.octets[:5] == b"\x00\x00\x00\x01\x02"]
    if not clocks:
        raise DecodeError(f"profile {profile.name} captures no clock")
    period = profile.capture_period if capture_period is None else capture_period
    others = [entry for index, entry in enumerate(captured) if index != clocks[0]]
    return ProfileReader(
        profile=profile.name,
        columns=_columns(model, profile, others, scalers),
        clock_index=clocks[0],
        width=len(captured),
        zone=zone,
        period=timedelta(seconds=period) if period else None,
    )


def scalers_of(captured: Sequence[CaptureObject], row: Sequence[Any]) -> dict[CaptureObject, ScalerUnit]:
    """What a scaler profile tells: its capture objects (attribute 3 of the registers) and its one row, as plain values.

    The keys are capture objects of attribute 2, 0 as data index, as a data profile lists the values they belong to.
    """
    told: dict[CaptureObject, ScalerUnit] = {}
    for entry, value in zip(captured, row, strict=False):
        if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(item, int) for item in value):
            told[CaptureObject(entry.class_id, entry.instance, 2)] = ScalerUnit(*value)
    return told


def _columns(
    model: MeterModel,
    profile: Profile,
    captured: Sequence[CaptureObject],
    scalers: Mapping[CaptureObject, ScalerUnit],
) -> tuple[Column, ...]:
    # The class is left out: a meter may capture as extended register (4) what its scaler profile lists as register (3).
    told = {(key.instance, key.attribute): scaler for key, scaler in scalers.items()}
    registers = {(register.obis, register.attribute): register for register in model.registers}
    taken: dict[str, int] = {}
    columns = []
    for entry in captured:
        key = (entry.instance, entry.attribute)
        expected = profile.column(entry) or registers.get(key)
        scaler = told.get(key)
        fixed = getattr(expected, "scaler", None)
        columns.append(
            Column(
                name=_unique(expected.name if expected else obis_slug(entry.instance, entry.attribute), taken),
                obis=str(entry.instance),
                attribute=entry.attribute,
                exponent=scaler.scaler if scaler else fixed if isinstance(fixed, int) else 0,
                unit=scaler.unit_name if scaler and scaler.unit_name else expected.unit if expected else "",
            )
        )
    return tuple(columns)


def _unique(name: str, taken: dict[str, int]) -> str:
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}_{taken[name]}"


def _cell(value: Any) -> Cell:  # noqa: ANN401 - whatever a meter captured
    """What storage can hold: numbers, text and octets; a float by its text, a container by its text too."""
    if value is None or isinstance(value, int | str | bytes):
        return value
    octets = getattr(value, "octets", None)
    return octets if isinstance(octets, bytes) else repr(value)
