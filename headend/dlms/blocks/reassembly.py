"""Numbered blocks joined to what they were cut from, and no more than was allowed (Green Book 9.4.6.2 to 9.4.6.4)."""

from headend.dlms.errors import RemoteError


class Reassembly:
    """Joins blocks 1, 2, 3 … up to `limit` octets.

    Each block but the last must bring something, so a peer that never ends runs into the limit.
    """

    __slots__ = ("_limit", "_parts", "_room", "number")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._room = limit
        self._parts: list[bytes] = []
        #: The number of the last block taken.
        self.number = 0

    def add(self, number: int, octets: bytes, *, last: bool) -> None:
        """Take one block; `RemoteError` if it is not the next one, empty though more follow, or too much."""
        if number != self.number + 1:
            raise RemoteError(f"block {number} where {self.number + 1} was due")
        if not octets and not last:
            raise RemoteError(f"block {number} is empty and not the last")
        self._room -= len(octets)
        if self._room < 0:
            raise RemoteError(f"blocks of more than {self._limit} octets in all")
        self.number = number
        self._parts.append(octets)

    def join(self) -> bytes:
        """All octets in order."""
        return b"".join(self._parts)


class Division:
    """Cuts octets into blocks of at most `room` octets, the last one marked; never none."""

    __slots__ = ("_octets", "_room", "_start", "number")

    def __init__(self, octets: bytes, room: int) -> None:
        self._octets = octets
        self._room = room
        self._start = 0
        #: The number of the last block given.
        self.number = 0

    @property
    def done(self) -> bool:
        """Whether the last block was given."""
        return self.number > 0 and self._start >= len(self._octets)

    def take(self, room: int | None = None) -> tuple[bool, int, bytes]:
        """Whether it is the last, the number, and the octets of the next block; `room` differs for a first block."""
        end = self._start + (self._room if room is None else room)
        octets = self._octets[self._start : end]
        self._start = end
        self.number += 1
        return self._start >= len(self._octets), self.number, octets
