"""Users and their links, tokens of other systems, and how the house is set up; keys are never shown."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import PermissionDeniedException, ValidationException
from litestar.params import FromPath

from headend.commands.officers import Deed, Officer, Role, within
from headend.web.console.tables import as_csv, show
from headend.web.console.views import OFFICERS
from headend.web.faces import WebRequest, actor, faces, officer
from headend.web.forms import fields, text
from headend.web.pages import go_to, page
from headend.web.scopes import SCOPES
from headend.web.security import Permission, needs
from headend.web.sessions import CONSOLE

_HERE: Final = "/console/administration"
_PER_MINUTE: Final = 120


@get("/administration", opt=needs(Permission.ADMINISTER))
async def administration(request: WebRequest) -> Response[str]:
    """Users, tokens, offices, schedules, rules and messages."""
    return await _page(request)


@get("/administration/list", opt=needs(Permission.ADMINISTER))
async def users(request: WebRequest) -> Response[Any]:
    """Everybody who may log in, as a list."""
    return await show(request, OFFICERS)


@get("/administration/list.csv", opt=needs(Permission.ADMINISTER))
async def users_csv(request: WebRequest) -> Response[Any]:
    """The same as CSV."""
    return await as_csv(request, OFFICERS)


@post("/administration/users", opt=needs(Permission.ADMINISTER), status_code=200)
async def add_user(request: WebRequest) -> Response[str]:
    """Add a user; the link that sets the password is shown once."""
    form, ports, me = await fields(request), faces(request), officer(request)
    name, role, office = text(form, "name", "the name", 60), _role(form), _office(form, me)
    detail = {"role": role, "office": office}
    with ports.witness(Deed(ports.now(), me.name, CONSOLE, "add user", name, office, detail)):
        await ports.officers.add(name, form.get("full_name", "")[:100], role, office, me.name)
    return await _page(request, await _new_link(request, name, office))


@post("/administration/users/{name:str}", opt=needs(Permission.ADMINISTER), status_code=200)
async def change_user(request: WebRequest, name: FromPath[str]) -> Response[Any]:
    """Another role or office, a new link, shut out, let in again."""
    form, ports, me = await fields(request), faces(request), officer(request)
    them = await _mine(request, name)
    match form.get("do"):
        case "link":
            return await _page(request, await _new_link(request, them.name, them.office))
        case "disable" | "enable" as do:
            with ports.witness(Deed(ports.now(), me.name, CONSOLE, f"{do} user", them.name, them.office)):
                await ports.officers.disable(them.name, disabled=do == "disable")
            return go_to(request, _HERE, f"{them.name}: {do}d.")
        case "change":
            role, office = _role(form), _office(form, me)
            detail = {"role": role, "office": office, "before": f"{them.role} of {them.office or 'the house'}"}
            with ports.witness(Deed(ports.now(), me.name, CONSOLE, "change user", them.name, office, detail)):
                await ports.officers.change(them.name, role, office)
            return go_to(request, _HERE, f"{them.name} is {role} of {office or 'the whole house'} now.")
        case _:
            raise ValidationException("do: link, change, disable or enable")


@post("/administration/tokens", opt=needs(Permission.ADMINISTER), status_code=200)
async def add_token(request: WebRequest) -> Response[str]:
    """A token for another system; it is shown once."""
    form, ports, me = await fields(request), faces(request), officer(request)
    name, office = text(form, "name", "the name", 60), _office(form, me)
    scopes = frozenset(scope for scope in SCOPES if form.get(f"scope:{scope}"))
    per_minute = form.get("per_minute", str(_PER_MINUTE))
    if not scopes:
        raise ValidationException("a token may at least one thing")
    if not per_minute.isdecimal() or not 1 <= int(per_minute[:6]) <= 100_000:
        raise ValidationException("calls a minute: a number from 1 to 100,000")
    detail = {"scopes": sorted(scopes)}
    with ports.witness(Deed(ports.now(), me.name, CONSOLE, "add token", name, office, detail)):
        token = await ports.tokens.add(name, scopes, office, int(per_minute), me.name)
    return await _page(request, ("token", name, token))


@post("/administration/tokens/{number:int}", opt=needs(Permission.ADMINISTER), status_code=303)
async def revoke_token(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Revoke a token; it is refused from the next call on."""
    ports, me = faces(request), officer(request)
    for each in await ports.tokens.tokens():
        if each.id == number and within(each.office, me.office):
            with ports.witness(Deed(ports.now(), me.name, CONSOLE, "revoke token", each.name, each.office)):
                await ports.tokens.revoke(number)
            return go_to(request, _HERE, f"Token {each.name} is revoked.")
    raise ValidationException(f"there is no token {number}")


@post("/administration/schedules", opt=needs(Permission.ADMINISTER), status_code=303)
async def steer_schedule(request: WebRequest) -> Response[Any]:
    """Suspend a schedule, or let it go on."""
    form = await fields(request)
    name, do = text(form, "schedule", "the schedule", 100), form.get("do")
    if do not in ("suspend", "resume"):
        raise ValidationException("do: suspend or resume")
    await faces(request).care.suspend(actor(request), name, on=do == "suspend")
    told = "no slot begins until it is resumed" if do == "suspend" else "goes on with its next slot"
    return go_to(request, f"{_HERE}#schedules", f"{name}: {told}.")


async def _page(request: WebRequest, secret: tuple[str, str, str] | None = None) -> Response[str]:
    ports, root = faces(request), officer(request).office
    return page(
        request,
        "console/administration.html",
        users=[each for each in await ports.officers.officers() if within(each.office, root)],
        tokens=[each for each in await ports.tokens.tokens() if within(each.office, root)],
        offices=await ports.records.offices(root),
        unreachable=await ports.records.accounts_without_number(root),
        schedules=await ports.care.schedules(),
        keys=await ports.care.keys(root),
        rules=ports.records.rules(),
        messages=[(language, ports.records.preview(language)) for language in ("hi", "en")],
        roles=list(Role),
        scopes=SCOPES,
        secret=secret,
    )


async def _new_link(request: WebRequest, name: str, office: str) -> tuple[str, str, str]:
    ports, me = faces(request), officer(request)
    with ports.witness(Deed(ports.now(), me.name, CONSOLE, "new link", name, office)):
        link = await ports.officers.link(name)
    base = str(request.base_url).rstrip("/")
    return "link", name, f"{base}/console/welcome/{link.token}"


async def _mine(request: WebRequest, name: str) -> Officer:
    found = await faces(request).officers.officer(name)
    if found is None or not within(found.office, officer(request).office):
        raise ValidationException(f"there is no user {name!r}")
    return found


def _role(form: dict[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError as error:
        raise ValidationException("role: viewer, operator, approver or administrator") from error


def _office(form: dict[str, str], me: Officer) -> str:
    office = form.get("office", "").strip("/") or me.office
    if not within(office, me.office):
        raise PermissionDeniedException(f"{office or 'the whole house'} is not within {me.office}")
    return office


ROUTES: Final = (
    administration,
    users,
    users_csv,
    add_user,
    change_user,
    add_token,
    revoke_token,
    steer_schedule,
)
