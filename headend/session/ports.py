"""What a session needs from outside: keys, invocation counters, time and randomness."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

Now = Callable[[], datetime]
Monotonic = Callable[[], float]
RandomBytes = Callable[[int], bytes]


@frozen
class KeySet:
    """The secrets of one meter and role (`setting`, `reader`, …), unwrapped; never shown, never logged.

    `client_title` is our system title (8 octets) towards this meter.
    """

    client_title: bytes
    encryption: bytes | None = field(default=None, repr=False)
    authentication: bytes | None = field(default=None, repr=False)
    secret: bytes | None = field(default=None, repr=False)


class KeyRing(Protocol):
    """Keys per meter and role."""

    async def keys(self, meter: str, role: str) -> KeySet | None:
        """The keys of that role, or None when none were imported."""
        ...


class CounterStore(Protocol):
    """Invocation counters per meter and role (safety rules 9 and 10). Every answer is durable before it is given."""

    async def reserve(self, meter: str, role: str, count: int) -> range:
        """A block of `count` values never given before and never given again, whatever crashes."""
        ...

    async def jump(self, meter: str, role: str, at_least: int) -> None:
        """The next reserved value becomes at least `at_least`; a lower value is ignored."""
        ...

    async def received(self, meter: str, role: str) -> int:
        """The largest counter accepted from this meter under this key, -1 when there was none."""
        ...

    async def advance_received(self, meter: str, role: str, counter: int) -> None:
        """Remember a verified counter of the meter's; a lower value is ignored."""
        ...
