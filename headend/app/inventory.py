"""The inventory as those need it who look a meter up several times a second."""

from collections.abc import Awaitable, Callable
from typing import Final

from headend.meters.inventory import Meter
from headend.session.directory import Directory

#: Seconds for which what was read is taken as it is; a meter that was added is known after as many.
FRESH_S: Final = 60.0
#: Seconds after which somebody who is not known is a reason to look again.
LOOK_AGAIN_S: Final = 5.0


class Inventory:
    """A directory that reads itself again when it is old, or when somebody is not in it. Times in seconds."""

    def __init__(self, read: Callable[[], Awaitable[list[Meter]]], time: Callable[[], float]) -> None:
        self._read = read
        self._time = time
        self._read_at: float | None = None
        self._directory = Directory()

    async def current(self) -> Directory:
        """The directory, not older than `FRESH_S`."""
        return await self._newer_than(FRESH_S)

    async def again(self) -> Directory:
        """The directory, read again unless that was done a moment ago: somebody was not in it."""
        return await self._newer_than(LOOK_AGAIN_S)

    async def _newer_than(self, age: float) -> Directory:
        now = self._time()
        if self._read_at is None or now - self._read_at > age:
            self._read_at = now
            self._directory = Directory(await self._read())
        return self._directory
