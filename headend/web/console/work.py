"""Work that people have in hand: an item with its history, and visits that were given up."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath

from headend.web.console.tables import as_csv, show
from headend.web.console.views import GIVEN_UP
from headend.web.faces import WebRequest, actor, faces
from headend.web.forms import LONGEST, fields, text
from headend.web.pages import go_to, page
from headend.web.security import Permission, needs

_GIVEN_UP: Final = "/console/given-up"


@get("/work/{number:int}", opt=needs(Permission.VIEW))
async def work_item(request: WebRequest, number: FromPath[int]) -> Response[str]:
    """One item: what is wrong, what was tried, who has it and had it."""
    row, steps, able = await faces(request).care.work_item(actor(request), number)
    return page(request, "console/item.html", row=row, steps=steps, able=able)


@post("/work/{number:int}/do", opt=needs(Permission.OPERATE), status_code=303)
async def care(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Take an item, hand it over, give it back, write something down."""
    form, ports, me = await fields(request), faces(request).care, actor(request)
    note = form.get("note", "")[:LONGEST]
    match form.get("do"):
        case "take":
            await ports.take_work(me, number)
        case "hand_over":
            await ports.hand_over_work(me, number, text(form, "owner", "who takes it", 60), note)
        case "give_back":
            await ports.hand_over_work(me, number, "", note)
        case "note":
            await ports.note_work(me, number, text(form, "note", "the note"))
        case _:
            raise ValidationException("do: take, hand_over, give_back or note")
    return go_to(request, f"/console/work/{number}")


@post("/work/open", opt=needs(Permission.OPERATE), status_code=303)
async def open_item(request: WebRequest) -> Response[Any]:
    """Make an item of a meter that was given up, or of readings that contradict each other."""
    form = await fields(request)
    serial, kind = text(form, "meter", "the meter", 64), text(form, "kind", "the kind", 40)
    number = await faces(request).care.open_work(actor(request), serial, kind, text(form, "note", "the note"))
    return go_to(request, f"/console/work/{number}", f"Item {number} is yours.")


@get("/given-up", opt=needs(Permission.VIEW))
async def given_up(request: WebRequest) -> Response[Any]:
    """Visits that are not tried again by themselves."""
    return await show(request, GIVEN_UP, "console/given_up.html")


@get("/given-up.csv", opt=needs(Permission.VIEW))
async def given_up_csv(request: WebRequest) -> Response[Any]:
    """The same as CSV."""
    return await as_csv(request, GIVEN_UP)


@post("/given-up/again", opt=needs(Permission.OPERATE), status_code=303)
async def again(request: WebRequest) -> Response[Any]:
    """Try again at one meter, or at all of the office."""
    meter = (await fields(request)).get("meter", "")
    count = await faces(request).care.requeue(actor(request), [meter] if meter else None)
    return go_to(request, _GIVEN_UP, f"{count} {'meter is' if count == 1 else 'meters are'} tried again now.")


ROUTES: Final = (work_item, care, open_item, given_up, given_up_csv, again)
