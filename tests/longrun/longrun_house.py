"""A whole installation in one process, on simulated time: real store, real wiring, real sockets, simulated meters."""

import asyncio
import contextlib

from attrs import evolve
from simulated_time import START, Clocks, gone

from headend.app.opening import Clock
from headend.app.recharging import book_recharge
from headend.app.wiring import open_headend
from headend.commands.model import State
from headend.notify.pausing import pause
from headend.scheduler.collector import CollectorRules
from headend.settings import load_settings
from headend.storage.kek import create_kek_file
from simulator.export import write_consumers, write_inventory, write_keys
from simulator.faults import Scripted
from simulator.fleet import Fleet
from simulator.keyed import Nonces
from simulator.scenario import Scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation

CONFIGURATION = """
[store]
path = "headend.db"
[keys]
kek_file = "headend.kek"
[policy]
file = "policy.toml"
mode = "{mode}"
[collection]
visit_deadline_s = 60.0
"""

SCHEDULE = """
[[schedules]]
name = "poll"
every = "{every}"
tasks = ["clock", "relay", "registers", "balance"]
jitter = "{jitter}"
"""

#: Everybody may be cut at any hour, once told: what a test is about is said by what it changes.
POLICY = """
name = "open"
max_reading_age = "30m"
max_balance_age = "30m"
grace = "0s"
command_expiry = "4h"
low_levels = []
low_days = []
[notice]
required = "none"
[calendar]
hours = []
days = []
second_saturdays = false
[caps]
per_hour = 100000
per_day = 100000
per_segment_hour = 100000
"""

TARIFF = """
name = "default"
time_zone = "Asia/Kolkata"
fixed_per_month = "75"
duty_per_cent = "5"
[[slabs]]
upto_kwh = 100
per_kwh = "4.10"
[[slabs]]
upto_kwh = 250
per_kwh = "6.65"
[[slabs]]
per_kwh = "7.30"
"""

#: As the daemon's, but with fewer looks while nothing is going on: a simulated day would be 432,000 of them.
RULES = CollectorRules(poll_s=600.0, expire_s=300.0, overdue_s=300.0, inventory_s=86_400.0)
#: Seconds between looks while a command is open: a meter that is away is tried again by its own back-off.
BUSY_S = 10.0
#: Seconds between looks while only collection waits for a meter that is away.
WAITING_S = 120.0


class Witness:
    """The fleet's store; every energy register that an account is judged by is noted as the transaction sees it."""

    def __init__(self, store, clocks):
        self._store, self._clocks = store, clocks
        self.readings = {}

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def record_visit(self, record, judge):
        def witnessed(view):
            for reading in record.readings:
                if reading.name == "energy_import":
                    wh = int(reading.value * (1000 if reading.unit == "kWh" else 1))
                    noted = self.readings.setdefault(record.meter, [])
                    noted.append((self._clocks.true(), reading.received, wh))
            return judge(view)

        return await self._store.record_visit(record, None if judge is None else witnessed)


