"""The port for machines that watch: one GET, one answer, connection closed. It takes no bodies and keeps no state."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from attrs import define, field, frozen

from headend.errors import HeadendError

#: A request line with its headers; nothing that asks for figures needs more.
LONGEST_REQUEST: Final = 8192
#: Seconds for a request to come, and for its answer to be taken.
PATIENCE_S: Final = 5.0
#: Connections at once; a scraper needs one.
MOST_CONNECTIONS: Final = 32

_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Unavailable"}


class CannotListen(HeadendError):  # noqa: N818  the name says what happened
    """The port that the configuration names can't be opened."""

    exit_code = 2


@frozen
class Reply:
    """What is answered."""

    status: int
    content_type: str
    body: bytes


Route = Callable[[], Awaitable[Reply]]


@define(eq=False)
class _Answering:
    routes: Mapping[str, Route]
    _open: set[asyncio.Task[None]] = field(init=False, factory=set)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._answer(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path = await _request(reader)
        reply = await self._reply(method, path)
        head = (
            f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\nContent-Type: {reply.content_type}\r\n"
            f"Content-Length: {len(reply.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + (b"" if method == "HEAD" else reply.body))
        await writer.drain()

    async def _reply(self, method: str, path: str) -> Reply:
        if not method:
            return _text(400, "not a request")
        if method not in ("GET", "HEAD"):
            return _text(405, "only GET")
        route = self.routes.get(path)
        if route is None:
            return _text(404, f"there are {', '.join(self.routes)}")
        try:
            return await route()
        except HeadendError as error:
            return _text(503, str(error))


@asynccontextmanager
async def answering(host: str, port: int, routes: Mapping[str, Route]) -> AsyncIterator[int]:
    """Answer while the block runs; the port that is open. Raises CannotListen."""
    try:
        server = await asyncio.start_server(_Answering(routes).take, host, port, limit=LONGEST_REQUEST)
    except OSError as error:
        raise CannotListen(
            f"metrics.listen: {host}:{port} can't be opened: {error.strerror or error}; name a free port"
        ) from error
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Method and path of a request without its query; empty for what is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return "", ""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return "", ""
    return words[0].decode("latin-1"), words[1].decode("latin-1").partition("?")[0]


def _text(status: int, text: str) -> Reply:
    return Reply(status, "text/plain; charset=utf-8", f"{text}\n".encode())
