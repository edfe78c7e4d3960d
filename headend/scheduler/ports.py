"""What collection needs from the store. One visit is written in one transaction, with the judgement made inside it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import frozen

from headend.commands.model import NewCommand
from headend.commands.ports import RelaySession
from headend.commands.topup import TopUpSession
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading, ProfileRows, Reading, RelayState
from headend.notify.model import Notice
from headend.prepaid.model import AccountView, EnergyMark, NewEntry
from headend.prepaid.policy import Decision


class Outcome(StrEnum):
    """How a visit ended; drives back-off."""

    DONE = "done"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    #: The time of the visit ran out while the meter, or the way to it, was at work.
    EXPIRED = "expired"
    REFUSED = "refused"
    WRONG_METER = "wrong_meter"
    FAILED = "failed"


@frozen
class ClockSet:
    """A clock that was set, or was too far off to be: seconds ahead of ours before and (None: not set) after."""

    at: datetime
    before: float
    after: float | None
    note: str = ""


@frozen
class VisitRecord:
    """Everything one visit learned. `balance` in paise as the meter shows it, None where it shows none.

    `served`: the schedules whose tasks at this meter are done with it. `backfilled`: rows that were asked for by hand
    or to fill a gap; `filled`: the numbers of the gaps that were asked for. `clock_set`: what was done to the clock.
    """

    meter: str
    started: datetime
    finished: datetime
    outcome: Outcome
    error: str | None
    readings: tuple[Reading, ...] = ()
    profiles: tuple[ProfileRows, ...] = ()
    relay: RelayState | None = None
    clock: ClockReading | None = None
    balance: int | None = None
    balance_at: datetime | None = None
    served: tuple[str, ...] = ()
    backfilled: tuple[ProfileRows, ...] = ()
    filled: tuple[int, ...] = ()
    clock_set: ClockSet | None = None


@frozen
class Judgement:
    """What follows from a visit or a recharge, to be written in the same transaction.

    `flags` names what a person must look at (`energy.roll_back`): each becomes an event row.
    """

    entries: tuple[NewEntry, ...]
    mark: EnergyMark | None
    decision: Decision
    notices: tuple[Notice, ...]
    command: NewCommand | None
    flags: tuple[str, ...] = ()


Judge = Callable[[AccountView], Judgement]

#: Whether this process visits a meter.
Ours = Callable[[Meter], bool]


def everywhere(_: Meter) -> bool:
    """The whole fleet is ours."""
    return True


@frozen
class ReadRequest:
    """A read asked for by hand beside a running daemon; `profile` None reads the registers."""

    id: int
    meter: str
    profile: str | None
    since: datetime | None
    until: datetime | None
    requested_at: datetime


@frozen
class ReadResult:
    """The answer of a read request: JSON text, or the error and the exit code that goes with it."""

    body: str | None
    error: str | None
    exit_code: int


class FleetStore(Protocol):
    """The store as collection sees it."""

    async def meters(self) -> list[Meter]:
        """The whole inventory."""
        ...

    async def meter(self, serial: str) -> Meter | None:
        """One meter of the inventory."""
        ...

    async def pin_system_title(self, serial: str, system_title: bytes) -> None:
        """Remember a system title learned at the first visit; later visits must show the same."""
        ...

    async def record_visit(self, record: VisitRecord, judge: Judge | None) -> Judgement | None:
        """Write what was learned; `judge` sees the account inside the transaction, and its result is written too.

        None for `judge`, or a meter without an account: no judgement is made.
        """
        ...

    async def last_row(self, meter: str, profile: str) -> datetime | None:
        """Capture time of the last stored row of a profile, for selective access from there on."""
        ...

    async def served_since(self, schedule: str, since: datetime) -> set[str]:
        """The meters at which the tasks of a schedule were done at or after `since`."""
        ...

    async def claim_slot(self, schedule: str, slot: datetime) -> bool:
        """True once for a schedule and slot, whoever asks and however often: a slot runs once.

        `schedule` may end in `#2/4` for a shard, each of which has the slot once; a slot that was begun with the
        fleet divided otherwise is not begun again.
        """
        ...

    async def new_read_requests(self, ours: Ours = everywhere) -> list[ReadRequest]:
        """Read requests for meters of ours that nobody has taken yet; each is given out once."""
        ...

    async def finish_read(self, request_id: int, result: ReadResult) -> None:
        """Answer a read request."""
        ...


class MeterSession(RelaySession, TopUpSession, Protocol):
    """An open, identified session with one meter, as a visit uses it. Every method raises HeadendError."""

    @property
    def system_title(self) -> bytes | None:
        """The system title that the meter presented, None where the role has none."""
        ...

    async def read_clock(self) -> ClockReading:
        """The meter's clock against ours."""
        ...

    async def write_clock(self, like: ClockReading) -> None:
        """Set the clock to now, its deviation coded as in `like`."""
        ...

    async def read_registers(self) -> tuple[Reading, ...]:
        """The registers of the meter's model; those that the meter does not have are left out."""
        ...

    async def read_nameplate(self) -> tuple[Reading, ...]:
        """What the meter says of itself: maker, firmware, year, ratings."""
        ...

    async def read_profile(self, profile: str, since: datetime | None, until: datetime | None) -> ProfileRows:
        """The rows of a profile captured from `since` to `until`, both inclusive; None leaves that end open."""
        ...


#: Opens a session with a meter: connects, associates, checks its identity; leaving the context releases it.
OpenSession = Callable[[Meter], AbstractAsyncContextManager[MeterSession]]
