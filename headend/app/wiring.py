"""A store, and what is needed to visit its meters, wired together."""

import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Final

from attrs import Factory, define, evolve, field

from headend.app.complete import periodic_profiles
from headend.app.opening import MACHINE_CLOCK, Clock
from headend.app.setup import Setup
from headend.app.sharedplaces import SharedPlaces
from headend.app.visitrecording import VisitRecorder
from headend.commands.executor import Executor
from headend.commands.topup import TopUpExecutor
from headend.meters.inventory import Meter
from headend.meters.model import MeterModel
from headend.prepaid.digest import policy_digest, policy_text
from headend.prepaid.model import Mode
from headend.scheduler.clocks import ClockKeeper
from headend.scheduler.collector import Collector
from headend.scheduler.gapsearch import GapSearch
from headend.scheduler.inventory import Shard
from headend.scheduler.mirror import Mirror
from headend.scheduler.ports import MeterSession
from headend.scheduler.visit import VisitPorts
from headend.session.discovery import Discovery, discover
from headend.session.line import dial
from headend.session.session import Session
from headend.session.switchboard import Switchboard, VisitOverCalls
from headend.session.visit import Visitor
from headend.settings import Settings
from headend.storage.disk import Shedding
from headend.storage.store import Store
from headend.transport.address import Address, Medium
from headend.transport.kept import KeptConnections
from headend.transport.recording import recorded
from headend.transport.stream import Stream

#: Set in tests: the process kills itself at this point of the executor, to prove what a crash there leaves behind.
CRASH_POINT: Final = "HEADEND_CRASH_POINT"

#: How the inventory writes the address of a meter that calls us; what follows it is for people.
DIAL_IN: Final = "dial-in:"