class House:
    """One installation. `restart` closes it and opens it again; `abandon` leaves it as a power cut would."""

    def __init__(self, folder, meters, *, seed=7, scenario=None, policy=POLICY, mode="automatic", every="1h", **more):
        self.folder, self.mode = folder, mode
        self.clocks = Clocks()
        self.clock = Clock(self.clocks.house, self.clocks.seconds, asyncio.sleep)
        self.fleet = Fleet.create(meters, seed, scenario or Scenario(), self.clocks.true_ms)
        self.simulation = Simulation(self.fleet, Nonces(1_000_000))
        self.server = MeterServer(self.simulation)
        self.schedule = SCHEDULE.format(every=every, jitter=more.pop("jitter", "0s")) if every else ""
        self.policy, self.extra = policy, more.pop("extra", "")
        self.tariff = more.pop("tariff", TARIFF)
        assert not more, more
        self.headend = self.collector = None
        self._stack = contextlib.AsyncExitStack()
        self._collecting = None
        self._gone = []
        self._witness = Witness(None, self.clocks)
        self._begun = asyncio.Event()

    # Beginning and end

    async def __aenter__(self):
        asyncio.get_running_loop().connections = lambda: self.simulation.traffic.open
        await self.server.listen_by_address(0)
        self._write_files()
        await self.start(armed=False, collect=False)
        store = self.headend.store
        await store.registry.import_meters(self.folder / "inventory.csv")
        await store.registry.import_consumers(self.folder / "consumers.csv")
        await store.keys.import_keys(self.folder / "keys.toml")
        await self.stop()
        return self

    async def __aexit__(self, *exception):
        await self.stop()
        await self.server.close()
        for task in self._gone:
            task.cancel()
        await asyncio.gather(*self._gone, return_exceptions=True)

    def _write_files(self):
        folder = self.folder
        (folder / "tariffs").mkdir()
        (folder / "tariffs" / "default.toml").write_text(self.tariff)
        (folder / "policy.toml").write_text(self.policy)
        text = CONFIGURATION.format(mode=self.mode) + '[prepaid]\ntariffs = "tariffs"\n' + self.extra + self.schedule
        (folder / "headend.toml").write_text(text)
        create_kek_file(folder / "headend.kek")
        places = self.simulation.places
        write_inventory(folder / "inventory.csv", self.fleet, lambda meter: places[meter.identity.number])
        write_consumers(folder / "consumers.csv", self.fleet)
        write_keys(folder / "keys.toml", self.fleet)

    async def start(self, *, armed=True, collect=True):
        """Open the head-end and let it collect."""
        settings = load_settings(str(self.folder / "headend.toml"))
        self.headend = await self._stack.enter_async_context(open_headend(settings, armed=armed, clock=self.clock))
        if collect:
            self.collector = self.headend.collector()
            self._daemons_rules, self.collector.rules = self.collector.rules, RULES
            self._witness._store = self.collector.ports.store
            self.collector.ports = evolve(self.collector.ports, store=self._witness)
            self.collector.pause = self._pause
            self.collector.open_session = self._session
            self._collecting = asyncio.create_task(self.collector.run(), name="collector")

    async def stop(self):
        """An orderly end: what is under way may finish."""
        if self._collecting is not None:
            self.collector.stop()
            await self._collecting
            self._collecting = None
        await self._stack.aclose()

    async def restart(self, *, armed=True):
        await self.stop()
        await self.start(armed=armed)

    async def abandon(self):
        """The process is gone at once: nothing more is written, connections break, nobody tidies up.

        What the writer has begun may still become durable, as it may before a power cut.
        """
        gone.add(self.headend.store._writer)
        self.collector._stopping = True
        flights = [flight.task for flight in self.collector._flights.values() if flight.task is not None]
        self._gone += [self._collecting, *flights]
        self._collecting.cancel()
        self._collecting = None
        for streams in list(self.server._streams.values()):
            for stream in list(streams):
                stream.abort()
        await self._stack.aclose()

    async def in_a_visit(self, turns):
        """Wait for the next visit that begins, and so many turns of the loop into it."""
        self._begun = asyncio.Event()
        await self._begun.wait()
        for _ in range(turns):
            await asyncio.sleep(0)

    def _session(self, meter):
        self._begun.set()
        return self.headend.open_session(meter)

    @contextlib.contextmanager
    def at_real_pace(self):
        """While it lasts, time passes as it does for everybody, and the collector looks as often as the daemon's."""
        with asyncio.get_running_loop().at_real_pace():
            self.collector.rules, self.collector.pause = self._daemons_rules, pause
            self.collector.wake()
            yield
            self.collector.rules, self.collector.pause = RULES, self._pause

    async def _pause(self, event, seconds):
        standing = self.collector.standing()
        if standing.in_flight or await self.open_commands():
            seconds = BUSY_S
        elif standing.put_off:
            seconds = min(seconds, WAITING_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    # What people and other systems do

    @property
    def store(self):
        return self.headend.store

    def meter(self, number):
        """The simulated meter with that number, from 1."""
        return self.fleet.meters[number - 1]

    def office(self, meter):
        """The office that the exported inventory names for a meter."""
        offices = self.fleet.scenario.consumers.offices
        return offices[(meter.identity.number - 1) % len(offices)]

    async def pay(self, meter, paise, payment, *, at=None):
        """A recharge as every door books it, and the nudge that the daemon's own look would be."""
        result = await book_recharge(self.headend, meter.identity.consumer_no, paise, payment, "bank", at=at)
        self.collector.wake()
        return result

    def script(self, meter, fault, times=1, moment=None):
        self.fleet.scriptable_faults(meter).script.append(Scripted(fault, times, moment))

    def out_of_reach(self, meter, seconds):
        """No connection is taken for a while."""
        self.simulation.rebooting[meter.identity.number] = asyncio.get_running_loop().time() + seconds
        for stream in list(self.server._streams.get(meter.identity.number, ())):
            stream.abort()

    # What is seen

    def readings(self, meter):
        """(true time, head-end's time, Wh) of each energy register that was written, in the order of writing."""
        return self._witness.readings.get(meter.identity.serial, [])

    def cut_off(self):
        return [meter for meter in self.fleet.meters if not meter.relay.output_state]

    def edges(self, meter):
        return [edge.connected for edge in meter.relay.edges]

    async def query(self, sql, *parameters):
        """Rows of the database as they are, by a reader of the store."""
        return await self.store._readers.run(lambda connection: connection.execute(sql, parameters).fetchall())

    async def open_commands(self):
        ((count,),) = await self.query(
            "SELECT count(*) FROM commands WHERE state IN ('requested', 'sending', 'unknown')"
        )
        return count

    async def reasons(self, meter):
        decisions = await self.store.accounts.decisions(meter.identity.consumer_no)
        return [decision.reason for decision in decisions]

    async def commands(self, state=None):
        return await self.store.journal.commands(state=None if state is None else State(state), limit=100_000)

    async def until(self, condition, *, within=7 * 86_400, every=1.0):
        """Let time pass until something is true; a week that does not bring it is a failure."""
        async with asyncio.timeout(within):
            while True:
                value = condition()
                if asyncio.iscoroutine(value):
                    value = await value
                if value:
                    return value
                await asyncio.sleep(every)

    async def until_moment(self, moment):
        """Let true time pass until `moment`."""
        await asyncio.sleep(max((moment - self.clocks.true()).total_seconds(), 0.0))


__all__ = ["POLICY", "START", "TARIFF", "House"]
