"""How a route of the API is declared: a scope, and the errors that it may answer."""

from collections.abc import Callable
from typing import Any, Final

from litestar import get, post
from litestar.exceptions import ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from headend.commands.officers import within
from headend.web.api.shapes import Problem
from headend.web.faces import WebRequest, visitor
from headend.web.ports.acts import Actor
from headend.web.problems import PROBLEM
from headend.web.security import Permission, Token, needs

Declared = Callable[[Callable[..., Any]], HTTPRouteHandler]

_ERRORS: Final = {
    400: "not understood",
    401: "no token, or not a good one",
    403: "a scope is missing",
    404: "not there, or of another office",
    409: "a rule refuses it",
    413: "too long",
    415: "another kind of content is expected",
    422: "not possible this way",
    429: "too often; Retry-After says how long to wait",
    503: "not reachable now",
}


def answers(kind: Any, described: str, form: str) -> ResponseSpec:  # noqa: ANN401  any type that has a schema
    """An answer of a kind, in a media type of its own."""
    return ResponseSpec(kind, description=described, media_type=form, generate_examples=False)


def problems(*statuses: int, kind: type[Problem] = Problem) -> dict[int, ResponseSpec]:
    """These errors, as problem+json."""
    return {status: answers(kind, _ERRORS[status], PROBLEM) for status in statuses}


READ: Final = problems(400, 401, 403, 404, 422, 429)
CHANGE: Final = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


def reads(path: str, scope: str, responses: dict[int, ResponseSpec] = READ, **more: Any) -> Declared:  # noqa: ANN401  Litestar's own options
    """A route that reads."""
    return get(path, opt=needs(Permission.SYSTEM, scope), responses=responses, **more)


def changes(path: str, scope: str, **more: Any) -> Declared:  # noqa: ANN401  as above
    """A route that changes something."""
    return post(path, opt=needs(Permission.SYSTEM, scope), responses=CHANGE, **more)


def caller(request: WebRequest) -> Token:
    """The token that calls; the guard has let it through."""
    found = visitor(request).principal
    assert isinstance(found, Token)
    return found


def api_actor(request: WebRequest) -> Actor:
    """The token as who acts."""
    token = caller(request)
    return Actor(f"token:{token.name}", token.office, "api")


def office_of(request: WebRequest, office: str) -> str:
    """The office that a call is about: the token's own, or one below it that it names."""
    root = caller(request).office
    office = office.strip("/") or root
    if not within(office, root):
        raise ValidationException(f"office: {office!r} is not within the token's {root!r}")
    return office
