"""Invocation counters: ours are spent once each, the peer's must grow (safety rules 9 and 10)."""

from collections.abc import Iterator
from typing import Final

from headend.dlms.errors import LocalError, SecurityError

_LARGEST_COUNTER: Final = 0xFFFF_FFFF


class CounterError(SecurityError):
    """The peer's counter did not grow: a repetition, or octets out of order."""


class InvocationCounter:
    """Our own counter: what the caller reserved, given out once each, for APDUs and HLS alike."""

    __slots__ = ("_last", "_reserved")

    def __init__(self, reserved: Iterator[int]) -> None:
        self._reserved = reserved
        self._last = -1

    def take(self) -> int:
        """The next value; `LocalError` if none is left or the caller's values don't grow."""
        value = next(self._reserved, None)
        if value is None:
            raise LocalError("no invocation counter is left: reserve more before the association")
        if not self._last < value <= _LARGEST_COUNTER:
            raise LocalError(f"invocation counter {value} after {self._last}: a counter is never used twice")
        self._last = value
        return value
