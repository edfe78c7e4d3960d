import asyncio
from collections import deque
from collections.abc import Callable

from headend.transport.errors import ConnectionLost, DeadlinePassed, TransportError

#: Octets held for a reader that doesn't read, before the sender is stopped: several of the largest APDUs.
MOST_HELD = 1 << 18

OnData = Callable[[bytes], None]
OnLost = Callable[[TransportError | None], None]


class Stream:
    """Octets to and from one place, read either by `read` or, faster, by callbacks set with `attach`.

    Deadlines are absolute, in the time of the running loop. Not for several readers at once.
    """

    __slots__ = ("_chunks", "_ended", "_fault", "_held", "_loop", "_on_data", "_on_lost", "_paused", "_reader", "place")

    def __init__(self, place: str) -> None:
        #: Who is at the other end, for messages.
        self.place = place
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[bytes] | None = None
        self._held = 0
        self._paused = False
        self._reader: asyncio.Future[None] | None = None
        self._on_data: OnData | None = None
        self._on_lost: OnLost | None = None
        self._ended = False
        self._fault: TransportError | None = None

    @property
    def ended(self) -> bool:
        """Whether the connection is over, from either end; octets that came before may still be read."""
        return self._ended

    async def read(self, deadline: float | None = None) -> bytes:
        """What has come, at least one octet; b"" once the other end (or `close`) has ended the connection.

        DeadlinePassed where nothing came in time, ConnectionLost where the connection broke.
        """
        if not self._chunks and not self._ended:
            await self._wait(deadline)
        if self._chunks:
            return self._take()
        if self._fault is not None:
            raise ConnectionLost(str(self._fault))
        return b""

    def write(self, octets: bytes) -> None:
        """Send `octets`, without waiting; ConnectionLost where the connection is over."""
        if self._ended:
            raise ConnectionLost(str(self._fault or f"{self.place}: the connection is closed"))
        if octets:
            self._send(octets)

    def close(self) -> None:
        """End the connection, with no callback any more; what was written still goes out. May be called again."""
        raise NotImplementedError

    async def wait_closed(self) -> None:
        """After `close`: until the medium is free for others."""

    def attach(self, on_data: OnData, on_lost: OnLost) -> None:
        """Hand everything that comes to `on_data` from now on, and the end, once, to `on_lost`; neither may raise.

        `on_lost` gets None where the other side closed in order. What was held is handed over at once.
        """
        self._on_data, self._on_lost = on_data, on_lost
        while self._chunks and self._on_data is not None:
            self._on_data(self._take())
        if self._ended and self._on_lost is not None:
            self._tell_lost()

    def detach(self) -> None:
        """Back to `read`."""
        self._on_data = self._on_lost = None

    def discard(self) -> int:
        """Throw away what has come and was not read; how many octets that was."""
        octets = 0
        while self._chunks:
            octets += len(self._take())
        return octets

    async def _wait(self, deadline: float | None) -> None:
        if self._reader is not None:
            raise RuntimeError(f"{self.place}: two tasks read the same stream")
        reader = self._reader = self._loop.create_future()
        timer = None if deadline is None else self._loop.call_at(deadline, self._expire)
        try:
            await reader
        finally:
            self._reader = None
            if timer is not None:
                timer.cancel()

    def _expire(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_exception(DeadlinePassed(f"{self.place}: no answer before the deadline"))

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _take(self) -> bytes:
        assert self._chunks
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._paused and self._held <= MOST_HELD // 2:
            self._paused = False
            self._resume_reading()
        return chunk

    def _received(self, octets: bytes) -> None:
        """A medium brought `octets`."""
        if self._on_data is not None:
            self._on_data(octets)
            return
        if self._chunks is None:  # made late: an attached stream never needs it
            self._chunks = deque()
        self._chunks.append(octets)
        self._held += len(octets)
        if self._held > MOST_HELD and not self._paused:
            self._paused = True
            self._pause_reading()
        self._wake()

    def _lost(self, fault: TransportError | None) -> None:
        """A medium tells that the connection is over; the first word counts."""
        if self._ended:
            return
        self._ended = True
        self._fault = fault
        self._wake()
        if self._on_lost is not None:
            self._tell_lost()

    def _tell_lost(self) -> None:
        on_lost, self._on_lost, self._on_data = self._on_lost, None, None
        if on_lost is not None:
            on_lost(self._fault)

    def keep_alive(self) -> None:
        """The connection is to stay through silence: let the medium watch over it, where it can."""

    def _send(self, octets: bytes) -> None:
        raise NotImplementedError

    def _pause_reading(self) -> None:
        raise NotImplementedError

    def _resume_reading(self) -> None:
        raise NotImplementedError
