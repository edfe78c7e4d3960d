"""Events, asked for or as they happen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from headend.notify.model import EventRow
from headend.web.api import shapes
from headend.web.api.routes import answers, caller, problems, reads
from headend.web.faces import Faces, WebRequest, faces

#: Looked for so often, and a sign of life sent so often where nothing happens.
_EVERY_S: Final = 1.0
_ALIVE_EVERY: Final = 15
_PIECE: Final = 500

After = Annotated[int, QueryParameter(ge=0, lt=1 << 62, description="the last number that is known")]


@reads("/events", "events:read")
async def events(
    request: WebRequest, after: After = 0, limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200
) -> shapes.Events:
    """Events after a number, in order; `last` is the number to ask after next time."""
    found, last = await faces(request).records.events_after(caller(request).office, after, limit)
    return shapes.Events(items=[_event(each) for each in found], last=last)


_STREAM: Final = problems(400, 401, 403, 429) | {
    200: answers(str, "server-sent events without an end", "text/event-stream")
}


@reads("/events/stream", "events:read", responses=_STREAM)
async def stream(
    request: WebRequest,
    after: Annotated[int | None, QueryParameter(ge=0, lt=1 << 62)] = None,
    known: Annotated[str, HeaderParameter(name="Last-Event-ID", description="the last number that came")] = "",
) -> ServerSentEvent:
    """Events as they happen (text/event-stream); a client that comes back says what it had by Last-Event-ID."""
    ports, office = faces(request), caller(request).office
    number = after if after is not None else int(known) if known.isdecimal() and len(known) < 19 else None
    return ServerSentEvent(_stream(ports, office, number))


async def _stream(ports: Faces, office: str, after: int | None) -> AsyncIterator[ServerSentEventMessage]:
    number = await ports.records.last_event() if after is None else after
    quiet = 0
    while True:
        found, number = await ports.records.events_after(office, number, _PIECE)
        for each in found:
            body = msgspec.json.encode(_event(each)).decode()
            yield ServerSentEventMessage(data=body, event=each.kind, id=str(each.number))
        quiet = 0 if found else quiet + 1
        if quiet % _ALIVE_EVERY == 1:
            yield ServerSentEventMessage(comment="nothing new")
        if len(found) < _PIECE:
            await asyncio.sleep(_EVERY_S)


def _event(row: EventRow) -> shapes.Event:
    return shapes.Event(
        number=row.number,
        at=row.at,
        kind=row.kind,
        meter=row.meter,
        consumer_no=row.consumer_no,
        payload=msgspec.json.decode(row.payload),
    )


ROUTES: Final = (events, stream)
