"""The work of one visit on an open session, most urgent first, written in as few transactions as safety allows.

A reconnect runs before anything is read. A disconnect, or a command of unknown outcome, runs after the base reading
is written, since it rests on it. Then come reads by hand, then profiles, then the judgement, and a command that
follows from it at once. Between any two steps a command that came in meanwhile goes first.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol, TypeVar

from attrs import define, field, frozen

from headend.commands.model import Command, State
from headend.commands.ports import RelaySession
from headend.commands.topup import TopUp, TopUpSession
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading, ProfileRows, Reading, RelayState
from headend.scheduler.answers import profile_answer, registers_answer
from headend.scheduler.backlog import Work
from headend.scheduler.clocks import ClockKeeper
from headend.scheduler.defaults import NAMEPLATE
from headend.scheduler.gaps import Gap
from headend.scheduler.judge import Rules, judge_visit
from headend.scheduler.mirror import Mirror
from headend.scheduler.outcomes import Failure, ends_visit, exit_code_of, outcome_of, outcome_under_way
from headend.scheduler.plan import BASE_TASKS
from headend.scheduler.ports import (
    ClockSet,
    FleetStore,
    Judgement,
    MeterSession,
    Outcome,
    ReadRequest,
    ReadResult,
    VisitRecord,
)
from headend.session.balance import Balance
from headend.session.ports import Now

_UNSETTLED: Final = frozenset({State.REQUESTED, State.UNKNOWN, State.REJECTED})


_Result = TypeVar("_Result")


class StoreFailed(HeadendError):  # noqa: N818  the name says what happened
    """The store could not write or read; the meter is not to blame."""


class CommandRunner(Protocol):
    """The executor, as a visit sees it."""

    async def run_open(self, session: RelaySession) -> list[Command]:
        """Run every open command of the session's meter once."""
        ...


class TopUpRunner(Protocol):
    """The executor of top-ups, as a visit sees it."""

    async def run_open(self, session: TopUpSession) -> list[TopUp]:
        """Run every open top-up of the session's meter."""
        ...


class Recorder(Protocol):
    """Keeps what goes over the line, where somebody asked to see it."""

    def around(self, meter: Meter, requests: tuple[int, ...]) -> AbstractAsyncContextManager[None]:
        """A visit that answers these read requests."""
        ...


@frozen
class VisitPorts:
    """What every visit uses; without `topups` no meter is topped up, without `mirror` no display is written."""

    store: FleetStore
    executor: CommandRunner
    rules: Rules
    now: Now
    topups: TopUpRunner | None = None
    mirror: Mirror | None = None
    #: Whether profiles are given up for want of disk; reads by hand and everything about money and relays go on.
    sheds: Callable[[], bool] = lambda: False
    #: Without it no visit is recorded.
    recorder: Recorder | None = None
    #: Without it no clock is set.
    clocks: ClockKeeper | None = None
    #: Whether meters of its model have a profile: a schedule may name what only some have.
    offers: Callable[[Meter, str], bool] = lambda _meter, _profile: True


@frozen
class VisitResult:
    """How a visit ended, and the commands it ran."""

    outcome: Outcome
    error: str | None
    commands: tuple[Command, ...]

    @property
    def unsettled(self) -> bool:
        """Whether a command did not come to its end: the meter is left alone for a moment before the next try."""
        return any(command.state in _UNSETTLED and command.superseded_by is None for command in self.commands)


@define
class _Learned:
    """What is read and not written yet."""

    readings: list[Reading] = field(factory=list)
    profiles: list[ProfileRows] = field(factory=list)
    relay: RelayState | None = None
    clock: ClockReading | None = None
    balance: Balance | None = None
    backfilled: list[ProfileRows] = field(factory=list)
    filled: list[int] = field(factory=list)
    clock_set: ClockSet | None = None

    def __bool__(self) -> bool:
        profiles = self.profiles or self.backfilled
        return bool(self.readings or profiles or self.relay or self.clock or self.balance or self.filled)


