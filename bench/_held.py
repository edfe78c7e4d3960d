"""What the head-end holds: KiB a meter that is idle, KiB a visit that is open. A process of its own, to see it alone.

_held.py FOLDER VISITS
"""

import asyncio
import gc
import logging
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvloop
from _idle import resident

from headend.app import open_headend
from headend.scheduler.agenda import Agenda
from headend.scheduler.backlog import Urgency, Work
from headend.scheduler.flights import Flight
from headend.scheduler.inventory import Inventory, Shard
from headend.scheduler.steering import Unsteered
from headend.scheduler.visit import Visit
from headend.settings import load_settings


class Asked:
    """A store in which every slot is free, over the inventory of another."""

    def __init__(self, store):
        self.meters = store.meters

    async def claim_slot(self, _schedule, _slot):
        return True


async def held(folder, visits):
    async with open_headend(load_settings(str(Path(folder) / "headend.toml"))) as headend:
        idle, inventory, agenda = await _idle(headend)
        assert agenda.rounds
        meters = [meter for meter in inventory.meters.values() if meter.group == "visited"]
        await _open(headend, meters[:50])  # what all visits share is made by the first ones
        print(idle / 1024, await _open(headend, meters[50 : 50 + visits]) / 1024)


async def _idle(headend):
    """Octets of a meter in the inventory and in a round of each schedule."""
    now = datetime.now(UTC)
    await headend.store.fleet.meter("")
    gc.collect()
    before = resident()
    inventory = Inventory(Shard())
    await inventory.read(headend.store.fleet)
    agenda = Agenda(headend.setup.schedules, Unsteered())
    await agenda.plan(Asked(headend.store.fleet), inventory.meters, now)
    gc.collect()
    return (resident() - before) / len(inventory.meters), inventory, agenda


async def _open(headend, meters):
    """Octets of a visit in the middle of its work: task, flight, session, connection."""
    gc.collect()
    before, ports, opened = resident(), headend.ports(), []
    hold, ready = asyncio.Event(), asyncio.Semaphore(0)

    async def fly(flight):
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(headend.open_session(flight.work.meter))
            await session.read_clock()
            ready.release()
            await hold.wait()

    for meter in meters:
        work = Work(meter, Urgency.ROUTINE, datetime.now(UTC), tasks=("clock",))
        flight = Flight(work, Visit(ports, work, datetime.now(UTC)))
        flight.task = asyncio.create_task(fly(flight))
        opened.append(flight)
    for _ in meters:
        await ready.acquire()
    gc.collect()
    octets = (resident() - before) / len(meters)
    hold.set()
    await asyncio.gather(*(flight.task for flight in opened))
    return octets


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    uvloop.run(held(sys.argv[1], int(sys.argv[2])))
