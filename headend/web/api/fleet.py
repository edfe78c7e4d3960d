"""Meters, their readings, and how much of the fleet is reached."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter

from headend.meters.reading import ProfileRows
from headend.meters.reading import Reading as MeterReading
from headend.web.api import shapes
from headend.web.api.cursors import rows_after
from headend.web.api.routes import api_actor, caller, changes, office_of, reads
from headend.web.faces import WebRequest, faces

Limit = Annotated[int, QueryParameter(ge=1, le=500)]
Cursor = Annotated[str, QueryParameter(max_length=400)]
Office = Annotated[str, QueryParameter(max_length=200)]
#: The longest time that one call reads.
_LONGEST: Final = timedelta(days=100)


@reads("/meters", "meters:read")
async def meters(
    request: WebRequest,
    office: Office = "",
    q: Annotated[str, QueryParameter(max_length=100)] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> shapes.Page[shapes.Meter]:
    """Meters by serial; `q` searches serial, consumer number, mobile and name."""
    rows, following = await rows_after(
        request, "meters", office=office_of(request, office), filters={"q": q}, cursor=cursor, limit=limit
    )
    return shapes.Page(items=[shapes.taken(shapes.Meter, row) for row in rows], next=following)


@reads("/meters/{serial:str}", "meters:read")
async def meter(request: WebRequest, serial: FromPath[str]) -> shapes.Meter:
    """One meter."""
    root = caller(request).office
    await faces(request).records.meter(root, serial)
    row = await faces(request).listings.one("meters", serial, office=root)
    assert row is not None
    return shapes.taken(shapes.Meter, row)


@reads("/meters/{serial:str}/readings", "meters:read")
async def readings(
    request: WebRequest,
    serial: FromPath[str],
    register: Annotated[str, QueryParameter(max_length=100)] = "",
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
) -> list[shapes.Reading]:
    """The newest value of each register; with `register`, its values since a moment (a week), oldest first."""
    records, root = faces(request).records, caller(request).office
    if not register:
        return [_reading(each) for each in await records.latest(root, serial)]
    start, end = _span(request, since, until)
    return [_reading(each) for each in await records.history(root, serial, register, start, end)]


@reads("/meters/{serial:str}/profiles/{profile:str}", "meters:read")
async def profile(
    request: WebRequest,
    serial: FromPath[str],
    profile: FromPath[str],
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
) -> list[shapes.Profile]:
    """Rows of a profile (`block_load`, `daily`, …) since a moment (a week), one piece a set of columns."""
    start, end = _span(request, since, until)
    found = await faces(request).records.rows(caller(request).office, serial, profile, start, end)
    return [_profile(each) for each in found]


@changes("/meters/{serial:str}/readings", "commands:write", status_code=202)
async def read_now(request: WebRequest, serial: FromPath[str]) -> shapes.ReadRequest:
    """Ask the daemon to read a meter now."""
    return shapes.ReadRequest(request=await faces(request).acts.read_now(api_actor(request), serial))


@reads("/meters/{serial:str}/readings/requests/{number:int}", "commands:write")
async def read_answer(
    request: WebRequest, serial: FromPath[str], number: Annotated[int, PathParameter(ge=1, lt=1 << 62)]
) -> shapes.ReadAnswer:
    """What came of it."""
    found = await faces(request).acts.read_answer(api_actor(request), serial, number)
    if found is None:
        return shapes.ReadAnswer(done=False)
    body = None if found.body is None else msgspec.json.decode(found.body)
    return shapes.ReadAnswer(done=True, body=body, error=found.error)


@reads("/coverage", "meters:read")
async def coverage(request: WebRequest, office: Office = "") -> shapes.FleetCoverage:
    """Meters reached within a day, of an office and of those one step below it."""
    found = await faces(request).records.today(office_of(request, office))
    return shapes.FleetCoverage(total=_coverage(found.total), offices=[_coverage(each) for each in found.offices])


def _coverage(found: Any) -> shapes.Coverage:  # noqa: ANN401  a Coverage of the port
    return shapes.Coverage(
        office=found.office, meters=found.meters, reached=found.reached, off=found.off, failing=found.failing
    )


def _reading(found: MeterReading) -> shapes.Reading:
    value = found.value if isinstance(found.value, str) else f"{found.value:f}"
    return shapes.Reading(
        name=found.name,
        obis=found.obis,
        value=value,
        unit=found.unit,
        received=found.received,
        meter_time=found.meter_time,
    )


def _profile(piece: ProfileRows) -> shapes.Profile:
    return shapes.Profile(
        columns=[
            shapes.ProfileColumn(name=each.name, obis=each.obis, exponent=each.exponent, unit=each.unit)
            for each in piece.columns
        ],
        rows=[
            shapes.ProfileRow(
                time=row.time,
                values=[value.hex() if isinstance(value, bytes) else value for value in row.values],
            )
            for row in piece.rows
        ],
    )


def _span(request: WebRequest, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    if (since is not None and since.tzinfo is None) or (until is not None and until.tzinfo is None):
        raise ValidationException("since, until: a time with its zone is expected, such as 2026-11-24T18:30:00+05:30")
    try:
        end = until or faces(request).now()
        start = since or end - timedelta(days=7)
        if not timedelta(0) <= end - start <= _LONGEST:
            raise ValidationException(f"since, until: at most {_LONGEST.days} days, the first before the second")
    except OverflowError as error:
        raise ValidationException("since, until: out of range") from error
    return start, end


ROUTES: Final = (meters, meter, readings, profile, read_now, read_answer, coverage)
