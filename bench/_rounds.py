"""A round over a fleet, measured: processor time from the first visit to the last, in pieces, whoever spends it."""

import asyncio
import math
import os
import time
from datetime import timedelta

from _replay import Recording, recording_connector
from attrs import define, field

from headend.session.line import dialling
from headend.session.visit import Visitor


@define
class Round:
    """Seconds of wall and CPU for `visits`, and of each piece of the round the seconds of CPU a visit."""

    visits: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    pieces: list = field(factory=list)

    def add(self, other):
        self.visits += other.visits
        self.wall += other.wall
        self.cpu += other.cpu
        self.pieces += other.pieces

    @property
    def cost(self):
        return self.cpu / self.visits

    @property
    def spread(self):
        """The middle eight tenths of the pieces, in seconds of CPU a visit."""
        ordered = sorted(self.pieces)
        return ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]

    @property
    def error(self):
        """The standard error of the mean cost of a visit, in seconds."""
        mean = sum(self.pieces) / len(self.pieces)
        variance = sum((piece - mean) ** 2 for piece in self.pieces) / max(1, len(self.pieces) - 1)
        return math.sqrt(variance / len(self.pieces))


async def one_round(headend, meters):
    """Visit every meter that is due, once."""
    collector = headend.collector()
    # It begins after a minute, and finds that nobody asked for the weeks before: work of another kind than a day's.
    collector.gap_search = None
    round_, most = Round(meters), max(20, meters // 40)
    begun = at = time.process_time()
    wall, last = time.perf_counter(), 0
    running = asyncio.create_task(collector.run())
    while collector.figures.visits.total() < meters:
        if running.done():
            running.result()
        await asyncio.sleep(0.02)
        seen, spent = collector.figures.visits.total(), time.process_time()
        if seen - last >= most:
            round_.pieces.append((spent - at) / (seen - last))
            last, at = seen, spent
    round_.wall, round_.cpu = time.perf_counter() - wall, time.process_time() - begun
    done = collector.figures.visits["done"]
    collector.stop()
    await running
    assert done == meters, f"{done} of {meters} meters were read; {await _failures(headend)}"
    return round_


async def _failures(headend):
    """The commonest errors, and how often each was."""
    query = (
        "SELECT outcome, min(error), count(*) FROM visits WHERE outcome <> 'done' GROUP BY outcome, substr(error, 16)"
        " ORDER BY 3 DESC LIMIT 5"
    )
    return await headend.store.fleet._readers.run(lambda connection: connection.execute(query).fetchall())  # noqa: SLF001


async def record(site, headend):
    """The octets of the day's visit to a meter, as the round sends and gets them."""
    recording = Recording()
    store = headend.store
    meter = (await store.fleet.meters())[0]
    visitor = Visitor(
        keys=store.keys,
        counters=store.counters,
        connect=dialling(recording_connector(recording)),
        now=site.time.now,
        monotonic=asyncio.get_running_loop().time,
        random_bytes=os.urandom,
        shapes=store.captures,
    )
    async with visitor.visit(meter, headend.model(meter.model), "setting", 60.0) as session:
        now = (await session.read_clock()).meter_time
        await session.read_relay()
        await session.read_registers()
        await session.read_balance()
        for profile in ("block_load", "daily", "events_voltage"):
            await session.read_profile(profile, now - timedelta(days=1), None)
    return recording.frozen()
