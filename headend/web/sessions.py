"""Cookies and sessions: who calls is found before the route is, and a log in always gets a new token.

One cookie a face, for its own path. It holds a random token; where that is a session's, somebody is logged in. Before
that it only ties a form to a browser. Logging in never takes over the token that came: there is nothing to fix.
"""

import secrets
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Final

from attrs import evolve, frozen
from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from headend.web.faces import Faces, WebRequest, faces, visitor
from headend.web.security import Consumer, Principal, Visitor
from headend.web.tokens import token_of

CONSOLE: Final = "console"
PORTAL: Final = "portal"
API: Final = "api"
_PATHS: Final = {CONSOLE: "/console", PORTAL: "/portal"}
#: Logged out after so long without a click, and after so long in any case: a shift, and an evening.
_IDLE: Final = {CONSOLE: timedelta(minutes=45), PORTAL: timedelta(minutes=30)}
_LONGEST: Final = {CONSOLE: timedelta(hours=12), PORTAL: timedelta(hours=12)}
#: The length of a token as text; anything else is no token of ours.
_TOKEN_CHARS: Final = 43


def face_of(path: str) -> str:
    """The face that a path belongs to, empty for what belongs to all."""
    for face in (CONSOLE, PORTAL, API):
        if path == f"/{face}" or path.startswith(f"/{face}/"):
            return face
    return ""


@frozen
class Identify:
    """Middleware: puts a Visitor into the scope's state."""

    app: ASGIApp
    ports: Faces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who calls, then go on."""
        if scope["type"] == ScopeType.HTTP:
            found = await self._visitor(scope)
            scope["state"]["visitor"] = found
            scope["user"], scope["auth"] = found.principal, None
        await self.app(scope, receive, send)

    async def _visitor(self, scope: Scope) -> Visitor:
        face = face_of(scope["path"])
        headers = {bytes(name): bytes(value) for name, value in scope["headers"]}
        if face == API:
            return Visitor(face, "", await token_of(self.ports, headers.get(b"authorization", b"")))
        if face not in _PATHS:
            return Visitor(face, "")
        token = _cookie(headers.get(b"cookie", b""), cookie_name(face, secure=self.ports.secure))
        if token is None:
            return Visitor(face, secrets.token_urlsafe(32), fresh=True)
        return Visitor(face, token, await self._principal(face, token))

    async def _principal(self, face: str, token: str) -> Principal:
        subject = await self.ports.sessions.subject(face, token)
        if subject is None:
            return None
        if face == PORTAL:
            return Consumer(subject)
        officer = await self.ports.officers.officer(subject)
        return None if officer is None or officer.disabled else officer


def cookie_name(face: str, *, secure: bool) -> str:
    """The name of a face's cookie; the prefix makes browsers refuse one that did not come by HTTPS."""
    return f"__Secure-headend-{face}" if secure else f"headend-{face}"


def cookie(face: str, token: str, *, secure: bool) -> Cookie:
    """The session cookie: not for scripts, not for other sites, for this face alone, gone with the browser."""
    name = cookie_name(face, secure=secure)
    return Cookie(key=name, value=token, path=_PATHS[face], httponly=True, secure=secure, samesite="lax")


async def log_in(request: WebRequest, response: Response[str], subject: str) -> None:
    """Begin a session for `subject` under a new token, end the one that came, and give the browser the new one."""
    ports, caller = faces(request), visitor(request)
    await ports.sessions.end(caller.token)
    token = await ports.sessions.begin(caller.face, subject, _IDLE[caller.face], _LONGEST[caller.face])
    _replace(request, response, token)


async def log_out(request: WebRequest, response: Response[str]) -> None:
    """End the session, and give the browser a token that is nobody's."""
    await faces(request).sessions.end(visitor(request).token)
    _replace(request, response, secrets.token_urlsafe(32))


def _replace(request: WebRequest, response: Response[str], token: str) -> None:
    caller = visitor(request)
    request.scope["state"]["visitor"] = evolve(caller, token=token, fresh=False)
    response.set_cookie(cookie(caller.face, token, secure=faces(request).secure))


def _cookie(header: bytes, name: str) -> str | None:
    try:
        morsel = SimpleCookie(header.decode("latin-1")).get(name)
    except ValueError:
        return None
    if morsel is None or len(morsel.value) != _TOKEN_CHARS or not morsel.value.isascii():
        return None
    return morsel.value
