"""Who visits which part of the fleet: shards of whole lanes, each in the hands of one process at a time.

A process that visits has a token, given by the store, larger than that of every process before it. Under a token that
has ended the store writes nothing more: no counter is reserved, no command is begun or settled, however long the
process was stopped before it came back. Ending a token frees its shards, makes what it was sending UNKNOWN, and puts
back the reads it had taken, all in one transaction. So an engine only decides who is given what and who is believed
dead; that nothing is doubled does not rest on it.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from headend.errors import HeadendError
from headend.scheduler.inventory import Shard


class LeaseLost(HeadendError):  # noqa: N818  an answer, not a fault
    """The token of this process has ended: another one has its place, and it writes nothing more."""


@frozen
class Lease:
    """A shard that was given to the process of this token, until its work ends or the token does."""

    shard: Shard
    token: int


class Visiting(Protocol):
    """The work on one shard, as `Collector` does it."""

    async def run(self) -> None:
        """Visit the shard until `stop`, and return when nothing is under way any more."""
        ...

    def stop(self) -> None:
        """Start nothing more; what is under way may end within some seconds."""
        ...


#: Makes the work on a shard, which is then run.
Begin = Callable[[Lease], Visiting]


class WorkEngine(Protocol):
    """Gives shards to this process: a fixed one on one machine, whichever are free in a cluster."""

    async def run(self, begin: Begin) -> None:
        """Have every shard that this process is given visited, until `stop`; returns when all of it has ended.

        A shard that is to go elsewhere is stopped first, and is given away when its work has ended. Raises what the
        work raises.
        """
        ...

    def stop(self) -> None:
        """Take no more shards and stop the work on those at hand."""
        ...


@define(eq=False)
class Fixed:
    """The engine of one machine: its parent process gave it one shard, for as long as it lives."""

    lease: Lease
    _work: Visiting | None = field(init=False, default=None)
    _stopping: asyncio.Event = field(init=False, factory=asyncio.Event)

    async def run(self, begin: Begin) -> None:
        """Visit the shard."""
        if self._stopping.is_set():
            return
        self._work = begin(self.lease)
        await self._work.run()

    def stop(self) -> None:
        """Stop visiting it."""
        self._stopping.set()
        if self._work is not None:
            self._work.stop()
