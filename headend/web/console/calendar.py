"""The calendar of hours and days without cuts: as a picture, and as what officers add to the policy's and lift."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from attrs import frozen
from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath

from headend.prepaid.calendar import Calendar, Hours, is_second_saturday
from headend.web.faces import WebRequest, actor, faces, officer
from headend.web.forms import fields, text
from headend.web.look import INDIA
from headend.web.pages import go_to, page
from headend.web.security import Permission, needs

_HERE: Final = "/console/cuts/calendar"
_MONTHS: Final = 3
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Slots of the day that the picture of the hours has.
_SLOTS: Final = 48
#: Any week: the picture asks for each of its half hours.
_SOME_MONDAY: Final = date(2024, 1, 1)


@frozen
class Day:
    """A day of the picture; `kind`: holiday (the policy's), added (an officer's), weekly, or empty."""

    day: date
    kind: str
    why: str
    today: bool


@frozen
class Bar:
    """Forbidden hours of a weekday as a bar: slots of half an hour from 0 to 48; `added` by an officer."""

    weekday: int
    start: int
    end: int
    added: bool


@get("/cuts/calendar", opt=needs(Permission.VIEW))
async def calendar_page(request: WebRequest) -> Response[str]:
    """When nobody is cut."""
    ports, root = faces(request), officer(request).office
    closures = await ports.care.closures(root)
    rules = ports.records.rules()
    added = {each.day: each.reason for each in closures if each.day is not None}
    today = ports.now().astimezone(INDIA).date()
    return page(
        request,
        "console/calendar.html",
        closures=closures,
        rules=rules,
        months=months_of(rules["calendar"], added, today),
        bars=[
            *bars_of(rules["calendar"].hours, added=False),
            *bars_of((each.hours for each in closures if each.hours is not None), added=True),
        ],
        weekdays=_WEEKDAYS,
        slots=_SLOTS,
        today=today,
        offices=await ports.records.offices(root),
    )


@post("/cuts/calendar", opt=needs(Permission.APPROVE), status_code=303)
async def close(request: WebRequest) -> Response[Any]:
    """Add a day, or hours of the week; from then on nobody is cut in them."""
    form = await fields(request)
    what = _day(form) if form.get("kind") == "day" else _hours(form)
    reason = text(form, "reason", "the reason", 200)
    await faces(request).care.add_closure(actor(request), form.get("office", ""), what, reason)
    return go_to(request, _HERE, "Nobody is cut then.")


@post("/cuts/calendar/{number:int}", opt=needs(Permission.APPROVE), status_code=303)
async def change(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Lift what an officer added, as one of two persons, or let it stay."""
    care, do = faces(request).care, (await fields(request)).get("do")
    if do == "keep":
        await care.keep_closure(actor(request), number)
        return go_to(request, _HERE, "It stays.")
    if do != "lift":
        raise ValidationException("do: lift or keep")
    if await care.lift_closure(actor(request), number):
        return go_to(request, _HERE, "Lifted: cuts are allowed again then, where nothing else forbids them.")
    return go_to(request, _HERE, "Asked for. It holds until a second person lifts it too.", "plain")


def months_of(calendar: Calendar, added: dict[date, str], today: date) -> list[tuple[date, list[list[Day | None]]]]:
    """The months from this one on, each as weeks that begin on Monday; None lies outside the month."""
    found = []
    first = today.replace(day=1)
    for _ in range(_MONTHS):
        following = (first + timedelta(days=31)).replace(day=1)
        days: list[Day | None] = [None] * first.weekday()
        days += [
            _shown(calendar, added, first + timedelta(days=number), today) for number in range((following - first).days)
        ]
        days += [None] * (-len(days) % 7)
        found.append((first, [days[start : start + 7] for start in range(0, len(days), 7)]))
        first = following
    return found


def bars_of(hours: Iterable[Hours], *, added: bool) -> list[Bar]:
    """Forbidden hours as bars of each weekday; one over midnight makes two."""
    found = []
    for span in hours:
        for weekday in range(7):
            day = _SOME_MONDAY + timedelta(days=weekday + 7)
            covered = [
                span.cover(datetime.combine(day, time(), INDIA) + timedelta(minutes=30 * slot))
                for slot in range(_SLOTS)
            ]
            found += [Bar(weekday, start, end, added) for start, end in _runs(covered)]
    return found


def _runs(covered: list[bool]) -> list[tuple[int, int]]:
    edges = [
        slot
        for slot, (before, now) in enumerate(zip([False, *covered], [*covered, False], strict=True))
        if before != now
    ]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _shown(calendar: Calendar, added: dict[date, str], day: date, today: date) -> Day:
    if day in calendar.holidays:
        kind, why = "holiday", "holiday of the policy"
    elif day in added:
        kind, why = "added", added[day]
    elif day.weekday() in calendar.days or (calendar.second_saturdays and is_second_saturday(day)):
        kind, why = "weekly", "every week" if day.weekday() in calendar.days else "second Saturday"
    else:
        kind, why = "", ""
    return Day(day, kind, why, day == today)


def _day(form: dict[str, str]) -> date:
    try:
        return date.fromisoformat(form.get("day", ""))
    except ValueError as error:
        raise ValidationException("the day is missing") from error


def _hours(form: dict[str, str]) -> Hours:
    try:
        start, end = (time.fromisoformat(form.get(name, "")) for name in ("start", "end"))
    except ValueError as error:
        raise ValidationException("from and until: two times of the day such as 18:00") from error
    days = frozenset(number for number in range(7) if form.get(f"weekday:{number}"))
    if not days:
        raise ValidationException("hours begin on at least one day of the week")
    return Hours(start.replace(second=0, tzinfo=None), end.replace(second=0, tzinfo=None), days)


ROUTES: Final = (calendar_page, close, change)
