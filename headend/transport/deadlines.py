"""When connecting and visits have to end: one timer for all of a loop's, as a timer of its own costs each some 2 us."""

import asyncio
from types import TracebackType
from typing import Final, Protocol
from weakref import WeakKeyDictionary

#: Seconds between two looks at who is overdue, at least: a look at ten thousand visits takes a millisecond.
_PAUSE: Final = 0.02


class Bounded(Protocol):
    """What may last until `due`, in the time of its loop, and is then told to `expire`."""

    due: float

    def expire(self) -> None:
        """Its time is over."""


class Deadlines:
    """Watches over what is bounded, and tells each as soon as it is due; `due` may be moved back without a word."""

    __slots__ = ("_loop", "_next", "_timer", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Bounded] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next = float("inf")

    def watch(self, one: Bounded) -> None:
        """Until `forget`."""
        self._watched.add(one)
        if one.due < self._next:
            self.look_at(one.due)

    def forget(self, one: Bounded) -> None:
        """It may last now."""
        self._watched.discard(one)

    def look_at(self, due: float) -> None:
        """Something watched is due as early as `due`."""
        if due < self._next:
            if self._timer is not None:
                self._timer.cancel()
            self._next = due
            self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer, self._next = None, float("inf")
        now = self._loop.time()
        for one in [one for one in self._watched if one.due <= now]:
            self._watched.discard(one)
            one.expire()
        if self._watched:
            self.look_at(max(now + _PAUSE, min(one.due for one in self._watched)))


class Patience:
    """Around what may last until `due`: then it is cancelled, and TimeoutError raised, as `asyncio.timeout_at` does.

    None for `due`: for ever.
    """

    __slots__ = ("_cancelling", "_deadlines", "_over", "_task", "due")

    def __init__(self, due: float | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._over = False
        self._deadlines: Deadlines | None = None
        self.due = float("inf") if due is None else due

    def __enter__(self) -> None:
        if self.due != float("inf"):
            self._deadlines = deadlines_of(self._task.get_loop())
            self._deadlines.watch(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._deadlines is not None:
            self._deadlines.forget(self)
        if self._over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Its time is over."""
        self._over = True
        self._task.cancel()


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Deadlines] = WeakKeyDictionary()


def deadlines_of(loop: asyncio.AbstractEventLoop) -> Deadlines:
    """The one of `loop`."""
    found = _of_loops.get(loop)
    if found is None:
        found = _of_loops[loop] = Deadlines(loop)
    return found
