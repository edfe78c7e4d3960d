"""Errors as answers: a page for people, problem+json (RFC 9457) for programs, and nothing of our insides in either."""

from typing import Any, Final
from urllib.parse import quote

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect

from headend.errors import HeadendError
from headend.web.faces import WebRequest
from headend.web.pages import page
from headend.web.security import Visitor
from headend.web.sessions import API, PORTAL, face_of

_log = structlog.get_logger()

PROBLEM: Final = "application/problem+json"
#: What an error of this package is as a status, by its exit code.
_STATUS: Final = {1: 500, 2: 422, 3: 503, 4: 409, 5: 504}
_TITLES: Final = {
    400: "Not understood",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Refused by a rule",
    413: "Too much",
    415: "Not this kind of content",
    422: "Not possible this way",
    429: "Too often",
    500: "Something failed",
    503: "Not reachable",
    504: "Not known yet",
}


def on_http_error(request: WebRequest, error: HTTPException) -> Response[Any]:
    """What Litestar or a handler refused."""
    face = face_of(request.url.path)
    if isinstance(error, NotAuthorizedException) and face in ("console", PORTAL):
        return _to_login(request, face)
    status = error.status_code
    if status == 429:
        return answer(request, status, str(error.detail), headers=dict(error.headers or {}))
    return answer(request, status, _readable(error))


def on_own_error(request: WebRequest, error: HeadendError) -> Response[Any]:
    """What a rule of this house refused: its text is made for people."""
    if type(error).__name__.startswith("Unknown"):
        return answer(request, 404, str(error))
    status = _STATUS.get(error.exit_code, 500)
    if status == 500:
        _log.error("a page failed", path=request.url.path, error=str(error))
    return answer(request, status, str(error))


def on_too_large(request: WebRequest, _: OverflowError) -> Response[Any]:
    """A number larger than any that is kept: nothing has it."""
    return answer(request, 404, "there is nothing with such a large number")


def on_defect(request: WebRequest, error: Exception) -> Response[Any]:
    """A mistake of ours: told in the log, with the place, and not to the caller."""
    _log.error("a page failed", path=request.url.path, exc_info=error)
    return answer(request, 500, "This is a defect of headend; the log of the server says where.")


def title_of(status: int) -> str:
    """A status in a few words."""
    return _TITLES.get(status, "Not possible")


def answer(request: WebRequest, status: int, detail: str, *, headers: dict[str, str] | None = None) -> Response[Any]:
    """An error for whoever asked."""
    title = title_of(status)
    face = face_of(request.url.path)
    if face == API:
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        return Response(body, status_code=status, media_type=PROBLEM, headers=headers or {})
    request.scope["state"].setdefault("visitor", Visitor("", ""))
    response = page(request, "error.html", status_code=status, title=title, detail=detail, face=face, status=status)
    response.headers.update(headers or {})
    return response


def _to_login(request: WebRequest, face: str) -> Redirect:
    wanted = request.url.path if request.method == "GET" else f"/{face}/"
    if request.method == "GET" and request.url.query:
        wanted += f"?{request.url.query}"
    return Redirect(path=f"/{face}/login?next={quote(wanted, safe='')}", status_code=303)


def _readable(error: HTTPException) -> str:
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [f"{each.get('key', '')}: {each.get('message', '')}" for each in extra if isinstance(each, dict)]
    return "; ".join(fields) if fields else str(error.detail)
