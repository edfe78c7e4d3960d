"""A fleet over some days: simulated meters, a head-end that reads a part of them daily, and the rest as it would be.

The day's visit is the whole of it: HLS-GMAC, identity, clock, relay, five registers, balance, 48 rows of block load,
the daily row, what was logged since, release. Head-end and meters share a timeline that stands still between the days.
Meters that are not visited have one such day behind them in the store, so that it is as large as the fleet.
"""

import asyncio
import csv
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from _replay import simulator
from attrs import define, evolve, field

from headend.app import open_headend
from headend.app.opening import Clock
from headend.cli.demonstration import demonstration_rules
from headend.meters.reading import Reading
from headend.prepaid.model import Mode
from headend.scheduler.judge import judge_visit
from headend.scheduler.ports import Outcome, VisitRecord
from headend.settings import load_settings
from headend.storage.kek import create_kek_file

#: In the middle of a month and of the morning; the last half hour ended some minutes ago.
FIRST_DAY = datetime(2026, 3, 11, 6, 5, tzinfo=UTC)
PROFILES = ("block_load", "daily", "events_voltage")
TASKS = ("clock", "relay", "registers", "balance", *PROFILES)
REGISTERS = ("energy_import", "energy_apparent", "voltage", "power", "firmware")
_BALANCE = ("balance", "balance_time")
#: Meters that are written at once where nothing is measured.
_AT_ONCE = 256

CONFIGURATION = """
[store]
path = "headend.db"
[keys]
kek_file = "headend.kek"
[policy]
file = "policy.toml"
[collection]
models = "models"
visits_at_once = 64
kept_for_relay = 8
[[schedules]]
name = "day"
every = "1d"
groups = ["visited"]
tasks = [{tasks}]
"""

SCENARIO = """
[time]
start = {start}
[meters]
history_days = 2
[consumers]
model = "five-registers"
[[happening]]
kind = "event"
code = 9
meters = "{logging}"
after_seconds = 0.1
lasts_seconds = 1
"""


@define
class Time:
    """Where the head-end has its time from: that of the meters."""

    offset: timedelta = field(factory=timedelta)

    def now(self):
        return datetime.now(UTC) + self.offset

    def set(self, moment):
        self.offset = moment - datetime.now(UTC)


@define
class Site:
    """A folder with everything of a head-end; `visited` of its `meters` answer."""

    folder: object
    meters: int
    visited: int
    cpu: int | None
    time: Time = field(factory=Time)
    port: int = 0

    async def prepare(self):
        """Configuration, rules, key, model and the files that a utility would import."""
        folder = self.folder
        (folder / "models").mkdir()
        (folder / "models" / "five-registers.toml").write_text(five_registers())
        (folder / "policy.toml").write_text(demonstration_rules())
        (folder / "headend.toml").write_text(CONFIGURATION.format(tasks=", ".join(f'"{task}"' for task in TASKS)))
        create_kek_file(folder / "headend.kek")
        exports = [f"--export-{kind}={folder / kind}" for kind in ("inventory", "keys", "consumers")]
        async with self._simulator(0, self.meters, *exports) as ready:
            self.port = ready["meters"][0]["port"]
        _group(folder / "inventory", self.visited)

    @asynccontextmanager
    async def meters_on(self, day):
        """The meters that are visited, on a day from 0 on; and the head-end's time set to it."""
        self.time.set(FIRST_DAY + timedelta(days=day))
        async with self._simulator(day, self.visited):
            yield

    def _simulator(self, day, count, *more):
        scenario = self.folder / "scenario.toml"
        start = FIRST_DAY + timedelta(days=day)
        scenario.write_text(SCENARIO.format(start=start.isoformat(), logging=f"1-{max(1, count // 10)}"))
        return simulator(
            *("--meters", str(count), "--by-address", "--port", str(self.port), "--scenario", str(scenario), *more),
            # A meter that is started anew goes on with its counters.
            *("--counters-from", str(1 + day * 1_000_000)),
            cpu=self.cpu,
        )

    @asynccontextmanager
    async def head_end(self):
        """An armed head-end in the mode automatic, with inventory, consumers and keys."""
        settings = load_settings(str(self.folder / "headend.toml"))
        async with open_headend(settings, armed=True, clock=Clock(now=self.time.now)) as headend:
            if not await headend.store.fleet.meters():
                await headend.store.registry.import_meters(self.folder / "inventory")
                await headend.store.registry.import_consumers(self.folder / "consumers")
                await headend.store.keys.import_keys(self.folder / "keys")
                await headend.store.switches.set_mode("", Mode.AUTOMATIC, by="bench")
            yield headend

    async def agree_on_time(self, headend):
        """Set the head-end's time by the first meter's."""
        async with headend.open_session(await first_meter(headend)) as session:
            self.time.set((await session.read_clock()).meter_time)


def five_registers():
    """The built-in model with five registers, and the two of the balance."""
    text = files("headend.meters.models").joinpath("is15959-single-phase.toml").read_text()
    text = text.replace('name = "is15959-single-phase"', 'name = "five-registers"', 1)
    pieces = re.split(r"(?m)^(?=\[\[)", text)
    wanted = {*REGISTERS, *_BALANCE}
    return "".join(each for each in pieces if not each.startswith("[[registers]]") or _name(each) in wanted)


def _name(piece):
    return re.search(r'name = "(\w+)"', piece)[1]


def _group(inventory, visited):
    with inventory.open(newline="") as file:
        header, *rows = csv.reader(file)
    group = header.index("group")
    for number, row in enumerate(rows):
        row[group] = "visited" if number < visited else "other"
    with inventory.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


async def first_meter(headend):
    return (await headend.store.fleet.meters())[0]


async def stand_in(headend):
    """Write the first day of the meters that are not visited: what the first meter tells, for each of them."""
    others = [meter for meter in await headend.store.fleet.meters() if meter.group != "visited"]
    if not others:
        return
    record = await _whole_visit(headend)
    rules = headend.setup.rules()
    numbers = iter(range(len(others)))

    async def some():
        for number in numbers:
            its = evolve(record, meter=others[number].serial)
            await headend.store.fleet.record_visit(its, judge_visit(rules, its))

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


async def _whole_visit(headend):
    meter, begun = await first_meter(headend), headend.clock.now()
    async with headend.open_session(meter) as session:
        clock, relay = await session.read_clock(), await session.read_relay()
        readings, balance = await session.read_registers(), await session.read_balance()
        profiles = [await session.read_profile(name, begun - timedelta(days=1), None) for name in PROFILES]
    return VisitRecord(
        meter=meter.serial,
        started=begun,
        finished=headend.clock.now(),
        outcome=Outcome.DONE,
        error=None,
        readings=tuple(reading for reading in readings if isinstance(reading, Reading)),
        profiles=tuple(profile for profile in profiles if profile.rows),
        relay=relay,
        clock=clock,
        balance=balance.paise,
        balance_at=balance.received,
        served=("day",),
    )