@define(eq=False)
class Headend:
    """A store, and what is needed to visit its meters."""

    setup: Setup
    store: Store
    clock: Clock = MACHINE_CLOCK
    #: Connections of meters that called us; empty where nobody listens for them.
    switchboard: Switchboard = field(init=False, factory=Switchboard)
    shedding: Shedding = field(
        init=False,
        default=Factory(lambda self: Shedding(self.setup.settings.document.store.shed_profiles_at), takes_self=True),
    )
    executor: Executor = field(init=False)
    _visitor: Visitor = field(init=False)
    #: Makes visits over connections that are kept for the next meter behind the same gateway.
    _keeping: Visitor = field(init=False)
    _kept: KeptConnections = field(init=False, factory=KeptConnections)
    _shared: SharedPlaces = field(init=False, factory=SharedPlaces)

    def __attrs_post_init__(self) -> None:
        """Wire sessions and executor to the store."""
        self._visitor = Visitor(
            keys=self.store.keys,
            counters=self.store.counters,
            connect=recorded(self._connect),
            now=self.clock.now,
            monotonic=self.clock.monotonic,
            random_bytes=secrets.token_bytes,
            shapes=self.store.captures,
        )
        self._keeping = evolve(self._visitor, connect=recorded(self._kept.borrow))
        self.use(self.setup)

    def close(self) -> None:
        """Let go of the connections that were kept."""
        self._kept.close()

    def use(self, setup: Setup) -> None:
        """Go on with another configuration; visits under way end under the one they began with."""
        self.setup = setup
        self.executor = Executor(
            journal=self.store.journal,
            policy_for=setup.policy_for,
            now=self.clock.now,
            monotonic=self.clock.monotonic,
            sleep=self.clock.sleep,
            checkpoint=_crash_at,
        )

    def ports(self) -> VisitPorts:
        """What every visit uses."""
        return VisitPorts(
            store=self.store.fleet,
            executor=self.executor,
            rules=self.setup.rules(),
            now=self.clock.now,
            topups=TopUpExecutor(self.store.topups, self.clock.now, self.clock.sleep, checkpoint=_crash_at),
            mirror=Mirror(self.store.accounts.last_recharge) if self.setup.settings.document.prepaid.mirror else None,
            sheds=lambda: self.shedding.on,
            recorder=VisitRecorder(self.store.console.traces, self.clock.now),
            clocks=ClockKeeper(self.setup.clock, self.store.fleet.last_clock_set, self.clock.now),
            offers=lambda meter, profile: self.model(meter.model).profile(profile) is not None,
        )

    def collector(self, shard: Shard | None = None, *, keeps_house: bool = True) -> Collector:
        """The loop that visits the fleet, or a shard of it; `keeps_house`: see Collector."""
        return Collector(
            ports=self.ports(),
            journal=self.store.journal,
            open_session=self.open_session,
            schedules=self.setup.schedules,
            lane_rules=self.setup.lanes,
            tell_overdue=self.store.work.tell_overdue,
            steering=self.store.steering,
            gap_search=GapSearch(self.store.fleet, periodic_profiles(self.model)),
            shard=Shard() if shard is None else shard,
            keeps_house=keeps_house,
        )

    def open_session(self, meter: Meter) -> AbstractAsyncContextManager[MeterSession]:
        """An open, identified session with a meter, under the role that the configuration says."""
        return self._visit(meter, None)

    def model(self, name: str) -> MeterModel:
        """The meter model of that name, of the configuration as it is now; raises UnknownModelError."""
        return self.setup.models.get(name)

    async def discover(self, meter: Meter, role: str | None, name: str) -> Discovery:
        """The model of a meter as the meter itself tells it to a role; None takes the one that visits use."""
        known = tuple(self.setup.models.models.values())
        async with self._visit(meter, role) as session:
            return await discover(session, known, name)

    def _visit(self, meter: Meter, role: str | None) -> AbstractAsyncContextManager[Session]:
        collection = self.setup.settings.document.collection
        model = self.model(meter.model)
        if dials_in(meter):
            meter = evolve(meter, address=f"{DIAL_IN}{meter.serial}")
        visitor = self._keeping if self._keeps(meter) else self._visitor
        visit = partial(visitor.visit, meter, model, role or collection.role, collection.visit_deadline_s)
        return VisitOverCalls(self.switchboard, meter.serial, visit) if dials_in(meter) else visit()

    def _keeps(self, meter: Meter) -> bool:
        """Whether the meter's connection is kept: its lane has one visit at a time, so nobody else waits for it."""
        if not meter.lane or self.setup.lanes.permits(meter.lane) > 1:
            return False
        return self.setup.settings.document.collection.keep_connections and self._shared.visited(meter)

    def _connect(self, address: Address, deadline: float | None) -> AbstractAsyncContextManager[Stream]:
        lend = self.switchboard.lend if address.medium is Medium.DIAL_IN else dial
        return lend(address, deadline)


def dials_in(meter: Meter) -> bool:
    """Whether the meter calls us, and we never it."""
    return meter.address.startswith(DIAL_IN)


@asynccontextmanager
async def open_headend(
    settings: Settings, *, armed: bool | None = None, clock: Clock = MACHINE_CLOCK, token: int | None = None
) -> AsyncIterator[Headend]:
    """The store with keys and rules; `armed` is given by a daemon that starts, `token` by a worker, see Store.open."""
    setup = Setup.read(settings)
    store = await Store.open(
        settings.store_path,
        kek=setup.kek(),
        now=clock.now,
        caps=setup.policy.caps,
        armed=armed,
        url=settings.document.store.url,
        token=token,
    )
    try:
        if "" not in await store.switches.modes():
            await store.switches.set_mode("", Mode(settings.document.policy.mode), by="configuration")
        await use_policy(store, setup)
        headend = Headend(setup, store, clock)
        try:
            yield headend
        finally:
            headend.close()
    finally:
        await store.close()


async def use_policy(store: Store, setup: Setup) -> None:
    """Remember the rules that hold from now on: a change of caps, holidays or protected classes leaves its event."""
    policy = setup.policy
    await store.switches.use_policy(policy.name, policy_digest(policy), policy_text(policy))


def _crash_at(point: str) -> None:
    """Die as a power cut would, where a test asks for it."""
    if os.environ.get(CRASH_POINT) == point:
        with suppress(OSError):
            os.kill(os.getpid(), signal.SIGKILL)
