"""Invocation counters of the clients, enforced strictly larger per key, with a ledger of every value that ever came."""

from typing import NamedTuple

from attrs import define


class Refused(NamedTuple):
    """A counter that was not larger than the last accepted one: it was used twice, or it went back."""

    counter: int
    last_accepted: int
    at: int


@define(eq=False)
class CounterLedger:
    """All counters received under one key; `accepted` holds closed ranges, since they mostly follow each other."""

    accepted: tuple[tuple[int, int], ...] = ()
    refused: tuple[Refused, ...] = ()

    @property
    def last(self) -> int:
        """The largest accepted counter, -1 when there was none."""
        return self.accepted[-1][1] if self.accepted else -1

    @property
    def count(self) -> int:
        """How many values were accepted."""
        return sum(last - first + 1 for first, last in self.accepted)

    def offer(self, counter: int, at: int) -> bool:
        """Accept `counter` if it is strictly larger than all before it, else put it on record as refused."""
        last = self.last
        if counter <= last:
            self.refused = (*self.refused, Refused(counter, last, at))
            return False
        if self.accepted and counter == last + 1:
            self.accepted = (*self.accepted[:-1], (self.accepted[-1][0], counter))
        else:
            self.accepted = (*self.accepted, (counter, counter))
        return True

    @property
    def reused(self) -> int:
        """How many refused values had been accepted before: counters used twice."""
        return sum(refused.counter in self for refused in self.refused)

    def __contains__(self, counter: object) -> bool:
        """Whether `counter` was accepted once."""
        return isinstance(counter, int) and any(first <= counter <= last for first, last in self.accepted)
