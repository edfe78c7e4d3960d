"""What goes over a line, kept for somebody who asked to see it; a line that nobody asked about costs nothing."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Final

from attrs import define, field, frozen

from headend.transport.address import Address
from headend.transport.stream import OnData, OnLost, Stream

#: Octets of one visit that are kept: hours of single readings, some days of profiles.
MOST_OCTETS: Final = 256 * 1024

Lend = Callable[[Address, float | None], AbstractAsyncContextManager[Stream]]


@frozen
class Piece:
    """Octets as they went over the line: `sent` by us or received, `at` seconds after the recording began.

    `line` counts connections: a visit that is refused may open a second one.
    """

    at: float
    line: int
    sent: bool
    octets: bytes = field(repr=False)


@define(eq=False)
class Recording:
    """The octets of one visit, up to a bound; `cut` where there were more."""

    most: int = MOST_OCTETS
    pieces: list[Piece] = field(factory=list, repr=False)
    lines: int = 0
    octets: int = 0
    cut: bool = False
    _began: float = field(factory=monotonic)

    def add(self, line: int, octets: bytes, *, sent: bool) -> None:
        """Keep octets; what is beyond the bound is left out whole."""
        if self.cut or not octets:
            return
        if self.octets + len(octets) > self.most:
            self.cut = True
            return
        self.octets += len(octets)
        self.pieces.append(Piece(monotonic() - self._began, line, sent, bytes(octets)))


_current: ContextVar[Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recording(kept: Recording) -> Iterator[None]:
    """Every line that this task opens within the block is recorded."""
    token = _current.set(kept)
    try:
        yield
    finally:
        _current.reset(token)


def recorded(lend: Lend) -> Lend:
    """A way to borrow lines that records them for tasks that asked for it."""

    def lending(address: Address, deadline: float | None) -> AbstractAsyncContextManager[Stream]:
        kept = _current.get()
        return lend(address, deadline) if kept is None else _lent(lend, address, deadline, kept)

    return lending


@asynccontextmanager
async def _lent(lend: Lend, address: Address, deadline: float | None, kept: Recording) -> AsyncIterator[Stream]:
    async with lend(address, deadline) as stream:
        kept.lines += 1
        yield RecordedStream(stream, kept, kept.lines)


class RecordedStream(Stream):
    """A stream that keeps what goes through it."""

    __slots__ = ("_inner", "_kept", "_line")

    def __init__(self, inner: Stream, kept: Recording, line: int) -> None:
        super().__init__(inner.place)
        self._inner = inner
        self._kept = kept
        self._line = line

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._inner.ended

    async def read(self, deadline: float | None = None) -> bytes:
        """What has come."""
        octets = await self._inner.read(deadline)
        self._kept.add(self._line, octets, sent=False)
        return octets

    def write(self, octets: bytes) -> None:
        """Send `octets`."""
        self._inner.write(octets)
        self._kept.add(self._line, octets, sent=True)

    def close(self) -> None:
        """End the connection."""
        self._inner.close()

    async def wait_closed(self) -> None:
        """After `close`."""
        await self._inner.wait_closed()

    def attach(self, on_data: OnData, on_lost: OnLost) -> None:
        """Hand everything that comes to `on_data`."""

        def keep(octets: bytes) -> None:
            self._kept.add(self._line, octets, sent=False)
            on_data(octets)

        self._inner.attach(keep, on_lost)

    def detach(self) -> None:
        """Back to `read`."""
        self._inner.detach()

    def discard(self) -> int:
        """Throw away what has come and was not read."""
        return self._inner.discard()

    def keep_alive(self) -> None:
        """The connection is to stay through silence."""
        self._inner.keep_alive()
