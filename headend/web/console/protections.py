"""Consumers who are cut by nobody: protected by one person, and no more by two."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath

from headend.web.console.tables import as_csv, show
from headend.web.console.views import PROTECTIONS
from headend.web.faces import WebRequest, actor, faces
from headend.web.forms import fields, text
from headend.web.pages import go_to
from headend.web.security import Permission, needs


@get("/cuts/protected", opt=needs(Permission.VIEW))
async def protected(request: WebRequest) -> Response[Any]:
    """Who is protected, why, and by whom."""
    return await show(request, PROTECTIONS, "console/protected.html")


@get("/cuts/protected.csv", opt=needs(Permission.VIEW))
async def protected_csv(request: WebRequest) -> Response[Any]:
    """The same as CSV."""
    return await as_csv(request, PROTECTIONS)


@post("/cuts/protected", opt=needs(Permission.OPERATE), status_code=303)
async def protect(request: WebRequest) -> Response[Any]:
    """Protect a consumer; cuts that are not sent are called off."""
    form = await fields(request)
    consumer_no, reason = text(form, "consumer_no", "the consumer number", 11), text(form, "reason", "the reason", 200)
    await faces(request).care.protect(actor(request), consumer_no, reason)
    return go_to(request, f"/console/accounts/{consumer_no}", "Nobody cuts this consumer from now on.")


@post("/cuts/protected/{number:int}", opt=needs(Permission.APPROVE), status_code=303)
async def change(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Lift a protection, as one of two persons, or let it stay."""
    care, do, here = faces(request).care, (await fields(request)).get("do"), "/console/cuts/protected"
    if do == "keep":
        await care.keep_protection(actor(request), number)
        return go_to(request, here, "The protection stays.")
    if do != "lift":
        raise ValidationException("do: lift or keep")
    if await care.lift_protection(actor(request), number):
        return go_to(request, here, "The protection is lifted.")
    return go_to(request, here, "Asked for. The protection holds until a second person lifts it too.", "plain")


ROUTES: Final = (protected, protected_csv, protect, change)
