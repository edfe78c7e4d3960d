"""Coming in: a one-time password, or a password; who has no working number is told which office to visit.

A number that exists and one that does not get the same answer for the same work: what is sent goes out after the
answer, a password is compared with somebody's digest in any case, and both are counted alike.
"""

import re
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from headend.commands.officers import Deed
from headend.prepaid.portal import Entry
from headend.web.addresses import caller_address
from headend.web.faces import WebRequest, faces
from headend.web.forms import fields
from headend.web.passwords import is_right
from headend.web.portal.desk import Desk, desk_of, origin
from headend.web.portal.showing import HOME, consumer_of, consumer_or_nobody, in_language, said, show
from headend.web.portal.words import digits
from headend.web.security import Permission, needs
from headend.web.sessions import PORTAL, log_in, log_out

_CONSUMER_NO: Final = re.compile(r"[0-9]{11}")
_PUBLIC: Final = needs(Permission.PUBLIC)
_CONSUMER: Final = needs(Permission.CONSUMER)


@get("/login", opt=_PUBLIC)
async def login_page(request: WebRequest) -> Response[Any]:
    """The door, or home for somebody who is in already."""
    if consumer_or_nobody(request) is not None:
        return Redirect(path=HOME, status_code=303)
    return door(request)


@post("/code", opt=_PUBLIC, status_code=200)
async def ask_code(request: WebRequest) -> Response[Any]:
    """Send a code to the registered mobile, if there is one; the answer does not tell."""
    desk, form = desk_of(request), await fields(request)
    number = consumer_number(form)
    if number is None:
        return door(request, form, said(request)("problem.consumer_no"))
    wait = await desk.bounds.code(origin(caller_address(request)), number)
    if wait:
        return door(request, form, waiting(request, wait), status_code=429)
    code = await desk.doors.ask(number, desk.rules.code_valid_for, desk.rules.code_tries)
    if code is not None:
        desk.later(desk.send_code(code), "send a code")
    return _code_page(request, desk, number)


@post("/enter", opt=_PUBLIC, status_code=200)
async def enter(request: WebRequest) -> Response[Any]:
    """Log in with a code; the first time is the registration."""
    desk, form = desk_of(request), await fields(request)
    number = consumer_number(form)
    if number is None:
        return door(request, form, said(request)("problem.consumer_no"))
    wait = await desk.bounds.entry(origin(caller_address(request)), number)
    if wait:
        return _code_page(request, desk, number, waiting(request, wait), 429)
    with faces(request).witness(_deed(request, number, "log in", "one-time password")):
        entry = await desk.doors.enter(number, re.sub(r"\s", "", digits(form.get("code", ""))))
    if entry is Entry.REFUSED:
        return _code_page(request, desk, number, said(request)("code.wrong"), 401)
    response = Redirect(path="/portal/password?first=1" if entry is Entry.FIRST else HOME, status_code=303)
    await _begin(request, response, desk, number)
    return response


@post("/login", opt=_PUBLIC, status_code=200)
async def login(request: WebRequest) -> Response[Any]:
    """Log in with a password."""
    desk, form = desk_of(request), await fields(request)
    number = consumer_number(form)
    if number is None:
        return door(request, form, said(request)("problem.consumer_no"), by_password=True)
    wait = await desk.bounds.entry(origin(caller_address(request)), number)
    if wait:
        return door(request, form, waiting(request, wait), status_code=429, by_password=True)
    if not await is_right(form.get("password", ""), await desk.doors.password_hash(number)):
        return door(request, form, said(request)("problem.login"), status_code=401, by_password=True)
    response = Redirect(path=HOME, status_code=303)
    await _begin(request, response, desk, number)
    return response


@post("/logout", opt=_CONSUMER, status_code=303)
async def logout(request: WebRequest) -> Response[Any]:
    """Log out."""
    consumer_of(request)
    response = Redirect(path=HOME, status_code=303)
    await log_out(request, response)
    return response


@get("/office", opt=_PUBLIC)
async def office_page(request: WebRequest) -> Response[Any]:
    """The question which office registers a number."""
    return show(request, "office.html", found=None, asked=False, number="", serial="", problem="")


@post("/office", opt=_PUBLIC, status_code=200)
async def office(request: WebRequest) -> Response[Any]:
    """The office, for somebody who knows consumer number and meter; nothing else is told."""
    desk, form = desk_of(request), await fields(request)
    number, serial = consumer_number(form), digits(form.get("serial", ""))[:64]
    context: dict[str, Any] = {"number": form.get("consumer_no", "")[:20], "serial": serial}
    if number is None:
        problem = said(request)("problem.consumer_no")
        return show(request, "office.html", found=None, asked=False, problem=problem, **context)
    wait = await desk.bounds.entry(origin(caller_address(request)), number)
    if wait:
        problem = waiting(request, wait)
        return show(request, "office.html", status_code=429, found=None, asked=False, problem=problem, **context)
    found = await desk.doors.whereabouts(number, serial)
    return show(request, "office.html", found=found, asked=True, problem="", **context)


@get("/language/{language:str}", opt=_PUBLIC)
async def choose_language(request: WebRequest, language: FromPath[str]) -> Response[Any]:
    """Another language from now on."""
    return in_language(request, language, request.query_params.get("back", HOME))


def door(
    request: WebRequest,
    form: dict[str, str] | None = None,
    problem: str = "",
    *,
    status_code: int = 200,
    by_password: bool = False,
) -> Response[str]:
    """The first page for somebody who is not in."""
    status_code = 422 if problem and status_code == 200 else status_code
    number = (form or {}).get("consumer_no", "")[:20]
    return show(
        request, "welcome.html", status_code=status_code, number=number, problem=problem, by_password=by_password
    )


def consumer_number(form: dict[str, str]) -> str | None:
    """The consumer number of a form, blanks and dashes left out; None where it can't be one."""
    number = re.sub(r"[\s-]", "", digits(form.get("consumer_no", "")))
    return number if _CONSUMER_NO.fullmatch(number) else None


def waiting(request: WebRequest, seconds: float) -> str:
    """How long to wait, in words."""
    return said(request)("problem.wait", minutes=max(int(seconds // 60) + 1, 1))


async def _begin(request: WebRequest, response: Response[Any], desk: Desk, number: str) -> None:
    await desk.bounds.came_in(number)
    await log_in(request, response, number)


def _code_page(
    request: WebRequest, desk: Desk, number: str, problem: str = "", status_code: int = 200
) -> Response[str]:
    minutes = int(desk.rules.code_valid_for.total_seconds() // 60)
    return show(request, "code.html", status_code=status_code, number=number, minutes=minutes, problem=problem)


def _deed(request: WebRequest, number: str, action: str, way: str) -> Deed:
    detail = {"address": caller_address(request), "with": way}
    return Deed(faces(request).now(), number, PORTAL, action, number, "", detail)


ROUTES: Final = (login_page, ask_code, enter, login, logout, office_page, office, choose_language)
