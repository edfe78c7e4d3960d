"""Everything that the web faces stand on, handed in by the composition root."""

from datetime import timedelta
from typing import Any, Final

from attrs import Factory, frozen
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import NotAuthorizedException

from headend.commands.officers import Officer
from headend.session.ports import Now
from headend.web.limits import Limiter
from headend.web.ports.acts import Actor, Acts
from headend.web.ports.care import Care
from headend.web.ports.lists import Listings, Records
from headend.web.ports.people import Officers, Sessions, Witness
from headend.web.ports.systems import Exchange, Tokens
from headend.web.security import Visitor

#: Wrong passwords for one name; an address may try five times as often, since an office has one.
_TRIES: Final = 8
#: Calls of the API a minute, where nothing else is said.
_CALLS: Final = 120
_TRIES_SPAN: Final = timedelta(minutes=15)


@frozen
class Faces:
    """The ports of console, portal and API. `secure`: pages are asked for by HTTPS, so cookies are for HTTPS alone."""

    now: Now
    sessions: Sessions
    officers: Officers
    witness: Witness
    listings: Listings
    records: Records
    acts: Acts
    care: Care
    tokens: Tokens
    exchange: Exchange
    secure: bool = False
    calls: Limiter = Factory(lambda self: Limiter(_CALLS, timedelta(minutes=1), self.now), takes_self=True)
    login_tries: Limiter = Factory(lambda self: Limiter(_TRIES, _TRIES_SPAN, self.now), takes_self=True)


WebRequest = Request[Any, Any, State]


def faces(request: WebRequest) -> Faces:
    """The ports of this application."""
    found: Faces = request.app.state.faces
    return found


def visitor(request: WebRequest) -> Visitor:
    """Whoever calls."""
    found: Visitor = request.scope["state"]["visitor"]
    return found


def officer(request: WebRequest) -> Officer:
    """The officer who is logged in; a route that asks for one has been refused to everybody else."""
    found = visitor(request).principal
    if not isinstance(found, Officer):
        raise NotAuthorizedException("log in first")
    return found


def actor(request: WebRequest) -> Actor:
    """The officer as who acts."""
    found = officer(request)
    return Actor(found.name, found.office, "console")
