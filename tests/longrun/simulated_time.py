"""One timeline for head-end and simulator: an event loop whose clock stands while anything is going on, and jumps.

Sockets, threads and database are real. The clock moves to the next timer only when no socket has anything to read or
write, no thread has work of ours, and, while a connection is open, nothing has come for a moment of real time either.
A jump that is too early would be a lost answer to the head-end: what must hold, holds then too.
"""

import asyncio
import gc
import selectors
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from weakref import WeakSet

from headend.storage import writer
from headend.storage.writer import Writer

#: A Monday; 05:30 in India.
START = datetime(2026, 3, 2, tzinfo=UTC)

#: Real seconds that octets may take over loopback before nobody waits for them any more.
_ON_THE_WAY_S = 0.0005
_LAST_WORD_S = 10.0


class _JumpingSelector:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self.loop = None

    def select(self, timeout=None):
        if self.loop.pace_since is not None:
            return self._selector.select(timeout)
        ready = self._selector.select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.elsewhere:
            return self._selector.select(1.0)
        if self.loop.connections() and (ready := self._selector.select(_ON_THE_WAY_S)):
            return ready
        if timeout is None:  # no timer is left: only a thread that nobody counted could still have something to say
            ready = self._selector.select(_LAST_WORD_S)
            assert ready, "everything waits and nothing will ever happen"
            return ready
        self.loop.elapsed += timeout
        self.loop.jumps += 1
        return ()

    def __getattr__(self, name):
        return getattr(self._selector, name)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`elsewhere`: how many answers of threads are waited for; `connections()`: how many connections are open."""

    def __init__(self):
        selector = _JumpingSelector()
        self.elapsed = 0.0
        self.elsewhere = 0
        self.jumps = 0
        self.connections = int
        self.pace_since = None
        super().__init__(selector)
        selector.loop = self

    def time(self):
        return self.elapsed if self.pace_since is None else self.elapsed + time.monotonic() - self.pace_since

    @contextmanager
    def at_real_pace(self):
        """While it lasts, time passes as it does for everybody: what takes long, takes long."""
        self.pace_since = time.monotonic()
        try:
            yield
        finally:
            self.elapsed, self.pace_since = self.time(), None

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self.elsewhere += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _):
        self.elsewhere -= 1


#: Writers whose process is gone: what is asked of them never happens, and is never answered.
gone = WeakSet()


@contextmanager
def _writes_counted():
    run, calm = Writer.run, writer._CALM_S

    async def counted(self, unit, **options):
        loop = asyncio.get_running_loop()
        if self in gone:
            if asyncio.current_task().cancelling():
                raise asyncio.CancelledError
            return await loop.create_future()
        loop.elsewhere += 1
        try:
            return await run(self, unit, **options)
        finally:
            loop.elsewhere -= 1

    Writer.run = counted
    # Real milliseconds in which nothing could join the commit: no time passes while it waits.
    writer._CALM_S = 0.0
    try:
        yield
    finally:
        Writer.run, writer._CALM_S = run, calm


@contextmanager
def _garbage_rarely():
    """A house keeps millions of small things for its whole life; to look through them often is a tenth of a run."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def run(main):
    """Run a coroutine function to its end on a timeline of its own that begins at START."""
    with _writes_counted(), _garbage_rarely(), asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(main())


class Clocks:
    """The true time of the running loop, and the head-end's own clock, which may be `skew` ahead of it."""

    def __init__(self):
        self.skew = timedelta(0)
        self.seconds = asyncio.get_running_loop().time

    def true(self):
        return START + timedelta(seconds=self.seconds())

    def true_ms(self):
        return round(START.timestamp() * 1000) + int(self.seconds() * 1000)

    def house(self):
        return self.true() + self.skew
