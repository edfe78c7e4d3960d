"""Streams inside one process: what one end writes, the other end reads, in order, in the loop's next turn."""

import asyncio

from headend.transport.address import Address
from headend.transport.errors import Unreachable
from headend.transport.listener import Limits, Listener
from headend.transport.stream import Stream

_listeners: dict[str, "MemoryListener"] = {}


class MemoryStream(Stream):
    """One end of a pair."""

    __slots__ = ("_other",)

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._other: MemoryStream | None = None

    def close(self) -> None:
        """End both ends; the other one reads what was written before."""
        self.detach()
        other, self._other = self._other, None
        if other is not None:
            self._loop.call_soon(other._end)  # noqa: SLF001 - the other half of this pair
        self._lost(None)

    def _end(self) -> None:
        self._other = None
        self._lost(None)

    def _deliver(self, octets: bytes) -> None:
        if not self._ended:
            self._received(octets)

    def _send(self, octets: bytes) -> None:
        assert self._other is not None
        self._loop.call_soon(self._other._deliver, bytes(octets))  # noqa: SLF001

    def _pause_reading(self) -> None:
        """Nothing to do: the octets are in memory on either side."""

    def _resume_reading(self) -> None:
        """Nothing to do."""


def memory_pair(place: str = "memory") -> tuple[MemoryStream, MemoryStream]:
    """Two ends of one connection; needs a running loop."""
    ours, theirs = MemoryStream(place), MemoryStream(place)
    ours._other, theirs._other = theirs, ours  # noqa: SLF001
    return ours, theirs


class MemoryListener(Listener):
    """Yields a stream for each `connect` to its name."""

    def __init__(self, name: str, limits: Limits) -> None:
        super().__init__(f"memory:{name}", limits)
        self._name = name

    def close(self) -> None:
        """Give the name back."""
        if _listeners.get(self._name) is self:
            del _listeners[self._name]
        super().close()


def listen_memory(name: str, limits: Limits | None = None) -> MemoryListener:
    """A listener under `name`; Unreachable where the name is taken."""
    if name in _listeners:
        raise Unreachable(f"memory:{name}: the name is in use")
    listener = _listeners[name] = MemoryListener(name, limits or Limits())
    return listener


async def connect_memory(address: Address) -> MemoryStream:
    """A connection to the listener of that name; Unreachable where nobody listens or it takes no more."""
    listener = _listeners.get(address.device)
    await asyncio.sleep(0)  # as every other medium, never done at once
    if listener is None:
        raise Unreachable(f"{address.place}: nothing listens there")
    ours, theirs = memory_pair(address.place)
    if not listener.offer(theirs, address.device):
        raise Unreachable(f"{address.place}: takes no more connections")
    return ours
