"""Executor, session, SQLite journal and counters together, over TCP, against a simulated meter that keeps count."""

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from accounts import POLICY
from memory_journal import Crashed

from headend.commands.executor import Executor
from headend.commands.model import NewCommand, Origin, State, Target
from headend.meters.inventory import Meter
from headend.meters.registry import load_registry
from headend.session.errors import NotReachable, WrongMeter
from headend.session.line import dial
from headend.session.ports import KeySet
from headend.session.visit import Visitor
from headend.storage import Kek, Store
from simulator.associations import Role
from simulator.export import CLIENT_TITLE
from simulator.faults import Fault, Moment, Scripted
from simulator.fleet import Fleet
from simulator.keyed import Nonces
from simulator.scenario import Scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation
from simulator.sites import own_ports

POINTS = ("before-sending", "after-sending", "action-sent", "answer-received", "before-commit")
MODEL = load_registry().get("is15959-single-phase")


def now():
    return datetime.now(UTC)


class Keys:
    def __init__(self, meter):
        self._meter = meter

    async def keys(self, _, role):
        keys = self._meter.keys(Role[role.upper()])
        return KeySet(CLIENT_TITLE, keys.encryption, keys.authentication, keys.secret)


class Field:
    """One simulated meter behind a socket, and a head-end whose process may die."""

    def __init__(self, server, simulated, store):
        self.server = server
        self.simulated = simulated
        self.store = store
        place = server.simulation.places[simulated.identity.number]
        self.meter = Meter(
            serial=simulated.identity.serial,
            logical_device_name=simulated.identity.logical_device_name,
            model=MODEL.name,
            address=f"tcp://{place.host}:{place.port}",
            system_title=simulated.identity.system_title,
        )
        self.causes = 0

    def strike(self, fault, *, times=1, moment=None):
        self.server.simulation.fleet.scriptable_faults(self.simulated).script.append(Scripted(fault, times, moment))

    def visit(self, **changes):
        visitor = Visitor(
            Keys(self.simulated), self.store.counters, dial, now, time.monotonic, secrets.token_bytes, **changes
        )
        return visitor.visit(self.meter, MODEL, "setting", 20.0)

    async def asked(self, target):
        self.causes += 1
        return await self.store.journal.request(
            NewCommand(
                meter=self.meter.serial,
                target=target,
                cause=f"operator:{self.causes}",
                origin=Origin.OPERATOR,
                reason="a test",
                requested_by="operator-1",
                requested_at=now(),
                expires_at=now() + timedelta(hours=1),
                emergency=True,
            )
        )

    async def run_open(self, die_at=None):
        """One visit that runs what is open; the process ends at `die_at`."""

        def checkpoint(name):
            if name == die_at:
                raise Crashed

        executor = Executor(
            self.store.journal,
            lambda _: POLICY,
            now,
            time.monotonic,
            checkpoint=checkpoint,
            lag=timedelta(0),
            pauses=(0.0, 0.01, 0.02),
        )
        async with self.visit() as session:
            return await executor.run_open(session)

    async def restart(self):
        return await self.store.journal.interrupted(now())

    async def states(self):
        return [command.state for command in reversed(await self.store.journal.commands())]

    @property
    def relay(self):
        return self.simulated.relay

    def harmed(self):
        """What must never have happened, by the meter's own counts."""
        ledger = self.simulated.ledger(Role.SETTING)
        return self.relay.duplicate_actuations, ledger.reused


@pytest.fixture
async def field(tmp_path):
    fleet = Fleet.create(1, 1, Scenario(), lambda: int(time.time() * 1000))
    server = MeterServer(Simulation(fleet, Nonces(1)))
    await server.listen(own_ports(fleet.meters, "127.0.0.1", 0))
    store = await Store.open(tmp_path / "headend.db", kek=Kek(bytes(32), "a test"), now=now, armed=True)
    made = Field(server, fleet.meters[0], store)
    await store.registry.add_meter(made.meter)
    yield made
    await store.close()
    await server.close()


