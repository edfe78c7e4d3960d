"""Host names to addresses, in threads of its own: a name server that is away holds up nobody else.

What was found is used again for a minute, and on while nothing newer comes, since whoever answers there has to prove
who it is in any case. All visits to one name wait for the same question, and a name that was not found is not asked
for again at once: a hundred meters behind it cost one wait.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field, frozen

#: All addresses of a name, the best first; OSError where there are none. It may take as long as it likes.
Lookup = Callable[[str], tuple[str, ...]]

#: Seconds that an answer is used without asking again: what gateways with an address that changes have as life time.
FRESH_S: Final = 60.0
#: Seconds that a newer answer is waited for where an older one is at hand.
GRACE_S: Final = 1.0
#: Seconds that a name is left alone which was not found.
FAILED_S: Final = 10.0
#: Questions at once; each is a thread that the system holds for up to half a minute while the name server is away.
MOST_ASKED: Final = 32
#: Names that are remembered, at some 300 octets each.
MOST_KNOWN: Final = 200_000


def system_lookup(host: str) -> tuple[str, ...]:
    """As the system resolves names."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_address(host: str) -> bool:
    """Whether there is nothing to look up."""
    if ":" in host:
        return True
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


@frozen
class _Known:
    addresses: tuple[str, ...]
    at: float


@frozen
class _Failed:
    error: Exception
    at: float


@define(eq=False)
class Names:
    """The names of one loop."""

    loop: asyncio.AbstractEventLoop
    lookup: Lookup = system_lookup
    _known: dict[str, _Known] = field(init=False, factory=dict)
    _failed: dict[str, _Failed] = field(init=False, factory=dict)
    _asked: dict[str, "asyncio.Future[None]"] = field(init=False, factory=dict)
    _waiting: deque[str] = field(init=False, factory=deque)
    _threads: int = field(init=False, default=0)

    async def addresses(self, host: str, deadline: float | None) -> tuple[str, ...]:
        """The addresses of a name, at least one; OSError or UnicodeError where there are none before `deadline`."""
        now = self.loop.time()
        known = self._known.get(host)
        # While an answer takes its time, only the first to ask waits for it.
        if known is not None and (now - known.at <= FRESH_S or host in self._asked):
            return known.addresses
        failed = self._failed.get(host)
        if failed is None or now - failed.at > FAILED_S:
            patience = GRACE_S if known is not None else None if deadline is None else max(deadline - now, 0.0)
            await asyncio.wait((self._ask(host),), timeout=patience)
            known, failed = self._known.get(host), self._failed.get(host)
        if known is not None:
            return known.addresses
        if failed is None:
            raise TimeoutError(f"no name server told where {host} is")
        # A new one each time: an error that is raised twice keeps both its callers' frames.
        raise type(failed.error)(*failed.error.args)

    def _ask(self, host: str) -> "asyncio.Future[None]":
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = self.loop.create_future()
            self._waiting.append(host)
            self._begin()
        return asked

    def _begin(self) -> None:
        while self._waiting and self._threads < MOST_ASKED:
            host = self._waiting.popleft()
            self._threads += 1
            # Not of a pool: the end of the process would wait for each that hangs.
            threading.Thread(target=self._look_up, args=(host,), name=f"name {host}", daemon=True).start()

    def _look_up(self, host: str) -> None:
        found: tuple[str, ...] | Exception
        try:
            found = self.lookup(host)
        except Exception as error:  # noqa: BLE001  told to whoever asked
            found = error
        with suppress(RuntimeError):  # the loop has ended, nobody waits any more
            self.loop.call_soon_threadsafe(self._told, host, found)

    def _told(self, host: str, found: tuple[str, ...] | Exception) -> None:
        self._threads -= 1
        self._begin()
        if isinstance(found, Exception):
            self._failed[host] = _Failed(found, self.loop.time())
        else:
            self._failed.pop(host, None)
            self._known.pop(host, None)
            self._known[host] = _Known(found, self.loop.time())
        _bound(self._known)
        _bound(self._failed)
        self._asked.pop(host).set_result(None)


def _bound(kept: dict[str, Any]) -> None:
    """Forget the oldest where there are too many."""
    if len(kept) > MOST_KNOWN:
        del kept[next(iter(kept))]


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Names] = WeakKeyDictionary()


def names_of(loop: asyncio.AbstractEventLoop) -> Names:
    """The one of `loop`."""
    found = _of_loops.get(loop)
    if found is None:
        found = _of_loops[loop] = Names(loop)
    return found
