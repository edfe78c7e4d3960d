"""Invocation counters of the clients, enforced strictly larger per key, with a ledger of every value that ever came."""

from array import array
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from attrs import define, field


class Refused(NamedTuple):
    """A counter that was not larger than the last accepted one: it was used twice, or it went back."""

    counter: int
    last_accepted: int
    at: int


def _no_counters() -> "array[int]":
    return array("I")


@define(eq=False)
class CounterLedger:
    """All counters received under one key, as closed ranges, since they mostly follow each other.

    The firsts and lasts of the ranges stand in two arrays: years of visits take a few kilobytes. `note` is told each
    counter, and when it came, before it counts.
    """

    note: Callable[[int, int], None] | None = None
    refused: tuple[Refused, ...] = ()
    _firsts: "array[int]" = field(factory=_no_counters)
    _lasts: "array[int]" = field(factory=_no_counters)

    @property
    def last(self) -> int:
        """The largest accepted counter, -1 when there was none."""
        return self._lasts[-1] if self._lasts else -1

    @property
    def accepted(self) -> tuple[tuple[int, int], ...]:
        """The accepted counters as closed ranges, in their order."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    @property
    def count(self) -> int:
        """How many values were accepted."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def reused(self) -> int:
        """How many refused values had been accepted before: counters used twice."""
        return sum(refused.counter in self for refused in self.refused)

    def offer(self, counter: int, at: int) -> bool:
        """Accept `counter` if it is strictly larger than all before it, else put it on record as refused."""
        if self.note is not None:
            self.note(counter, at)
        last = self.last
        if counter <= last:
            self.refused = (*self.refused, Refused(counter, last, at))
            return False
        if self._lasts and counter == last + 1:
            self._lasts[-1] = counter
        else:
            self._firsts.append(counter)
            self._lasts.append(counter)
        return True

    def __contains__(self, counter: object) -> bool:
        """Whether `counter` was accepted once."""
        if not isinstance(counter, int):
            return False
        place = bisect_right(self._firsts, counter) - 1
        return place >= 0 and counter <= self._lasts[place]
