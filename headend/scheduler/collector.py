"""The loop that keeps a fleet visited.

It wakes on time, when told to (`wake`), and a few times a second to see what other processes have put into the
journal. What is due becomes `Work` in the backlog; work starts when a permit is free. Everything that must survive a
crash is in the store: a collector that starts finds out what is due from schedules, last visits, open commands and
read requests.
"""

import asyncio
import heapq
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from attrs import Factory, define, field, frozen

from headend.commands.journal import Journal
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.notify.pausing import Pause, pause
from headend.scheduler.backlog import Backlog, Urgency, Verdict, Work
from headend.scheduler.backoff import COLLECTION, RELAY, BackoffRules
from headend.scheduler.failures import Failures
from headend.scheduler.figures import Figures, RoundStanding, Standing
from headend.scheduler.lanes import LaneRules, Lanes
from headend.scheduler.outcomes import outcome_of
from headend.scheduler.overdue import Overdue, Tell, tell_the_log
from headend.scheduler.plan import Schedule, due_slot
from headend.scheduler.ports import OpenSession, Outcome, ReadRequest
from headend.scheduler.rounds import Round, start_round
from headend.scheduler.visit import StoreFailed, Visit, VisitPorts, VisitResult, fail_reads, record_failure

#: Lanes with work ready to start, for each permit of the process: enough that a permit never waits for a plan.
_READY_PER_PERMIT: Final = 4
_UNKNOWN_METER_EXIT: Final = 2

_log = structlog.get_logger()


@frozen
class CollectorRules:
    """How often the journal is looked at and the inventory read again, and how long things may take, in seconds."""

    poll_s: float = 0.2
    inventory_s: float = 60.0
    expire_s: float = 5.0
    overdue_s: float = 30.0
    #: A backstop behind the session's own deadline, which names what was outstanding.
    visit_s: float = 180.0
    #: SIGTERM ends within 10 s: what is not done by then is cancelled, and the journal says UNKNOWN.
    stop_s: float = 8.0
    collection: BackoffRules = COLLECTION
    relay: BackoffRules = RELAY


@define(eq=False)
class _Flight:
    """A visit under way, and the work for the same meter that came too late for it."""

    work: Work
    visit: Visit
    task: asyncio.Task[None] | None = None
    later: Work | None = None


