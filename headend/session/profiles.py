"""Profiles (IC 7) to dated rows: capture objects and scalers first, then the rows of a span of time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import frozen

from headend.dlms.axdr import Data, Tag, plain
from headend.dlms.cosem import (
    CaptureObject,
    CosemAttribute,
    CosemDateTime,
    ScalerUnit,
    SelectiveAccess,
    entry_access,
    range_access,
)
from headend.dlms.enumerations import Conformance, DataAccessResult
from headend.dlms.errors import DecodeError
from headend.meters.clock import DeviationSign, clock_octets
from headend.meters.model import MeterModel, Profile
from headend.meters.profiles import ProfileReader, profile_reader, scalers_of
from headend.meters.reading import ProfileRows
from headend.session.errors import AccessDenied, BadValue, ServiceRefused
from headend.session.registers import scaler_of
from headend.session.services import Services
from headend.session.shapes import Shape

BUFFER, CAPTURE_OBJECTS, CAPTURE_PERIOD, ENTRIES_IN_USE = 2, 3, 4, 7

#: Interface classes with scaler and unit, and the attribute that holds them.
_SCALER_ATTRIBUTES: Final = {3: 3, 4: 3, 5: 4}
#: Rows beyond what the span needs: the meter may capture late, and its clock may be a little off.
_SPARE_ROWS: Final = 2


@frozen
class Span:
    """Rows captured from `since` to `until`, both included, None: no limit on that side; read `now`. All aware."""

    since: datetime | None
    until: datetime | None
    now: datetime

    @property
    def bounded(self) -> bool:
        """Whether only a part of the buffer is wanted."""
        return self.since is not None or self.until is not None

    def cut(self, found: ProfileRows) -> ProfileRows:
        """Only the rows inside, whatever the meter thought was asked for."""
        since, until = self.since, self.until
        rows = tuple(
            row for row in found.rows if (since is None or row.time >= since) and (until is None or row.time <= until)
        )
        return found if len(rows) == len(found.rows) else ProfileRows(found.profile, found.columns, rows)


async def read_shape(services: Services, profile: Profile) -> Shape:
    """What the meter captures in a profile, with which scalers, how often; AccessDenied."""
    objects = _attribute(profile, CAPTURE_OBJECTS)
    listed, period = await services.get_many([objects, _attribute(profile, CAPTURE_PERIOD)])
    if isinstance(listed, DataAccessResult):
        raise AccessDenied(services.serial, objects, listed)
    captured = _captured(services.serial, listed)
    scalers = await _scaler_profile(services, profile)
    scalers |= await _single_scalers(services, [entry for entry in captured if not _is_told(entry, scalers)])
    seconds = period.value if isinstance(period, Data) and isinstance(period.value, int) else None
    return Shape(captured, tuple(scalers.items()), seconds)


def reader_of(model: MeterModel, profile: Profile, shape: Shape, zone: ZoneInfo) -> ProfileReader:
    """What turns the rows of that shape into dated ones; DecodeError where nothing dates them."""
    return profile_reader(model, profile, shape.captured, dict(shape.scalers), zone, capture_period=shape.period)


async def read_rows(
    services: Services, profile: Profile, shape: Shape, reader: ProfileReader, span: Span
) -> ProfileRows:
    """The rows of the span: by range, by entries where the meter refuses a range, else all of them and then cut."""
    raw = await _raw_rows(services, profile, shape, reader, span)
    try:
        return span.cut(reader.rows(raw))
    except DecodeError as error:
        raise BadValue(f"meter {services.serial}: {error}") from error


async def read_undated(services: Services, profile: Profile, shape: Shape) -> dict[str, Any]:
    """The newest row of a profile that has no clock (nameplate), as plain values by column name."""
    rows = await services.get_rows(_attribute(profile, BUFFER))
    if not rows or len(rows[-1]) != len(shape.captured):
        raise BadValue(f"meter {services.serial}: profile {profile.name} does not hold what it captures")
    named = {}
    for entry, value in zip(shape.captured, rows[-1], strict=True):
        column = profile.column(entry)
        named[column.name if column else str(entry.instance)] = value
    return named


async def _raw_rows(
    services: Services, profile: Profile, shape: Shape, reader: ProfileReader, span: Span
) -> list[tuple[Any, ...]]:
    buffer = _attribute(profile, BUFFER)
    selective = services.link.connection.conformance & Conformance.SELECTIVE_ACCESS
    if not span.bounded or not selective:
        return await services.get_rows(buffer)
    try:
        return await services.get_rows(buffer, _by_range(shape.captured[reader.clock_index], span, reader.zone))
    except (AccessDenied, ServiceRefused):
        pass
    try:
        return await services.get_rows(buffer, await _by_entries(services, profile, reader.period, span))
    except (AccessDenied, ServiceRefused):
        return await services.get_rows(buffer)


def _by_range(restricting: CaptureObject, span: Span, zone: ZoneInfo) -> SelectiveAccess:
    return range_access(_bound(span.since, 2000, zone), _bound(span.until, 2099, zone), restricting=restricting)


def _bound(moment: datetime | None, open_year: int, zone: ZoneInfo) -> CosemDateTime:
    """Local time with its deviation left out: it means the same to a meter with either sign."""
    moment = moment or datetime(open_year, 1, 1, tzinfo=zone)
    return CosemDateTime(clock_octets(moment, zone, DeviationSign.UNSPECIFIED))


async def _by_entries(
    services: Services, profile: Profile, period: timedelta | None, span: Span
) -> SelectiveAccess | None:
    """The newest entries, as many as the span can hold; None (all of them) where that can't be told."""
    in_use = await services.get(_attribute(profile, ENTRIES_IN_USE))
    if not isinstance(in_use.value, int) or in_use.value < 1:
        return None
    if not period or span.since is None:
        return entry_access(1, in_use.value)
    wanted = (span.now - span.since) // period + 1 + _SPARE_ROWS
    newer = 0 if span.until is None else max(0, (span.now - span.until) // period - _SPARE_ROWS)
    last = max(1, in_use.value - newer)
    return entry_access(min(last, max(1, in_use.value - wanted + 1)), last)


def _attribute(profile: Profile, number: int) -> CosemAttribute:
    return CosemAttribute(profile.class_id, profile.obis, number)


def _captured(meter: str, listed: Data) -> tuple[CaptureObject, ...]:
    if listed.tag is not Tag.ARRAY:
        raise BadValue(f"meter {meter}: capture objects as {listed.tag.label}, not an array")
    try:
        return tuple(map(CaptureObject.from_data, listed.value))
    except DecodeError as error:
        raise BadValue(f"meter {meter}: capture objects: {error}") from error


async def _scaler_profile(services: Services, profile: Profile) -> dict[CaptureObject, ScalerUnit]:
    """Scalers from the profile that holds them in one row; none where the meter has it not, or has it empty."""
    if profile.scalers is None:
        return {}
    references = [CosemAttribute(7, profile.scalers, number) for number in (CAPTURE_OBJECTS, BUFFER)]
    listed, buffer = await services.get_many(references)
    if isinstance(listed, DataAccessResult) or isinstance(buffer, DataAccessResult):
        return {}
    rows: Sequence[Any] = plain(buffer)
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return {}
    return scalers_of(_captured(services.serial, listed), rows[0])


async def _single_scalers(services: Services, entries: Sequence[CaptureObject]) -> dict[CaptureObject, ScalerUnit]:
    """Scalers asked for one by one, of captured registers that no scaler profile tells."""
    wanted = [entry for entry in entries if entry.class_id in _SCALER_ATTRIBUTES and entry.attribute == 2]
    if not wanted:
        return {}
    references = [CosemAttribute(e.class_id, e.instance, _SCALER_ATTRIBUTES[e.class_id]) for e in wanted]
    found: dict[CaptureObject, ScalerUnit] = {}
    for entry, value in zip(wanted, await services.get_many(references), strict=True):
        scaler = None if isinstance(value, DataAccessResult) else scaler_of(value)
        if scaler is not None:
            found[CaptureObject(entry.class_id, entry.instance, 2)] = scaler
    return found


def _is_told(entry: CaptureObject, scalers: dict[CaptureObject, ScalerUnit]) -> bool:
    return any(key.instance == entry.instance for key in scalers)
