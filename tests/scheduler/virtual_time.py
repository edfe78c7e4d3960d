"""An event loop whose clock jumps to the next timer: hours pass in milliseconds, and always in the same way."""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta

#: A Wednesday; hourly and minutely slots begin at this moment.
START = datetime(2026, 3, 4, 1, 0, 0, tzinfo=UTC)


class _JumpingSelector:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self.loop = None

    def select(self, timeout=None):
        ready = self._selector.select(0)
        if not ready:
            assert timeout is not None, "everything waits and nothing will ever happen"
            self.loop.elapsed += timeout
        return ready

    def __getattr__(self, name):
        return getattr(self._selector, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        selector = _JumpingSelector()
        self.elapsed = 0.0
        super().__init__(selector)
        selector.loop = self

    def time(self):
        return self.elapsed


def now():
    """The time of the running virtual loop as UTC."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def run(main):
    """Run a coroutine function to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
