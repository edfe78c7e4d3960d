"""Our invocation counters of one visit, reserved durably in blocks before any of them is used (safety rule 9)."""

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from headend.session.ports import CounterStore

#: Values reserved at once: a visit uses some twenty; what is left over at its end is skipped, and 2**32 last for ages.
BLOCK: Final = 64
#: From here on more are reserved while the visit goes on.
LOW: Final = 16
#: The most that one answer of the meter can make us use at once (HLS: one for the proof, one for the APDU around it).
AT_ONCE: Final = 4


@frozen
class CounterJump:
    """Our counter was behind the meter's and was moved ahead: an event for the people who look after keys."""

    role: str
    ours: int
    theirs: int


class ReservedCounters(Iterator[int]):
    """Gives out reserved values, each once. Ends when none are left: then nothing is sent."""

    __slots__ = ("_given", "_meter", "_next", "_ranges", "_role", "_store", "left")

    def __init__(self, store: CounterStore, meter: str, role: str) -> None:
        self._store = store
        self._meter = meter
        self._role = role
        self._ranges: list[range] = []
        self._next = iter(range(0))
        self._given = -1
        self.left = 0

    @property
    def last_given(self) -> int:
        """The largest value given out, -1 before the first."""
        return self._given

    async def reserve(self) -> None:
        """Add a block; durable in the store before any value of it can be given out."""
        block = await self._store.reserve(self._meter, self._role, BLOCK)
        self._ranges.append(block)
        self.left += len(block)

    def __next__(self) -> int:
        value = next(self._next, None)
        while value is None:
            if not self._ranges:
                raise StopIteration
            self._next = iter(self._ranges.pop(0))
            value = next(self._next, None)
        self.left -= 1
        self._given = value
        return value
