"""The first page: how the day goes, each number leading to its list."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Response, get
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from headend.commands.officers import Officer
from headend.web.faces import Faces, WebRequest, faces, officer
from headend.web.pages import environment, page
from headend.web.security import Permission, needs

#: The page is told so often while it is open.
_EVERY_S: Final = 5.0
#: Then the browser asks anew, and whoever logged out meanwhile or was given another office is told nothing more.
_TURNS: Final = 60


@get("/", opt=needs(Permission.VIEW))
async def today(request: WebRequest) -> Response[str]:
    """The day in numbers."""
    return page(request, "console/today.html", **await _numbers(faces(request), officer(request).office))


@get("/today/live", opt=needs(Permission.VIEW))
async def live(request: WebRequest) -> ServerSentEvent:
    """The same numbers, as they change."""
    return ServerSentEvent(_changes(faces(request), officer(request)))


async def _changes(ports: Faces, who: Officer) -> AsyncIterator[ServerSentEventMessage]:
    """The numbers' part of the page, whenever it differs from what was sent before."""
    before = ""
    for _ in range(_TURNS):
        if await ports.officers.officer(who.name) != who:
            return
        text = environment().get_template("console/numbers.html").render(**await _numbers(ports, who.office))
        if text != before:
            before = text
            yield ServerSentEventMessage(data=text, event="numbers")
        else:
            yield ServerSentEventMessage(comment="still the same")
        await asyncio.sleep(_EVERY_S)


async def _numbers(ports: Faces, office: str) -> dict[str, Any]:
    return {"day": await ports.records.today(office), "root": office}


ROUTES: Final = (today, live)
