"""Profiles (IC 7) to dated rows: capture objects and scalers first, then the rows of a span of time."""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.dlms.axdr import Data, Tag, plain
from headend.dlms.cosem import CaptureObject, CosemAttribute, ScalerUnit
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import DecodeError
from headend.meters.model import MeterModel, Profile
from headend.meters.profiles import ProfileReader, profile_reader, scalers_of
from headend.meters.reading import ProfileRows
from headend.session.buffers import BUFFER, Buffer, Span
from headend.session.errors import AccessDenied, BadValue
from headend.session.registers import scaler_of
from headend.session.services import Services
from headend.session.shapes import Shape

CAPTURE_OBJECTS, CAPTURE_PERIOD = 3, 4

#: Interface classes with scaler and unit, and the attribute that holds them.
_SCALER_ATTRIBUTES: Final = {3: 3, 4: 3, 5: 4}

_MOST_READERS: Final = 1024
#: By the identity of what they are made of, which each entry holds, so that no other object takes its place.
_readers: dict[tuple[int, int, int, str | None], tuple[MeterModel, Profile, Shape, ProfileReader]] = {}


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
    """What turns the rows of that shape into dated ones; DecodeError where nothing dates them.

    Made once: a fleet has a few dozen shapes, each of them one object, and making a reader costs more than its rows do.
    """
    key = id(model), id(profile), id(shape), zone.key
    kept = _readers.get(key)
    if kept is not None and kept[0] is model and kept[1] is profile and kept[2] is shape:
        return kept[3]
    reader = profile_reader(model, profile, shape.captured, dict(shape.scalers), zone, capture_period=shape.period)
    if len(_readers) >= _MOST_READERS:
        _readers.clear()
    _readers[key] = model, profile, shape, reader
    return reader


async def read_rows(
    services: Services, profile: Profile, shape: Shape, reader: ProfileReader, span: Span
) -> ProfileRows:
    """The rows of the span: by range, by entries where the meter refuses a range, else all of them and then cut."""
    try:
        return await Buffer(services, profile, shape, reader).read(span)
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