@define(eq=False)
class Collector:
    """Visits the meters of a store. `run` lasts until `stop`; `run_until_idle` until nothing is open any more."""

    ports: VisitPorts
    journal: Journal
    open_session: OpenSession
    schedules: tuple[Schedule, ...] = ()
    lane_rules: LaneRules = field(factory=LaneRules)
    rules: CollectorRules = field(factory=CollectorRules)
    pause: Pause = pause
    tell_overdue: Tell = tell_the_log
    figures: Figures = field(factory=Figures)
    _lanes: Lanes = field(init=False, default=Factory(lambda self: Lanes(self.lane_rules), takes_self=True))
    _backlog: Backlog = field(init=False, factory=Backlog)
    _overdue: Overdue = field(
        init=False, default=Factory(lambda self: Overdue(self.journal, self.tell_overdue), takes_self=True)
    )
    _flights: dict[str, _Flight] = field(init=False, factory=dict)
    _put_off: dict[str, Work] = field(init=False, factory=dict)
    _put_off_times: list[tuple[datetime, str]] = field(init=False, factory=list)
    _failures: Failures = field(
        init=False, default=Factory(lambda self: Failures(self.rules.collection, self.rules.relay), takes_self=True)
    )
    _meters: dict[str, Meter] = field(init=False, factory=dict)
    _rounds: dict[str, Round] = field(init=False, factory=dict)
    _slots: dict[str, datetime] = field(init=False, factory=dict)
    _last_visits: dict[str, datetime] = field(init=False, factory=dict)
    _due: dict[str, datetime] = field(init=False, factory=dict)
    _wake: asyncio.Event = field(init=False, factory=asyncio.Event)
    _stopping: bool = field(init=False, default=False)
    _trouble: str = field(init=False, default="")

    async def run(self) -> None:
        """Visit the fleet until `stop` is called; returns when nothing is under way any more."""
        await self._start()
        while not self._stopping:
            self._wake.clear()
            await self._turn()
            if not self._stopping:
                await self.pause(self._wake, self.rules.poll_s)
        await self._finish()

    async def run_until_idle(self) -> None:
        """Visit until no work waits, is put off or under way; for one command without a daemon."""
        await self._start()
        while not self._stopping:
            self._wake.clear()
            await self._turn()
            if not (self._flights or self._backlog or self._rounds):
                break
            await self.pause(self._wake, self.rules.poll_s)
        await self._finish()

    def wake(self) -> None:
        """Look at journal and read requests now: something was just written there."""
        self._due.pop("poll", None)
        self._wake.set()

    def heard(self, meter: Meter, tasks: tuple[str, ...] = ()) -> None:
        """The meter called or pushed, so it is there: do now what was put off, what is journalled, and these tasks."""
        now = self.ports.now()
        self._failures.heard(meter.serial)
        if (waiting := self._put_off.pop(meter.serial, None)) is not None:
            self._add_unless_failing(waiting, now)
        if tasks:
            self._add(Work(meter, Urgency.READ, now, tasks=tasks))
        self.wake()

    def reload(self, schedules: Iterable[Schedule] | None = None) -> None:
        """Read the inventory again, and go on with these schedules (None: as they are)."""
        if schedules is not None:
            self.schedules = tuple(schedules)
            names = {schedule.name for schedule in self.schedules}
            self._rounds = {name: running for name, running in self._rounds.items() if name in names}
        self._due.pop("inventory", None)
        self._wake.set()

    def stop(self) -> None:
        """Start nothing more; what is under way may end."""
        self._stopping = True
        self._wake.set()

    def standing(self) -> Standing:
        """How the collector stands now."""
        now = self.ports.now()
        return Standing(
            in_flight=len(self._flights),
            waiting=len(self._backlog),
            put_off=len(self._put_off),
            oldest=self._backlog.oldest(),
            rounds=tuple(RoundStanding(name, each.slot, each.size, each.left) for name, each in self._rounds.items()),
            failing=self._failures.listing(),
            blocked_lanes=tuple(self._lanes.blocked(now)),
            visits=dict(self.figures.visits),
            commands=dict(self.figures.commands),
            reads=self.figures.reads,
            took=self.figures.took.spans(),
            reconnects=self.figures.reconnects.spans(),
        )

    async def _start(self) -> None:
        """Whatever was being sent when the last process ended has no known outcome: it is read before all else."""
        interrupted = await self.journal.interrupted(self.ports.now())
        if interrupted:
            _log.warning("commands of unknown outcome after a restart", count=interrupted)
        self._last_visits = await self.ports.store.last_visits()

    async def _turn(self) -> None:
        now = self.ports.now()
        trouble = ""
        try:
            await self._look(now)
        except HeadendError as error:
            # Visits under way go on; the next turn looks again.
            trouble = str(error)
        if trouble and trouble != self._trouble:
            _log.error("the store can't be read or written", error=trouble)
        self._trouble = trouble
        self._backlog.unpark_all()
        self._advance()

    async def _look(self, now: datetime) -> None:
        if self._is_due("inventory", self.rules.inventory_s, now):
            self._meters = {meter.serial: meter for meter in await self.ports.store.meters()}
        if self._is_due("expire", self.rules.expire_s, now):
            await self.journal.expire(now)
        if self._is_due("overdue", self.rules.overdue_s, now):
            await self._overdue.look(now)
        # Half the pause, so that a pause that ends a moment early is no reason to skip a look.
        if self._is_due("poll", self.rules.poll_s / 2, now):
            await self._poll_commands(now)
            await self._poll_reads(now)
        for schedule in self.schedules:
            await self._plan(schedule, now)
        # Only the first look needs them, to go on where the last process ended.
        self._last_visits = {}

    def _is_due(self, what: str, every: float, now: datetime) -> bool:
        due = self._due.get(what)
        if due is not None and now < due:
            return False
        self._due[what] = now + timedelta(seconds=every)
        return True

    async def _poll_commands(self, now: datetime) -> None:
        for serial, reconnect in await self.journal.meters_with_open():
            flight = self._flights.get(serial)
            if flight is not None:
                flight.visit.urgent = True
                continue
            if self._failures.relay_pause(serial, now) is not None:
                continue
            meter = await self._meter(serial)
            if meter is not None:
                urgency = Urgency.RECONNECT if reconnect else Urgency.RELAY
                self._backlog.push(Work(meter, urgency, now, relay=True, reconnect=reconnect))

    async def _poll_reads(self, now: datetime) -> None:
        for request in await self.ports.store.new_read_requests():
            meter = await self._meter(request.meter)
            if meter is None:
                await self._unknown_meter(request, now)
            else:
                self._add(Work(meter, Urgency.READ, now, reads=[request]))

    async def _unknown_meter(self, request: ReadRequest, now: datetime) -> None:
        nowhere = Work(Meter(request.meter, "", "", ""), Urgency.READ, now, reads=[request])
        text = f"meter {request.meter} is not in the inventory"
        await fail_reads(self.ports.store, nowhere, text, _UNKNOWN_METER_EXIT)

    async def _meter(self, serial: str) -> Meter | None:
        """A meter, also one that was added after the inventory was read."""
        meter = self._meters.get(serial)
        if meter is None and (meter := await self.ports.store.meter(serial)) is not None:
            self._meters[serial] = meter
        return meter

    async def _plan(self, schedule: Schedule, now: datetime) -> None:
        slot = due_slot(schedule, now)
        if slot is None or self._slots.get(schedule.name) == slot:
            return
        claimed = await self.ports.store.claim_slot(schedule.name, slot)
        first = schedule.name not in self._slots
        self._slots[schedule.name] = slot
        if not claimed and not first:
            return
        # A slot that was claimed before a restart goes on with the meters that were not visited in it.
        since = None if claimed else slot
        unfinished = self._rounds.get(schedule.name)
        round_ = start_round(schedule, slot, self._meters.values(), self._last_visits, since, unfinished)
        self._rounds[schedule.name] = round_
        _log.info("round", schedule=schedule.name, slot=slot.isoformat(), meters=round_.size, resumed=not claimed)

    def _advance(self) -> None:
        """Start all work that may start, with fresh work from the rounds and from what was put off."""
        if self._stopping:
            return
        now = self.ports.now()
        self._feed(now)
        while (work := self._backlog.pop(self._verdict(now))) is not None:
            self._launch(work, now)
            self._feed(now)

    def _feed(self, now: datetime) -> None:
        while self._put_off_times and self._put_off_times[0][0] <= now:
            _, serial = heapq.heappop(self._put_off_times)
            work = self._put_off.pop(serial, None)
            if work is not None:
                self._add_unless_failing(work, now)
        enough = self.lane_rules.process * _READY_PER_PERMIT
        for name, round_ in sorted(self._rounds.items(), key=_priority):
            while self._backlog.ready_lanes < enough and (meter := round_.take(now)) is not None:
                self._routine(meter, round_.schedule, now)
            if round_.left == 0:
                del self._rounds[name]

    def _routine(self, meter: Meter, schedule: Schedule, now: datetime) -> None:
        self._add_unless_failing(Work(meter, Urgency.ROUTINE + schedule.priority, now, tasks=schedule.tasks), now)

    def _add_unless_failing(self, work: Work, now: datetime) -> None:
        until = self._failures.collection_pause(work.meter.serial, now)
        if until is None:
            self._add(work)
        else:
            self._postpone(work, until)

    def _add(self, work: Work) -> None:
        flight = self._flights.get(work.meter.serial)
        if flight is None:
            self._backlog.push(work)
        elif flight.later is None:
            flight.later = work
        else:
            flight.later.merge(work)

    def _postpone(self, work: Work, until: datetime) -> None:
        serial = work.meter.serial
        waiting = self._put_off.get(serial)
        if waiting is not None:
            waiting.merge(work)
            return
        self._put_off[serial] = work
        heapq.heappush(self._put_off_times, (until, serial))

    def _verdict(self, now: datetime) -> Callable[[Work], Verdict]:
        def verdict(work: Work) -> Verdict:
            if not self._lanes.has_room(relay=work.relay):
                return Verdict.STOP
            if work.meter.serial in self._flights:
                return Verdict.LANE_FULL
            has_room = self._lanes.lane_has_room(work.meter.lane_name, relay=work.relay, now=now)
            return Verdict.START if has_room else Verdict.LANE_FULL

        return verdict

    def _launch(self, work: Work, now: datetime) -> None:
        self._lanes.take(work.meter.lane_name, relay=work.relay, now=now)
        flight = _Flight(work, Visit(self.ports, work, now))
        self._flights[work.meter.serial] = flight
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight), name=f"visit {work.meter.serial}")

    async def _fly(self, flight: _Flight) -> None:
        work, relay = flight.work, flight.work.relay
        reads = len(work.reads)
        result = VisitResult(Outcome.FAILED, "the visit was stopped", ())
        try:
            result = await self._visit(flight)
        except HeadendError as error:
            _log.error("a visit could not be written", meter=work.meter.serial, error=str(error))
            result = VisitResult(Outcome.FAILED, str(error), ())
        except Exception as error:  # noqa: BLE001  one meter's defect must not stop the fleet; it is seen and backed off from
            # As text: a renderer that shows the values of variables would show keys.
            _log.error("a visit ended with a defect", meter=work.meter.serial, traceback=traceback.format_exc())
            result = VisitResult(Outcome.FAILED, f"{type(error).__name__}: {error}", ())
        finally:
            self.figures.count(result, reads, self.ports.now() - flight.visit.started)
            self._land(flight, result, relay=relay)

    async def _visit(self, flight: _Flight) -> VisitResult:
        work, visit = flight.work, flight.visit
        result: VisitResult | None = None
        try:
            async with asyncio.timeout(self.rules.visit_s), self.open_session(work.meter) as session:
                result = await visit.run(session)
        except (HeadendError, TimeoutError) as error:
            # A session that fails while it is being closed has done its work.
            if result is not None:
                return result
            await record_failure(self.ports.store, work, visit.started, self.ports.now(), error)
            return VisitResult(outcome_of(error), str(error) or "no answer in time", tuple(visit.commands))
        return result

    def _land(self, flight: _Flight, result: VisitResult, *, relay: bool) -> None:
        """Give everything back, learn from the outcome, and let the next one start."""
        work, now = flight.work, self.ports.now()
        meter = work.meter
        del self._flights[meter.serial]
        self._lanes.give_back(meter.lane_name, relay=relay)
        self._lanes.heard(meter.lane_name, result.outcome, shared=bool(meter.lane), now=now)
        self._backlog.unpark(meter.lane_name)
        self._learn(work, result, now)
        if flight.later is not None:
            self._add(flight.later)
        if flight.visit.urgent:
            # A command came after the visit's last look at the journal.
            self._due.pop("poll", None)
        if flight.visit.urgent or not self._flights:
            self._wake.set()
        self._advance()

    def _learn(self, work: Work, result: VisitResult, now: datetime) -> None:
        self._failures.learn(work, result, now)
        if result.outcome is Outcome.DONE:
            return
        _log.warning("visit failed", meter=work.meter.serial, outcome=result.outcome.value, error=result.error)
        if work.tasks:
            self._add_unless_failing(Work(work.meter, work.urgency, work.since, tasks=work.tasks), now)

    async def _finish(self) -> None:
        """Let what is under way end; what does not in time is cancelled, and journals what it was doing."""
        self._stopping = True
        tasks = [flight.task for flight in self._flights.values() if flight.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.rules.stop_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for work in (*self._backlog.drain(), *self._put_off.values()):
            with suppress(StoreFailed):
                await fail_reads(self.ports.store, work, "the head-end was stopped before this read", 1)


def _priority(entry: tuple[str, Round]) -> int:
    return entry[1].schedule.priority
