"""Connections that outlive one visit: a gateway carries many meters, and each is visited over the same connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from headend.transport.address import Address
from headend.transport.connect import connect
from headend.transport.errors import DeadlinePassed
from headend.transport.stream import Stream

Connect = Callable[[Address, float | None], Awaitable[Stream]]

#: Seconds a connection is kept without a visit: below what cellular operators and firewalls forget a silent one after.
IDLE_LIMIT = 45.0


class KeptConnection:
    """One connection to one place, lent to one visit after another; made when needed, made anew when it broke.

    A visit that fails leaves the connection closed behind it: a late answer must not reach the next meter's visit.
    """

    def __init__(self, connect: Connect, idle_limit: float) -> None:
        self._connect = connect
        self._idle_limit = idle_limit
        self._lock = asyncio.Lock()
        self._stream: Stream | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self.wanted = 0
        #: How often it was connected, and how often lent.
        self.connects = 0
        self.visits = 0

    @property
    def stands(self) -> bool:
        """Whether there is a connection now."""
        return self._stream is not None and not self._stream.ended

    @asynccontextmanager
    async def borrow(self, address: Address, deadline: float | None = None) -> AsyncIterator[Stream]:
        """The connection for one visit, waiting for the visit before; Unreachable, DeadlinePassed."""
        self.wanted += 1
        try:
            await self._take_turn(address, deadline)
            try:
                async with self._visit(address, deadline) as stream:
                    yield stream
            finally:
                self._lock.release()
        finally:
            self.wanted -= 1

    def close(self) -> None:
        """Close the connection, if it stands; the next visit makes a new one."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    async def _take_turn(self, address: Address, deadline: float | None) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._lock.acquire()
        except TimeoutError:
            raise DeadlinePassed(f"{address.place}: the visits before this one took until the deadline") from None

    @asynccontextmanager
    async def _visit(self, address: Address, deadline: float | None) -> AsyncIterator[Stream]:
        stream = await self._standing(address, deadline)
        self.visits += 1
        try:
            yield stream
        except BaseException:
            self.close()
            raise
        stream.detach()
        if self._idle_limit > 0 and not stream.ended:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._idle_limit, self.close)
        else:
            self.close()

    async def _standing(self, address: Address, deadline: float | None) -> Stream:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if self._stream is not None and self._stream.discard():
            self.close()  # somebody spoke between visits: what comes next can't be told from an answer
        if self._stream is None or self._stream.ended:
            self.close()
            self._stream = await self._connect(address, deadline)
            self._stream.keep_alive()
            self.connects += 1
        return self._stream


class KeptConnections:
    """The kept connections of a process, one per place."""

    def __init__(self, connect: Connect = connect, idle_limit: float = IDLE_LIMIT) -> None:
        self._connect = connect
        self._idle_limit = idle_limit
        self._places: dict[str, KeptConnection] = {}

    @asynccontextmanager
    async def borrow(self, address: Address, deadline: float | None = None) -> AsyncIterator[Stream]:
        """The connection to `address.place` for one visit; see KeptConnection."""
        kept = self._places.get(address.place)
        if kept is None:
            self._forget_unused()
            kept = self._places[address.place] = KeptConnection(self._connect, self._idle_limit)
        async with kept.borrow(address, deadline) as stream:
            yield stream

    def standing(self) -> int:
        """How many connections stand now."""
        return sum(kept.stands for kept in self._places.values())

    def close(self) -> None:
        """Close all connections."""
        for kept in self._places.values():
            kept.close()

    def _forget_unused(self) -> None:
        """Keep the table no larger than twice what is in use."""
        if len(self._places) >= 64 and len(self._places) >= 2 * self.standing():
            self._places = {place: kept for place, kept in self._places.items() if kept.stands or kept.wanted}
