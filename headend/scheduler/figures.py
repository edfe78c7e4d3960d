"""What the collector has done since it started, and how it stands."""

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from headend.commands.model import State, Target
from headend.scheduler.ports import Outcome
from headend.scheduler.spans import RECONNECT_BOUNDS, VISIT_BOUNDS, SpanCounter, Spans

if TYPE_CHECKING:
    from headend.scheduler.visit import VisitResult


@frozen
class RoundStanding:
    """A slot in progress: how many meters it has, and how many are not handed out yet; whether a person paused it."""

    schedule: str
    slot: datetime
    size: int
    left: int
    paused: bool = False


@frozen
class Failing:
    """A meter that is left alone for a while: failures in a row, the first cause of them, when it is tried again."""

    meter: str
    outcome: Outcome
    failures: int
    first_error: str
    not_before: datetime


@frozen
class Standing:
    """The collector at one moment."""

    in_flight: int
    waiting: int
    put_off: int
    oldest: datetime | None
    rounds: tuple[RoundStanding, ...]
    failing: tuple[Failing, ...]
    blocked_lanes: tuple[str, ...]
    visits: dict[str, int]
    commands: dict[str, int]
    reads: int
    #: How long visits took, and reconnects from the journal to the relay that was read back.
    took: Spans
    reconnects: Spans


@define
class Figures:
    """Running counts."""

    visits: Counter[str] = field(factory=Counter)
    commands: Counter[str] = field(factory=Counter)
    reads: int = 0
    took: SpanCounter = field(factory=lambda: SpanCounter(VISIT_BOUNDS))
    reconnects: SpanCounter = field(factory=lambda: SpanCounter(RECONNECT_BOUNDS))

    def count(self, result: "VisitResult", reads: int, took: timedelta) -> None:
        """Count a visit that ended."""
        self.visits[result.outcome.value] += 1
        self.commands.update(command.state.value for command in result.commands)
        self.reads += reads
        self.took.add(took.total_seconds())
        for command in result.commands:
            if command.target is Target.CONNECTED and command.state is State.CONFIRMED:
                self.reconnects.add((command.changed_at - command.requested_at).total_seconds())
