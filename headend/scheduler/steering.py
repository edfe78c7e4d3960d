"""How people steer collection, and what outlives a restart of it: rounds, suspended schedules, what was given up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import Factory, define, field, frozen

from headend.scheduler.ports import Ours, Outcome, everywhere


class RoundState(StrEnum):
    """Where a round stands; a person moves it between running, paused and cancelled."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"
    #: The next slot came before all meters of this one were visited; its round begins with these.
    SUPERSEDED = "superseded"


#: A round: schedule and slot.
RoundKey = tuple[str, datetime]


@frozen
class RoundProgress:
    """How far a round is, in meters: `left` not handed out yet, `done` read, `given_up` for this slot."""

    schedule: str
    slot: datetime
    size: int
    left: int
    done: int = 0
    given_up: int = 0
    state: RoundState = RoundState.RUNNING

    @property
    def key(self) -> RoundKey:
        """Schedule and slot."""
        return self.schedule, self.slot


@frozen
class GivenUp:
    """Work that is not tried again by itself before the meter answers or a person asks for it; with its first cause."""

    meter: str
    tasks: tuple[str, ...]
    outcome: Outcome
    first_cause: str
    failures: int
    first_at: datetime
    at: datetime


@frozen
class Orders:
    """What people want now: states of open rounds, suspended schedules, and work to be taken up again."""

    rounds: Mapping[RoundKey, RoundState] = Factory(dict)
    suspended: frozenset[str] = frozenset()
    requeued: tuple[GivenUp, ...] = ()


class SteeringStore(Protocol):
    """Keeps all of it. `shard` names the part of the fleet that one process visits, empty for the whole."""

    async def orders(self, shard: str, ours: Ours = everywhere) -> Orders:
        """What people want now; work that was asked for again, at meters of ours, is given out once."""
        ...

    async def begin_round(self, shard: str, progress: RoundProgress, at: datetime) -> RoundState:
        """Note that a round began or goes on; the state that it is in already, RUNNING for a new one."""
        ...

    async def note_rounds(self, shard: str, rounds: Sequence[RoundProgress], at: datetime) -> None:
        """Note how far rounds are; a state that a person gave meanwhile stands unless the round has ended."""
        ...

    async def given_up(self) -> list[GivenUp]:
        """Everything that was given up."""
        ...

    async def give_up(self, work: Sequence[GivenUp]) -> None:
        """Note work that is not tried again; with the first cause that is known for the meter already."""
        ...

    async def took_up(self, meters: Sequence[str]) -> None:
        """What was given up at these meters is done after all."""
        ...


@define
class Unsteered:
    """Steering for one command without a daemon: nobody steers, and nothing is kept."""

    gone: list[GivenUp] = field(factory=list)

    async def orders(self, shard: str, ours: Ours = everywhere) -> Orders:  # noqa: ARG002  the port's arguments
        """Nobody wants anything."""
        return Orders()

    async def begin_round(self, shard: str, progress: RoundProgress, at: datetime) -> RoundState:  # noqa: ARG002  as above
        """It runs."""
        return progress.state

    async def note_rounds(self, shard: str, rounds: Sequence[RoundProgress], at: datetime) -> None:
        """Nobody will ask."""

    async def given_up(self) -> list[GivenUp]:
        """What was given up in this process."""
        return list(self.gone)

    async def give_up(self, work: Sequence[GivenUp]) -> None:
        """Until this process ends."""
        self.gone.extend(work)

    async def took_up(self, meters: Sequence[str]) -> None:
        """Forget them."""
        self.gone = [each for each in self.gone if each.meter not in meters]