async def test_a_cut_and_a_reconnect_are_confirmed_by_what_the_meter_shows(field):
    await field.asked(Target.DISCONNECTED)
    await field.run_open()
    assert not field.relay.output_state
    await field.asked(Target.CONNECTED)
    await field.run_open()
    assert field.relay.output_state
    assert await field.states() == [State.CONFIRMED, State.CONFIRMED]
    assert len(field.relay.edges) == 2
    assert field.harmed() == (0, 0)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("target", Target)
async def test_a_crash_at_any_point_moves_the_relay_once(field, point, target):
    if target is Target.CONNECTED:
        await field.asked(Target.DISCONNECTED)
        await field.run_open()
    before = len(field.relay.edges)
    await field.asked(target)
    with pytest.raises(Crashed):
        await field.run_open(die_at=point)
    await field.restart()
    await field.run_open()
    assert (await field.states())[-1] is State.CONFIRMED
    assert len(field.relay.edges) == before + 1
    assert field.harmed() == (0, 0)


@pytest.mark.parametrize("fault", [Fault.LOSE_ACTION_ANSWER, Fault.GARBLE, Fault.DROP, Fault.REBOOT])
async def test_an_action_without_an_answer_is_resolved_by_reading(field, fault):
    field.server.simulation.rebooting.clear()
    field.strike(fault, moment=Moment.ACTION)
    await field.asked(Target.DISCONNECTED)
    await field.run_open()
    assert await field.states() == [State.UNKNOWN]
    field.server.simulation.rebooting.clear()
    await field.run_open()
    assert await field.states() == [State.CONFIRMED]
    assert len(field.relay.edges) == 1
    assert field.harmed() == (0, 0)


async def test_answers_in_single_octets_change_nothing(field):
    field.strike(Fault.SPLIT, times=1000)
    await field.asked(Target.DISCONNECTED)
    await field.run_open()
    assert await field.states() == [State.CONFIRMED]


async def test_a_recharge_while_the_answer_is_lost_ends_with_supply_on(field):
    field.strike(Fault.LOSE_ACTION_ANSWER)
    await field.asked(Target.DISCONNECTED)
    await field.run_open()
    await field.asked(Target.CONNECTED)
    await field.run_open()
    assert field.relay.output_state
    assert await field.states() == [State.CONFIRMED, State.CONFIRMED]
    assert field.harmed() == (0, 0)


async def test_another_meter_behind_the_address_is_never_switched(field):
    await field.asked(Target.DISCONNECTED)
    field.meter = Meter(
        serial=field.meter.serial,
        logical_device_name="SIM99999999",
        model=MODEL.name,
        address=field.meter.address,
    )
    with pytest.raises(WrongMeter, match="expected 'SIM99999999'"):
        await field.run_open()
    assert await field.states() == [State.REQUESTED]
    assert field.relay.remote_actions == 0


async def test_a_counter_that_fell_behind_is_found_again(field):
    await field.store.counters.jump(field.meter.serial, "setting", 1000)
    await field.asked(Target.DISCONNECTED)
    await field.run_open()
    last = field.simulated.ledger(Role.SETTING).last

    class Behind:
        """Counters that are older than the meter's, at first."""

        def __init__(self, store):
            self._store = store
            self.first = range(500, 505)

        async def reserve(self, meter, role, count):
            block, self.first = self.first, None
            return block or await self._store.reserve(meter, role, count)

        def __getattr__(self, name):
            return getattr(self._store, name)

    visitor = Visitor(
        Keys(field.simulated), Behind(field.store.counters), dial, now, time.monotonic, secrets.token_bytes
    )
    async with visitor.visit(field.meter, MODEL, "setting", 20.0) as session:
        assert session.counter_jump is not None
        assert session.counter_jump.theirs == last
    assert field.harmed() == (0, 0)


async def test_a_meter_that_refuses_the_connection_leaves_the_command_open(field):
    field.strike(Fault.REFUSE, times=10)
    await field.asked(Target.DISCONNECTED)
    with pytest.raises(NotReachable):
        await field.run_open()
    assert await field.states() == [State.REQUESTED]