@define(eq=False)
class Visit:
    """One visit; used once. `urgent` is set from outside when a command for this meter was journalled."""

    ports: VisitPorts
    work: Work
    started: datetime
    urgent: bool = False
    commands: list[Command] = field(factory=list)
    _learned: _Learned = field(factory=_Learned)
    _refused: list[str] = field(factory=list)
    _shown: int | None = None
    _clock_read: ClockReading | None = None

    async def run(self, session: MeterSession) -> VisitResult:
        """Do the work. An error of the meter ends it with its outcome; an error of the store is raised."""
        try:
            await self._pin(session)
            await self._do(session)
        except StoreFailed:
            raise
        except HeadendError as error:
            outcome, text = outcome_under_way(error), str(error)
            await fail_reads(self.ports.store, self.work, text, error.exit_code)
            await self._record(outcome, text)
            return VisitResult(outcome, text, tuple(self.commands))
        return VisitResult(Outcome.DONE, "; ".join(self._refused) or None, tuple(self.commands))

    async def _do(self, session: MeterSession) -> None:
        if self.work.reconnect:
            await self._run_commands(session)
        await self._base(session)
        if self.work.relay and not self.work.reconnect:
            await self._record(Outcome.DONE, None)
            await self._run_commands(session)
        for request in tuple(self.work.reads):
            await self._between(session)
            await self._answer(session, request)
        for profile in self._profile_tasks():
            await self._between(session)
            await self._step(self._nameplate(session) if profile == NAMEPLATE else self._profile(session, profile))
        for gap in self.work.fills:
            await self._between(session)
            await self._step(self._fill(session, gap))
        await self._between(session)
        if self._clock_read is not None and self.ports.clocks is not None:
            await self._step(self._set_clock(session, self.ports.clocks, self._clock_read))
        await self._conclude(session)

    async def _conclude(self, session: MeterSession) -> None:
        """Write what is left; a command that follows runs at once, and its effect is judged (and told) in turn.

        What that second judgement asks for waits for another visit, so that a relay that refuses can't hold this one.
        """
        judgement = await self._record(Outcome.DONE, "; ".join(self._refused) or None, served=self.work.schedules)
        if self.urgent or (judgement is not None and judgement.command is not None):
            self.urgent = False
            if await self._run_commands(session):
                judgement = await self._record(Outcome.DONE, None) or judgement
        if self.ports.mirror is not None and judgement is not None:
            await self.ports.mirror.show(session, judgement, self._shown)

    async def _between(self, session: MeterSession) -> None:
        if self.urgent:
            self.urgent = False
            await self._run_commands(session)

    async def _run_commands(self, session: MeterSession) -> bool:
        """Run open commands and top-ups; whether there were any. What they changed is read again, for the record."""
        # Money first: whoever has paid is not cut for want of it.
        topped = [] if self.ports.topups is None else await self.ports.topups.run_open(session)
        if topped:
            self._learned.balance = await session.read_balance()
        ran = await self.ports.executor.run_open(session)
        self.commands.extend(ran)
        if ran:
            self._learned.relay = await session.read_relay()
        return bool(ran or topped)

    async def _base(self, session: MeterSession) -> None:
        tasks = BASE_TASKS if self.work.relay and not self.work.reconnect else self.work.tasks
        if "clock" in tasks:
            await self._step(self._clock(session))
        if "relay" in tasks:
            await self._step(self._relay(session))
        if "registers" in tasks:
            await self._step(self._registers(session))
        if "balance" in tasks:
            await self._step(self._balance(session))

    def _profile_tasks(self) -> tuple[str, ...]:
        offers, meter = self.ports.offers, self.work.meter
        wanted = tuple(task for task in self.work.tasks if task not in BASE_TASKS and offers(meter, task))
        if wanted and self.ports.sheds():
            self._refused.append(f"not read, since the disk is nearly full: {', '.join(wanted)}")
            return ()
        return wanted

    async def _step(self, reading: Awaitable[None]) -> None:
        """One thing to read; what this meter refuses is noted, and the next is read all the same."""
        try:
            await reading
        except StoreFailed:
            raise
        except HeadendError as error:
            if ends_visit(error):
                raise
            self._refused.append(str(error))

    async def _clock(self, session: MeterSession) -> None:
        self._clock_read = self._learned.clock = await session.read_clock()

    async def _set_clock(self, session: MeterSession, clocks: ClockKeeper, reading: ClockReading) -> None:
        """Last of all: until then rows are read by the time that the meter had when it was asked."""
        self._learned.clock_set = await clocks.correct(session, self.work.meter, reading)

    async def _fill(self, session: MeterSession, gap: Gap) -> None:
        rows = await session.read_profile(gap.profile, gap.since, gap.until)
        if rows.rows:
            self._learned.backfilled.append(rows)
        self._learned.filled.append(gap.id)

    async def _relay(self, session: MeterSession) -> None:
        self._learned.relay = await session.read_relay()

    async def _registers(self, session: MeterSession) -> None:
        self._learned.readings.extend(await session.read_registers())

    async def _balance(self, session: MeterSession) -> None:
        self._learned.balance = await session.read_balance()

    async def _nameplate(self, session: MeterSession) -> None:
        self._learned.readings.extend(await session.read_nameplate())

    async def _profile(self, session: MeterSession, profile: str) -> None:
        since = await _stored(self.ports.store.last_row(self.work.meter.serial, profile))
        rows = await session.read_profile(profile, since, None)
        if rows.rows:
            self._learned.profiles.append(rows)

    async def _answer(self, session: MeterSession, request: ReadRequest) -> None:
        """Answer one read by hand; what is read is stored like any other reading."""
        try:
            body = await self._body(session, request)
        except HeadendError as error:
            if ends_visit(error):
                raise
            result = ReadResult(None, str(error), error.exit_code)
        else:
            result = ReadResult(body, None, 0)
        # Nobody is asked twice, whatever happens later in this visit.
        self.work.reads.remove(request)
        await _stored(self.ports.store.finish_read(request.id, result))

    async def _body(self, session: MeterSession, request: ReadRequest) -> str:
        serial = self.work.meter.serial
        if request.profile is not None:
            rows = await session.read_profile(request.profile, request.since, request.until)
            self._learned.backfilled.append(rows)
            return profile_answer(serial, rows)
        learned = self._learned
        learned.clock, learned.relay = await session.read_clock(), await session.read_relay()
        readings = await session.read_registers()
        learned.readings.extend(readings)
        learned.balance = await session.read_balance()
        return registers_answer(serial, readings, learned.clock, learned.relay, learned.balance)

    async def _pin(self, session: MeterSession) -> None:
        title = session.system_title
        if self.work.meter.system_title is None and title is not None:
            await _stored(self.ports.store.pin_system_title(self.work.meter.serial, title))

    async def _record(self, outcome: Outcome, error: str | None, served: tuple[str, ...] = ()) -> Judgement | None:
        """Write what was learned since the last record; judged unless nothing was."""
        learned, self._learned = self._learned, _Learned()
        if learned.balance is not None:
            self._shown = learned.balance.paise
        record = VisitRecord(
            meter=self.work.meter.serial,
            started=self.started,
            finished=self.ports.now(),
            outcome=outcome,
            error=error,
            readings=tuple(learned.readings),
            profiles=tuple(learned.profiles),
            relay=learned.relay,
            clock=learned.clock,
            balance=None if learned.balance is None else learned.balance.paise,
            balance_at=None if learned.balance is None else learned.balance.received,
            served=served,
            backfilled=tuple(learned.backfilled),
            filled=tuple(learned.filled),
            clock_set=learned.clock_set,
        )
        judge = judge_visit(self.ports.rules, record) if learned else None
        return await _stored(self.ports.store.record_visit(record, judge))


async def fail_reads(store: FleetStore, work: Work, text: str, exit_code: int) -> None:
    """Answer every read by hand that is still open with an error."""
    while work.reads:
        request = work.reads.pop()
        await _stored(store.finish_read(request.id, ReadResult(None, text, exit_code)))


async def record_failure(store: FleetStore, work: Work, started: datetime, finished: datetime, error: Failure) -> None:
    """Write a visit that never came to an open session, and answer its reads."""
    text = str(error) or "no answer in time"
    await fail_reads(store, work, text, exit_code_of(error))
    record = VisitRecord(work.meter.serial, started, finished, outcome_of(error), text)
    await _stored(store.record_visit(record, None))


async def _stored(writing: Awaitable[_Result]) -> _Result:
    """A call of the store; its failure is told apart from one of the meter's."""
    try:
        return await writing
    except HeadendError as error:
        raise StoreFailed(str(error)) from error
