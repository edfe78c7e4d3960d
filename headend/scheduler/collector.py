"""The loop that keeps a fleet visited.

It wakes on time, when told to (`wake`), and a few times a second to see what other processes have put into the
journal. What is due becomes `Work` in the backlog; work starts when a permit is free. Everything that must survive a
crash is in the store: a collector that starts finds out what is due from schedules, last visits, open commands and
read requests.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from attrs import Factory, define, field
from structlog.contextvars import bound_contextvars

from headend.commands.journal import Journal
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.notify.pausing import Pause, pause
from headend.scheduler.agenda import Agenda
from headend.scheduler.backlog import Backlog, Urgency, Verdict, Work
from headend.scheduler.dispositions import Disposition, disposition
from headend.scheduler.failures import Failures
from headend.scheduler.figures import Figures, RoundStanding, Standing
from headend.scheduler.flights import Flight, carry
from headend.scheduler.gapsearch import GapSearch
from headend.scheduler.givingup import GivingUp
from headend.scheduler.inventory import Inventory, Shard
from headend.scheduler.lanes import LaneRules, Lanes
from headend.scheduler.overdue import Overdue, Tell, tell_the_log
from headend.scheduler.pace import CollectorRules
from headend.scheduler.plan import Schedule
from headend.scheduler.ports import OpenSession, Outcome, ReadRequest
from headend.scheduler.putoff import PutOff
from headend.scheduler.steering import RoundState, SteeringStore, Unsteered
from headend.scheduler.visit import StoreFailed, Visit, VisitPorts, VisitResult, fail_reads

#: Lanes with work ready to start, for each permit of the process: enough that a permit never waits for a plan.
_READY_PER_PERMIT: Final = 4
_UNKNOWN_METER_EXIT: Final = 2

_log = structlog.get_logger()


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
    steering: SteeringStore = field(factory=Unsteered)
    shard: Shard = field(factory=Shard)
    gap_search: GapSearch | None = None
    #: Whether it sees to what concerns the whole house: what expires, and what a person must be told.
    keeps_house: bool = True
    _lanes: Lanes = field(init=False, default=Factory(lambda self: Lanes(self.lane_rules), takes_self=True))
    _backlog: Backlog = field(init=False, factory=Backlog)
    _overdue: Overdue = field(
        init=False, default=Factory(lambda self: Overdue(self.journal, self.tell_overdue), takes_self=True)
    )
    _flights: dict[str, Flight] = field(init=False, factory=dict)
    _put_off: PutOff = field(init=False, factory=PutOff)
    _failures: Failures = field(
        init=False, default=Factory(lambda self: Failures(self.rules.collection, self.rules.relay), takes_self=True)
    )
    _inventory: Inventory = field(init=False, default=Factory(lambda self: Inventory(self.shard), takes_self=True))
    _agenda: Agenda = field(
        init=False,
        default=Factory(lambda self: Agenda(self.schedules, self.steering, self.shard.name), takes_self=True),
    )
    _giving_up: GivingUp = field(init=False, default=Factory(lambda self: GivingUp(self.steering), takes_self=True))
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
            if not (self._flights or self._backlog or self._agenda.handing_out):
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
        self._forgive(meter.serial, now)
        missed = self._giving_up.take_up(Work(meter, Urgency.READ, now), now)
        if missed is not None:
            self._add_unless_failing(missed, now)
        if tasks:
            self._add(Work(meter, Urgency.READ, now, tasks=tasks))
        self.wake()

    def reload(self, schedules: Iterable[Schedule] | None = None) -> None:
        """Read the inventory again, and go on with these schedules (None: as they are)."""
        if schedules is not None:
            self._agenda.use(schedules)
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
            rounds=tuple(
                RoundStanding(each.schedule.name, each.slot, each.size, each.left, each.state is RoundState.PAUSED)
                for each in self._agenda.rounds
            ),
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
        await self._giving_up.load()

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
            await self._inventory.read(self.ports.store)
        if self.keeps_house and self._is_due("expire", self.rules.expire_s, now):
            await self.journal.expire(now)
        if self.keeps_house and self._is_due("overdue", self.rules.overdue_s, now):
            await self._overdue.look(now)
        # Half the pause, so that a pause that ends a moment early is no reason to skip a look.
        if self._is_due("poll", self.rules.poll_s / 2, now):
            await self._poll_commands(now)
            await self._poll_reads(now)
        if self._is_due("orders", self.rules.orders_s, now):
            await self._obey(now)
        await self._agenda.plan(self.ports.store, self._inventory.meters, now)
        if self.gap_search is not None and self._is_due("gaps", self.rules.gaps_s, now):
            for work in await self.gap_search.step(self._inventory, now):
                self._add_unless_failing(work, now)
        if self._is_due("notes", self.rules.notes_s, now):
            await self._note(now)

    async def _obey(self, now: datetime) -> None:
        """Do with rounds, schedules and what was given up as people want."""
        orders = await self.steering.orders(self.shard.name, self._inventory.is_ours)
        self._agenda.obey(orders)
        for entry in orders.requeued:
            meter = await self._inventory.find_ours(self.ports.store, entry.meter)
            if meter is not None:
                self._failures.clear_collection(entry.meter)
                self._add(Work(meter, Urgency.ROUTINE, now, tasks=entry.tasks))

    async def _note(self, now: datetime) -> None:
        await self._agenda.note(now)
        await self._giving_up.note()

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
            meter = await self._inventory.find_ours(self.ports.store, serial)
            if meter is not None:
                urgency = Urgency.RECONNECT if reconnect else Urgency.RELAY
                self._backlog.push(Work(meter, urgency, now, relay=True, reconnect=reconnect))

    async def _poll_reads(self, now: datetime) -> None:
        for request in await self.ports.store.new_read_requests(self._inventory.is_ours):
            meter = await self._inventory.find(self.ports.store, request.meter)
            if meter is None:
                await self._unknown_meter(request, now)
            else:
                self._add(Work(meter, Urgency.READ, now, reads=[request]))

    async def _unknown_meter(self, request: ReadRequest, now: datetime) -> None:
        nowhere = Work(Meter(request.meter, "", "", ""), Urgency.READ, now, reads=[request])
        text = f"meter {request.meter} is not in the inventory"
        await fail_reads(self.ports.store, nowhere, text, _UNKNOWN_METER_EXIT)

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
        for work in self._put_off.due(now):
            self._add_unless_failing(work, now)
        enough = self.lane_rules.process * _READY_PER_PERMIT
        if self._backlog.ready_lanes >= enough:
            return
        for meter, schedule in self._agenda.hand_out(now):
            urgency = Urgency.ROUTINE + schedule.priority
            work = Work(meter, urgency, now, tasks=schedule.tasks, schedules=(schedule.name,))
            self._add_unless_failing(work, now)
            if self._backlog.ready_lanes >= enough:
                return

    def _add_unless_failing(self, work: Work, now: datetime) -> None:
        until = self._failures.collection_pause(work.meter.serial, now)
        if until is None:
            self._add(work)
        else:
            self._put_off.add(work, until)

    def _add(self, work: Work) -> None:
        flight = self._flights.get(work.meter.serial)
        if flight is None:
            self._backlog.push(work)
        elif flight.later is None:
            flight.later = work
        else:
            flight.later.merge(work)

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
        flight = Flight(work, Visit(self.ports, work, now))
        self._flights[work.meter.serial] = flight
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight), name=f"visit {work.meter.serial}")

    async def _fly(self, flight: Flight) -> None:
        work, relay = flight.work, flight.work.relay
        reads = len(work.reads)
        result = VisitResult(Outcome.FAILED, "the visit was stopped", ())
        try:
            result = await carry(flight, self.ports, self.open_session, self.rules.visit_s)
        finally:
            self.figures.count(result, reads, self.ports.now() - flight.visit.started)
            self._land(flight, result, relay=relay)

    def _land(self, flight: Flight, result: VisitResult, *, relay: bool) -> None:
        """Give everything back, learn from the outcome, and let the next one start."""
        work, now = flight.work, self.ports.now()
        meter = work.meter
        del self._flights[meter.serial]
        self._lanes.give_back(meter.lane_name, relay=relay)
        recovered = self._lanes.heard(meter.lane_name, result.outcome, shared=bool(meter.lane), now=now)
        self._backlog.unpark(meter.lane_name)
        with bound_contextvars(visit=flight.name):
            self._learn(work, result, now)
        if recovered:
            self._forgive_lane(meter.lane_name, now)
        if flight.later is not None:
            self._add(flight.later)
        if flight.visit.urgent:
            # A command came after the visit's last look at the journal.
            self._due.pop("poll", None)
        if flight.visit.urgent or not self._flights:
            self._wake.set()
        self._advance()

    def _learn(self, work: Work, result: VisitResult, now: datetime) -> None:
        meter = work.meter
        out_of_order = self._lanes.blocked_until(meter.lane_name)
        self._failures.learn(work, result, now, charge=out_of_order is None)
        if result.outcome is Outcome.DONE:
            self._agenda.settle(work.schedules, done=True)
            missed = self._giving_up.answered(work, now)
            if missed is not None:
                self._add(missed)
            return
        kind = disposition(result)
        _log.warning("visit failed", meter=meter.serial, outcome=result.outcome.value, kind=kind, error=result.error)
        if not work.tasks:
            return
        self._giving_up.failed(meter.serial)
        again = Work(meter, work.urgency, work.since, tasks=work.tasks, schedules=work.schedules, fills=work.fills)
        standing = self._failures.collection_standing(meter.serial)
        if out_of_order is not None:
            # Its gateway is down: that is no fault of the meter, and says nothing about it.
            self._put_off.add(again, out_of_order)
        elif standing is not None and (kind is Disposition.FATAL or standing.failures >= self.rules.attempts):
            self._agenda.settle(work.schedules, done=False)
            self._giving_up.add(work, standing, now)
        else:
            self._add_unless_failing(again, now)

    def _forgive(self, serial: str, now: datetime) -> None:
        """The meter is there: what was put off because it was not may be done now."""
        self._failures.heard(serial)
        if (waiting := self._put_off.take(serial)) is not None:
            self._add_unless_failing(waiting, now)

    def _forgive_lane(self, lane: str, now: datetime) -> None:
        """A gateway is back: the meters behind it were not to blame."""
        for serial in self._failures.away():
            meter = self._inventory.meters.get(serial)
            if meter is not None and meter.lane_name == lane:
                self._forgive(serial, now)
        for work in self._put_off.all():
            if work.meter.lane_name == lane:
                self._forgive(work.meter.serial, now)

    async def _finish(self) -> None:
        """Let what is under way end; what does not in time is cancelled, and journals what it was doing."""
        self._stopping = True
        tasks = [flight.task for flight in self._flights.values() if flight.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.rules.stop_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for work in (*self._backlog.drain(), *self._put_off.all()):
            with suppress(StoreFailed):
                await fail_reads(self.ports.store, work, "the head-end was stopped before this read", 1)
        with suppress(HeadendError):
            await self._note(self.ports.now())
