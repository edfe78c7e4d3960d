"""Meters that dial in: a listener yields one stream per connection, within limits."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import Self

from attrs import field, frozen

from headend.transport.errors import DeadlinePassed, TransportError, Unreachable
from headend.transport.reasons import reason
from headend.transport.stream import Stream
from headend.transport.tcp import TcpStream, keep_alive


@frozen
class Limits:
    """How many connections a listener holds.

    `total` keeps descriptors for the rest of the process, `per_host` keeps one address from taking them all (raise it
    where a carrier's gateway hides many meters behind one), `waiting` bounds those that nobody has accepted yet.
    """

    total: int = field(default=20_000)
    per_host: int = field(default=256)
    waiting: int = field(default=1024)


class Listener:
    """Yields streams until it is closed: `async for stream in listener`. What exceeds the limits is closed at once."""

    def __init__(self, place: str, limits: Limits) -> None:
        self.place = place
        self.limits = limits
        #: Connections turned away for each limit.
        self.refused: Counter[str] = Counter()
        self._waiting: deque[Stream] = deque()
        self._hosts: Counter[str] = Counter()
        self._total = 0
        self._acceptors: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def open_streams(self) -> int:
        """How many connections stand, accepted or not."""
        return self._total

    async def accept(self, deadline: float | None = None) -> Stream:
        """The next connection; DeadlinePassed where none came in time, TransportError once the listener is closed."""
        while not self._waiting:
            if self._closed:
                raise TransportError(f"{self.place}: the listener is closed")
            await self._wait(deadline)
        return self._waiting.popleft()

    def offer(self, stream: Stream, host: str) -> bool:
        """Take a new connection from `host` in, if the limits allow; the caller closes it otherwise."""
        limit = self._exceeded(host)
        if limit is not None:
            self.refused[limit] += 1
            return False
        self._total += 1
        self._hosts[host] += 1
        self._waiting.append(stream)
        self._wake()
        return True

    def left(self, host: str) -> None:
        """A connection from `host` that was taken in is over."""
        self._total -= 1
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    def close(self) -> None:
        """Take no more connections; those not accepted yet are closed, those accepted go on."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().close()
        for acceptor in self._acceptors:
            if not acceptor.done():
                acceptor.set_result(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[Stream]:
        while not self._closed:
            try:
                yield await self.accept()
            except TransportError:
                if not self._closed:
                    raise

    def _exceeded(self, host: str) -> str | None:
        if self._closed:
            return "closed"
        if self._total >= self.limits.total:
            return "total"
        if self._hosts[host] >= self.limits.per_host:
            return "per_host"
        if len(self._waiting) >= self.limits.waiting:
            return "waiting"
        return None

    async def _wait(self, deadline: float | None) -> None:
        acceptor = asyncio.get_running_loop().create_future()
        self._acceptors.append(acceptor)
        try:
            async with asyncio.timeout_at(deadline):
                await acceptor
        except TimeoutError:
            raise DeadlinePassed(f"{self.place}: nobody connected before the deadline") from None
        finally:
            self._acceptors.remove(acceptor)
            if self._waiting and acceptor.done():  # woken, but cancelled: somebody else may take it
                self._wake()

    def _wake(self) -> None:
        for acceptor in self._acceptors:
            if not acceptor.done():
                acceptor.set_result(None)
                return


class _AcceptedStream(TcpStream):
    __slots__ = ("_host", "_listener")

    def __init__(self, listener: Listener) -> None:
        super().__init__("")
        self._listener: Listener | None = listener
        self._host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        host, port, *_ = transport.get_extra_info("peername") or ("unknown", 0)
        self._host = host
        self.place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        keep_alive(transport)
        assert self._listener is not None
        if not self._listener.offer(self, host):
            self._listener = None
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._listener is not None:
            self._listener.left(self._host)
            self._listener = None
        super().connection_lost(exc)


class TcpListener(Listener):
    """Listens on a TCP port."""

    def __init__(self, limits: Limits) -> None:
        super().__init__("", limits)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also where the system chose it."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen; Unreachable with the reason where that can't be."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _AcceptedStream(self), host or None, port, backlog=1024)
        except (OSError, OverflowError) as error:
            raise Unreachable(f"can't listen on {host}:{port}: {reason(error)}") from error
        self.place = f"{host}:{self.port}"

    def close(self) -> None:
        """Give the port back; connections already accepted go on."""
        if self._server is not None:
            self._server.close()
        super().close()


async def listen_tcp(host: str, port: int, limits: Limits | None = None) -> TcpListener:
    """A listener on `host` (empty: all addresses) and `port` (0: the system chooses); Unreachable where it can't be."""
    listener = TcpListener(limits or Limits())
    await listener.start(host, port)
    return listener
