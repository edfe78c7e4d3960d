"""What consumers do about their own account: complaints, a password, all of their data."""

from typing import Any, Final

from litestar import Response, get, post

from headend.commands.journal import RefusedByRule
from headend.commands.officers import Deed
from headend.prepaid.portal import Subject
from headend.web.addresses import caller_address
from headend.web.faces import WebRequest, faces
from headend.web.forms import fields
from headend.web.look import iso_day
from headend.web.pages import go_to
from headend.web.passwords import SHORTEST, hash_password, is_right
from headend.web.portal.desk import desk_of, origin
from headend.web.portal.doors import waiting
from headend.web.portal.export import everything
from headend.web.portal.showing import consumer_of, said, show
from headend.web.security import Permission, needs
from headend.web.sessions import PORTAL

_CONSUMER: Final = needs(Permission.CONSUMER)
#: Letters of a complaint.
LONGEST: Final = 2000


@get("/more", opt=_CONSUMER)
async def more(request: WebRequest) -> Response[str]:
    """What else there is, and what is known of the account."""
    desk = desk_of(request)
    view = await desk.accounts.view(consumer_of(request), desk.now())
    return show(request, "more.html", account=view.facts.account)


@get("/complaints", opt=_CONSUMER)
async def complaints_page(request: WebRequest) -> Response[str]:
    """The form, and what was written before."""
    return await _complaints(request)


@post("/complaints", opt=_CONSUMER, status_code=303)
async def complain(request: WebRequest) -> Response[Any]:
    """Hand a complaint to the office."""
    desk, number, form = desk_of(request), consumer_of(request), await fields(request)
    t, text = said(request), form.get("text", "")
    subject = form.get("subject", "")
    if not 3 <= len(text) <= LONGEST or subject not in list(Subject):
        return await _complaints(request, text[:LONGEST], t("problem.complaint", longest=LONGEST), 422)
    try:
        with faces(request).witness(_deed(request, number, "complain")):
            written = await desk.complaints.write(number, Subject(subject), text)
    except RefusedByRule:
        return await _complaints(request, text, t("problem.complaints"), 429)
    return go_to(request, "/portal/complaints", t("complaint.sent", number=written.id))


@get("/password", opt=_CONSUMER)
async def password_page(request: WebRequest) -> Response[str]:
    """The form for a password, which nobody needs."""
    return await _password(request)


@post("/password", opt=_CONSUMER, status_code=303)
async def set_password(request: WebRequest) -> Response[Any]:
    """Set a password, or change it for somebody who knows the present one."""
    desk, number, form = desk_of(request), consumer_of(request), await fields(request)
    t, new = said(request), form.get("new", "")
    wait = await desk.bounds.entry(origin(caller_address(request)), number)
    if wait:
        return await _password(request, waiting(request, wait), 429)
    present = await desk.doors.password_hash(number)
    if present is not None and not await is_right(form.get("old", ""), present):
        return await _password(request, t("problem.password_old"), 422)
    if new != form.get("again", ""):
        return await _password(request, t("problem.password_again"), 422)
    if not SHORTEST <= len(new) <= 200 or len(set(new)) < SHORTEST // 2:
        return await _password(request, t("problem.password_short", shortest=SHORTEST), 422)
    hashed = await hash_password(new)
    with faces(request).witness(_deed(request, number, "set password")):
        await desk.doors.set_password(number, hashed)
    return go_to(request, "/portal/", t("password.saved"))


@get("/data", opt=_CONSUMER)
async def data_page(request: WebRequest) -> Response[str]:
    """What the download holds."""
    consumer_of(request)
    return show(request, "data.html")


@get("/data/download", opt=_CONSUMER)
async def download(request: WebRequest) -> Response[Any]:
    """All that is kept about the consumer, as a zip file."""
    desk, number = desk_of(request), consumer_of(request)
    packed = await everything(desk, number)
    name = f"electricity-{number}-{iso_day(desk.now())}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(packed, media_type="application/zip", headers=headers)


async def _complaints(request: WebRequest, text: str = "", problem: str = "", status_code: int = 200) -> Response[str]:
    desk, number = desk_of(request), consumer_of(request)
    view = await desk.accounts.view(number, desk.now())
    return show(
        request,
        "complaints.html",
        status_code=status_code,
        office=view.facts.account.office,
        complaints=await desk.complaints.of_consumer(number),
        subjects=list(Subject),
        text=text,
        problem=problem,
        longest=LONGEST,
    )


async def _password(request: WebRequest, problem: str = "", status_code: int = 200) -> Response[str]:
    has_one = await desk_of(request).doors.password_hash(consumer_of(request)) is not None
    first = request.query_params.get("first") == "1"
    return show(
        request,
        "password.html",
        status_code=status_code,
        has_one=has_one,
        first=first,
        problem=problem,
        shortest=SHORTEST,
    )


def _deed(request: WebRequest, number: str, action: str) -> Deed:
    return Deed(faces(request).now(), number, PORTAL, action, number, "", {"address": caller_address(request)})


ROUTES: Final = (
    more,
    complaints_page,
    complain,
    password_page,
    set_password,
    data_page,
    download,
)
