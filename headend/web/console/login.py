"""Logging in and out, and the one-time link that sets a password."""

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from headend.commands.officers import Deed
from headend.web.addresses import caller_address
from headend.web.faces import WebRequest, faces, officer
from headend.web.forms import fields
from headend.web.pages import go_to, page
from headend.web.passwords import SHORTEST, hash_password, is_right
from headend.web.security import Permission, needs
from headend.web.sessions import CONSOLE, log_in, log_out

_HOME: Final = "/console/"
_Next = Annotated[str, QueryParameter(name="next", max_length=500)]


@get("/login", opt=needs(Permission.PUBLIC))
async def login_page(request: WebRequest, wanted: _Next = "") -> Response[str]:
    """The form."""
    return page(request, "console/login.html", wanted=wanted, name="", problem="")


@post("/login", opt=needs(Permission.PUBLIC), status_code=200)
async def login(request: WebRequest) -> Response[Any]:
    """Log in; the answer and its time are the same for a wrong name and a wrong password."""
    form, ports = await fields(request), faces(request)
    name, wanted = form.get("name", "")[:100], form.get("next", "")
    tries = ports.login_tries
    keys = (f"name:{name.lower()}", f"address:{caller_address(request)}")
    waits = [tries.take(keys[0]), tries.take(keys[1], tries.most * 5)]
    # Nobody learns from the time of the answer whether a try was looked at.
    right = await is_right(form.get("password", ""), await ports.officers.password_hash(name))
    if any(waits):
        problem = "Too many tries. Wait some minutes, then try again."
        return page(request, "console/login.html", status_code=429, wanted=wanted, name=name, problem=problem)
    if not right:
        problem = "Name or password is wrong."
        return page(request, "console/login.html", status_code=401, wanted=wanted, name=name, problem=problem)
    tries.forget(keys[0])
    with ports.witness(Deed(ports.now(), name, CONSOLE, "log in", name, "", {"address": caller_address(request)})):
        await ports.officers.logged_in(name)
    response = go_to(request, own_path(wanted))
    await log_in(request, response, name)
    return response


@post("/logout", opt=needs(Permission.VIEW), status_code=303)
async def logout(request: WebRequest) -> Response[Any]:
    """Log out."""
    response, ports, me = (
        go_to(request, "/console/login", "You are logged out.", "plain"),
        faces(request),
        officer(request),
    )
    with ports.witness(Deed(ports.now(), me.name, CONSOLE, "log out", me.name, me.office)):
        await log_out(request, response)
    return response


@get("/welcome/{token:str}", opt=needs(Permission.PUBLIC))
async def welcome_page(request: WebRequest, token: FromPath[str]) -> Response[str]:
    """The form that sets a password."""
    officer = await faces(request).officers.linked(token)
    if officer is None:
        raise NotFoundException("this link was used, is too old, or never was; ask an administrator for a new one")
    return page(request, "console/welcome.html", who=officer, shortest=SHORTEST, problem="")


@post("/welcome/{token:str}", opt=needs(Permission.PUBLIC), status_code=200)
async def welcome(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """Set the password and log in; the link is used up."""
    form, ports = await fields(request), faces(request)
    officer = await ports.officers.linked(token)
    if officer is None:
        raise NotFoundException("this link was used, is too old, or never was; ask an administrator for a new one")
    if form.get("password") != form.get("again"):
        problem = "The two passwords differ."
        return page(request, "console/welcome.html", status_code=422, who=officer, shortest=SHORTEST, problem=problem)
    hashed = await hash_password(form.get("password", ""))
    with ports.witness(Deed(ports.now(), officer.name, CONSOLE, "set password", officer.name, officer.office)):
        done = await ports.officers.set_password(token, hashed)
    if done is None:
        raise NotFoundException("this link was used meanwhile; ask an administrator for a new one")
    response = go_to(request, _HOME, f"Welcome, {done.full_name or done.name}.")
    await log_in(request, response, done.name)
    return response


def own_path(wanted: str) -> str:
    """A page of the console to go on to; anything that leads elsewhere becomes the first page."""
    plain = wanted.isprintable() and "\\" not in wanted and "//" not in wanted.partition("?")[0]
    return wanted if plain and wanted.startswith("/console/") else _HOME


ROUTES: Final = (login_page, login, logout, welcome_page, welcome)
