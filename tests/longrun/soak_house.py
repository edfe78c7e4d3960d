"""A house for days of collection with all that the daemon runs beside it, and what a soak asks of it."""

import asyncio
import gc
import os
import random
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from statistics import fmean, linear_regression
from zoneinfo import ZoneInfo

from longrun_house import RULES, House

from headend.app.listening import listening
from headend.app.monitoring_retention import tidying
from headend.app.wiring import open_headend
from headend.settings import load_settings
from simulator.intervals import BLOCK_LOAD, DAILY_LOAD
from simulator.orders import Push
from simulator.pushing import Pusher
from simulator.scenario import FaultSection, MeterSection, Scenario

#: Two answers in a hundred meet a fault, and two connections in a hundred are refused.
FAULTS = FaultSection(
    drop=0.004,
    split=0.003,
    delay=0.003,
    garble=0.003,
    late=0.002,
    lose_answer=0.0035,
    silence=0.001,
    reboot=0.0005,
    refuse=0.02,
)
SCENARIO = Scenario(meters=MeterSection(opening_balance_paise=500_000, history_days=6), faults=FAULTS)
SETTINGS = """
[clock]
set = false
[retention]
block_load = "30d"
[listen]
push = "127.0.0.1:0"
push_udp = "127.0.0.1:0"
"""
PROFILES = {"block_load": BLOCK_LOAD, "daily": DAILY_LOAD}
_INDIA = ZoneInfo("Asia/Kolkata")
_NOISE = bytes.fromhex("000100400001000adb08aabbccdd00112233")


class SoakHouse(House):
    """A house that listens for pushes and removes what is old, as the daemon does."""

    def __init__(self, folder, meters, *, schedules="", **more):
        super().__init__(folder, meters, scenario=SCENARIO, every=None, extra=SETTINGS + schedules, **more)
        self.pusher = Pusher(self.simulation.nonces)
        self.heard = None

    async def start(self, *, armed=True, collect=True):
        """Open the head-end, let it collect, listen and tidy up. No witness: it would remember every reading."""
        settings = load_settings(str(self.folder / "headend.toml"))
        self.headend = await self._stack.enter_async_context(open_headend(settings, armed=armed, clock=self.clock))
        if not collect:
            return
        self.collector = self.headend.collector()
        self.collector.rules = RULES
        self.collector.pause = self._pause
        self._rooms = AsyncExitStack()
        self.heard = await self._rooms.enter_async_context(listening(self.headend, self.collector))
        await self._rooms.enter_async_context(tidying(self.headend))
        self._collecting = asyncio.create_task(self.collector.run(), name="collector")

    async def stop(self):
        if self._collecting is not None:
            self.collector.stop()
            await self._collecting
            self._collecting = None
            await self._rooms.aclose()
        await self._stack.aclose()

    def push(self, meter, kind, transport):
        port = self.heard.ports["push" if transport == "tcp" else "push_udp"]
        self.pusher.push(meter, Push(meter.identity.serial, port, transport=transport, kind=kind))

    async def noise(self):
        """Somebody whom nobody knows sends what looks like a push, and hangs up."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.heard.ports["push"])
        writer.write(_NOISE)
        writer.close()
        await writer.wait_closed()


class Soak:
    """Lets days pass, and looks at the process each hour while nothing is under way."""

    def __init__(self, house, hours):
        self.house, self.hours = house, hours
        self.chance = random.Random(hours)
        self.looks = []
        self.happened = Counter()

    async def run(self):
        await self.house.start()
        for hour in range(1, self.hours + 1):
            for _ in range(6):
                await self._something()
                await asyncio.sleep(600)
            await self._look(hour)

    async def _something(self):
        meter = self.chance.choice(self.house.fleet.meters)
        kind, transport = self.chance.choice(("instantaneous", "alert")), self.chance.choice(("tcp", "udp"))
        if kind == "alert":
            meter.log(self.chance.choice((201, 203, 251)))
        self.house.push(meter, kind, transport)
        await self.house.noise()
        self.happened["pushes"] += 1
        self.happened["pushes from unknown peers"] += 1
        if self.chance.random() < 0.1:
            self.house.out_of_reach(self.chance.choice(self.house.fleet.meters), self.chance.uniform(60, 7200))
            self.happened["outages"] += 1

    async def _look(self, hour):
        await self.house.until(self._quiet)
        gc.collect()
        self.looks.append((hour, self._tasks(), handles(), resident()))

    def _quiet(self):
        standing = self.house.collector.standing()
        return not standing.in_flight and not self.house.simulation.traffic.open and not self.house.pusher._sending

    def _tasks(self):
        """Tasks by name; streams of pushes over UDP wait for their next datagram for a while, and are bounded."""
        return Counter(
            "pushes over UDP" if task.get_name().startswith("pushes from") else task.get_name().rstrip("0123456789")
            for task in asyncio.all_tasks()
        )

    async def calm(self, hours):
        """Faults end, a person asks for what was given up, and so many hours pass: what was missed is caught up."""
        for faults in self.house.fleet._faults.values():
            faults.rates = FaultSection()
        self.house.simulation.rebooting.clear()
        self.happened["given up at the end, and asked for"] = await self.house.store.steering.requeue(None)
        for hour in range(hours):
            await asyncio.sleep(3600)
            await self._look(self.hours + hour + 1)

    async def missing(self, until):
        """Rows that meters hold, captured by `until`, and that the store has not; and how many they hold."""
        lacking, held = {}, 0
        for profile, simulated in PROFILES.items():
            tables = await self.house.query("SELECT rows_table FROM shapes WHERE profile = ?", profile)
            stored = set()
            for (table,) in tables:
                query = f'SELECT m.serial, r.time FROM "{table}" r JOIN meters m ON m.id = r.meter'
                rows = await self.house.query(query)
                assert len(rows) == len(set(rows)), f"a row of {profile} is stored twice"
                stored |= set(rows)
            for meter in self.house.fleet.meters:
                captures = simulated.captures(meter)
                wanted = {
                    (meter.identity.serial, capture.at // 10)
                    for capture in captures.entries(1, len(captures))
                    if capture.at <= until.timestamp() * 1000
                }
                held += len(wanted)
                if left := wanted - stored:
                    lacking[meter.identity.serial, profile] = len(left)
        return lacking, held

    def memory(self):
        """Resident MiB at the first look that counts and at the last, and the slope between them in percent an hour."""
        settled = self.looks[len(self.looks) // 4 :]
        hours, octets = [look[0] for look in settled], [look[3] for look in settled]
        slope = linear_regression(hours, octets).slope
        return octets[0] / 2**20, octets[-1] / 2**20, 100 * slope / fmean(octets)


def last_midnight(moment: datetime) -> datetime:
    """The last midnight in India."""
    return moment.astimezone(_INDIA).replace(hour=0, minute=0, second=0, microsecond=0)


def handles() -> int:
    """How many file handles this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  one look, not a walk


def resident() -> int:
    """Octets of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
