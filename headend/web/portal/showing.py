"""A page of the portal: in the reader's language, and refusals as pages they can read."""

from typing import Any, Final

import structlog
from litestar import Response
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect

from headend.errors import HeadendError
from headend.web.faces import WebRequest, faces, visitor
from headend.web.pages import page
from headend.web.portal.desk import desk_of
from headend.web.portal.words import LANGUAGES, Words, words
from headend.web.security import Consumer

_log = structlog.get_logger()

HOME: Final = "/portal/"
_COOKIE: Final = "headend-language"
_YEAR_S: Final = 31_536_000
#: Statuses that have their own sentence; the rest say that something failed.
_TOLD: Final = frozenset({403, 404, 413, 429})


def language_of(request: WebRequest) -> str:
    """The language that was chosen, Hindi before anybody chose."""
    chosen = request.cookies.get(_COOKIE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def show(request: WebRequest, template: str, *, status_code: int = 200, **context: Any) -> Response[str]:  # noqa: ANN401
    """A page in the reader's language; beside `context` it knows `t` (the words), `lang`, `consumer_no` and `desk`."""
    language = language_of(request)
    return page(
        request,
        f"portal/{template}",
        status_code=status_code,
        face="portal",
        lang=language,
        other=next(each for each in LANGUAGES if each != language),
        t=words(language),
        consumer_no=consumer_or_nobody(request),
        desk=desk_of(request),
        **context,
    )


def said(request: WebRequest) -> Words:
    """The words in the reader's language."""
    return words(language_of(request))


def consumer_or_nobody(request: WebRequest) -> str | None:
    """The number of the consumer who is logged in."""
    principal = visitor(request).principal
    return principal.consumer_no if isinstance(principal, Consumer) else None


def consumer_of(request: WebRequest) -> str:
    """The number of the consumer who is logged in, the only account that a page may be about."""
    number = consumer_or_nobody(request)
    if number is None:
        raise NotAuthorizedException("log in first")
    return number


def in_language(request: WebRequest, language: str, back: str) -> Redirect:
    """Back to a page of the portal, in a language from now on."""
    response = Redirect(path=own_page(back), status_code=303)
    if language in LANGUAGES:
        response.set_cookie(
            Cookie(
                key=_COOKIE,
                value=language,
                path="/",
                max_age=_YEAR_S,
                httponly=True,
                secure=faces(request).secure,
                samesite="lax",
            )
        )
    return response


def own_page(wanted: str) -> str:
    """A page of the portal to go on to; anything that leads elsewhere becomes the first page."""
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and "//" not in wanted
    return wanted if plain and wanted.startswith(HOME) else HOME


def refused(request: WebRequest, error: HTTPException) -> Response[Any]:
    """A refusal as a page of the portal; who is not logged in is sent to the door."""
    if isinstance(error, NotAuthorizedException):
        return Redirect(path=HOME, status_code=303)
    status = error.status_code
    reason = str(status) if status in _TOLD else "other"
    return show(request, "refused.html", status_code=status, reason=reason)


def refused_by_rule(request: WebRequest, error: HeadendError) -> Response[Any]:
    """What the house refused: not found, or something that failed and is told in the log."""
    if type(error).__name__.startswith("Unknown"):
        return show(request, "refused.html", status_code=404, reason="404")
    _log.error("a page of the portal failed", path=request.url.path, error=str(error))
    return show(request, "refused.html", status_code=503, reason="other")
