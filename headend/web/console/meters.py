"""The page of a meter: who it is, what it showed, its load curve, what was asked of it, and the asking."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath

from headend.web.console.curves import Curve, points_of_profiles, points_of_readings
from headend.web.faces import WebRequest, actor, faces, officer
from headend.web.forms import fields, text
from headend.web.look import INDIA
from headend.web.pages import go_to, page
from headend.web.security import Permission, needs

#: Spans of the load curve by name.
SPANS: Final = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31)}
_FEW: Final = 10
#: Days that a curve may end with.
_OLDEST: Final = date(2000, 1, 1)
_NEWEST: Final = date(2099, 12, 31)


@get("/meters/{serial:str}", opt=needs(Permission.VIEW))
async def meter_page(request: WebRequest, serial: FromPath[str]) -> Response[str]:
    """One meter."""
    ports, root = faces(request), officer(request).office
    meter = await ports.records.meter(root, serial)
    row = await ports.listings.one("meters", serial, office=root)
    commands, _ = await ports.listings.page("commands", office=root, filters={"meter": serial}, limit=_FEW)
    visits, _ = await ports.listings.page("visits", office=root, filters={"meter": serial}, limit=_FEW)
    events, _ = await ports.listings.page("events", office=root, filters={"meter": serial}, limit=_FEW)
    logged, _ = await ports.listings.page("meter_events", office=root, filters={"meter": serial}, limit=_FEW)
    span, last = _span(request), _last(request)
    now = ports.now()
    return page(
        request,
        "console/meter.html",
        meter=meter,
        row=row,
        readings=await ports.records.latest(root, serial),
        commands=commands,
        visits=visits,
        events=events,
        logged=logged,
        span=span,
        spans=list(SPANS),
        last=last,
        until="" if last is None else last.isoformat(),
        earlier=_beside(last, -SPANS[span], now),
        later=None if last is None else _beside(last, SPANS[span], now),
        clock=await ports.care.clock_of(root, serial),
        keys=await ports.care.keys_of(root, serial),
        traces=await ports.care.traces(root, serial),
    )


@get("/meters/{serial:str}/curve.json", opt=needs(Permission.VIEW))
async def curve(request: WebRequest, serial: FromPath[str]) -> dict[str, Any]:
    """The points of the load curve: interval data where there are any, else the power that was read."""
    ports, root = faces(request), officer(request).office
    last = _last(request)
    until = ports.now() + timedelta(minutes=1) if last is None else _end_of(last)
    since = until - SPANS[_span(request)]
    meter = await ports.records.meter(root, serial)
    # The newest rows may carry the time of a meter's clock that is ahead.
    ahead = timedelta(days=1) if last is None else timedelta(0)
    pieces = await ports.records.rows(root, serial, "block_load", since, until + ahead)
    if pieces:
        period = ports.records.capture_period(meter.model, "block_load")
        return points_of_profiles(pieces, period or timedelta(minutes=30)).plain()
    readings = await ports.records.history(root, serial, "power", since, until)
    return (points_of_readings(readings, "Power") if readings else Curve((), ())).plain()


@post("/meters/{serial:str}/read", opt=needs(Permission.OPERATE), status_code=303)
async def read_now(request: WebRequest, serial: FromPath[str]) -> Response[Any]:
    """Ask the daemon to read the meter now, and to record what goes over the line where that is wanted."""
    form, ports = await fields(request), faces(request)
    ask = ports.care.read_traced if form.get("frames") == "yes" else ports.acts.read_now
    number = await ask(actor(request), serial)
    return go_to(request, f"/console/meters/{serial}/read/{number}")


@get("/meters/{serial:str}/read/{number:int}", opt=needs(Permission.OPERATE))
async def read_answer(request: WebRequest, serial: FromPath[str], number: FromPath[int]) -> Response[str]:
    """The answer, as soon as there is one."""
    ports = faces(request)
    await ports.records.meter(officer(request).office, serial)
    found = await ports.acts.read_answer(actor(request), serial, number)
    trace = None if found is None else await ports.care.trace_of_request(number)
    return page(request, "console/read.html", serial=serial, found=found, trace=trace)


@get("/meters/{serial:str}/{verb:str}", opt=needs(Permission.OPERATE))
async def confirm_relay(request: WebRequest, serial: FromPath[str], verb: FromPath[str]) -> Response[str]:
    """The question before supply is cut or restored: who it is, and what follows."""
    ports, root = faces(request), officer(request).office
    _known(verb)
    meter = await ports.records.meter(root, serial)
    view = None if meter.consumer_no is None else await ports.records.account(root, meter.consumer_no)
    row = await ports.listings.one("meters", serial, office=root)
    return page(request, "console/relay.html", meter=meter, verb=verb, view=view, row=row)


@post("/meters/{serial:str}/{verb:str}", opt=needs(Permission.OPERATE), status_code=303)
async def relay(request: WebRequest, serial: FromPath[str], verb: FromPath[str]) -> Response[Any]:
    """Journal it; the daemon carries it out and reads the relay back."""
    _known(verb)
    form, acts = await fields(request), faces(request).acts
    reason = text(form, "reason", "the reason", 200)
    if verb == "reconnect":
        command = await acts.reconnect(actor(request), serial, reason)
    else:
        if form.get("confirm") != serial:
            raise ValidationException("type the meter's serial to confirm; nothing was asked for")
        emergency = form.get("emergency") == "yes"
        command = await acts.disconnect(actor(request), serial, reason, emergency=emergency)
    return go_to(request, f"/console/commands/{command.id}", f"Command {command.id} is {command.state}.")


def _span(request: WebRequest) -> str:
    span = request.query_params.get("span", "week")
    return span if span in SPANS else "week"


def _last(request: WebRequest) -> date | None:
    """The last day that is shown, None for what is newest."""
    text = request.query_params.get("until", "")
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ValidationException("until: a day such as 2026-11-24") from error
    if found is not None and not _OLDEST <= found <= _NEWEST:
        raise ValidationException(f"until: a day from {_OLDEST} to {_NEWEST}")
    return found


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), INDIA)


def _beside(last: date | None, by: timedelta, now: datetime) -> str:
    """The last day of the span before or after; empty for what is newest."""
    today = now.astimezone(INDIA).date()
    found = (last or today) + by
    return "" if found >= today else found.isoformat()


def _known(verb: str) -> None:
    if verb not in ("reconnect", "disconnect"):
        raise ValidationException(f"{verb!r} is nothing that can be done to a meter")


ROUTES: Final = (meter_page, curve, read_now, read_answer, confirm_relay, relay)
