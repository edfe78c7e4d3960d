"""One round over a simulated fleet: visits a second, and what a visit costs the head-end beside a bare replay.

python3 run.py bench fleet [--quick] [--json]

A visit here: TCP connect, HLS-GMAC, identity, clock, relay, registers, balance; judged by policy and committed durably;
ciphered release. The replay sends and awaits the very octets of such a visit by uvloop callbacks and decodes nothing.
Head-end and replaying client on one core, simulator and replaying server on the other.
"""

import asyncio
import logging
import os
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import structlog
import uvloop
from _figures import Figure, options, report
from _replay import Recording, recording_connector, replay, replay_server, simulator

from headend.app import now, open_headend
from headend.cli.demonstration import demonstration_rules
from headend.prepaid.model import Mode
from headend.session.line import dialling
from headend.session.visit import Visitor
from headend.settings import load_settings
from headend.storage.kek import create_kek_file

CONFIGURATION = """
[store]
path = "headend.db"
[keys]
kek_file = "headend.kek"
[policy]
file = "policy.toml"
[collection]
visits_at_once = 64
kept_for_relay = 8
[[schedules]]
name = "round"
every = "1d"
tasks = ["clock", "relay", "registers", "balance"]
"""


async def measure(meters):
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        exports = [f"--export-{kind}={folder / kind}" for kind in ("inventory", "keys", "consumers")]
        async with simulator("--meters", str(meters), *exports, cpu=theirs):
            if ours is not None:
                os.sched_setaffinity(0, {ours})
            (folder / "policy.toml").write_text(demonstration_rules())
            (folder / "headend.toml").write_text(CONFIGURATION)
            create_kek_file(folder / "headend.kek")
            async with open_headend(load_settings(str(folder / "headend.toml")), armed=True) as headend:
                await headend.store.registry.import_meters(folder / "inventory")
                await headend.store.registry.import_consumers(folder / "consumers")
                await headend.store.keys.import_keys(folder / "keys")
                await headend.store.switches.set_mode("", Mode.AUTOMATIC, by="bench")
                steps = await record(headend)
                wall, cpu, polled = await one_round(headend, meters)
        with replay_server(steps, theirs) as port:
            await replay(steps, port, 200, 50)
            bare = min([await replay(steps, port, 1000, 50) for _ in range(3)])
    assert polled == meters, f"{polled} of {meters} meters were read"
    return wall / meters, cpu / meters, bare, len(steps)


async def record(headend):
    """The octets of one visit to the first meter."""
    recording = Recording()
    store = headend.store
    meter = (await store.fleet.meters())[0]
    visitor = Visitor(
        keys=store.keys,
        counters=store.counters,
        connect=dialling(recording_connector(recording)),
        now=now,
        monotonic=asyncio.get_running_loop().time,
        random_bytes=os.urandom,
    )
    model = headend.setup.models.get(meter.model)
    for _ in range(2):  # the second is without the scalers, as all but the first are
        recording.steps.clear()
        async with visitor.visit(meter, model, "setting", 60.0) as session:
            await session.read_clock()
            await session.read_relay()
            await session.read_registers()
            await session.read_balance()
    return recording.frozen()


async def one_round(headend, meters):
    """Wall and CPU seconds of the second round, and how many meters it read; the first one warms up."""
    for number in range(2):
        collector = headend.collector()
        begun, cpu = perf_counter(), process_time()
        running = asyncio.create_task(collector.run())
        while collector.figures.visits.total() < meters:  # noqa: ASYNC110  the collector tells nobody
            await asyncio.sleep(0.02)
        wall, cpu = perf_counter() - begun, process_time() - cpu
        done = collector.figures.visits["done"]
        collector.stop()
        await running
        if number == 0:
            await forget_slot(headend)
    return wall, cpu, done


async def forget_slot(headend):
    """Let the day's slot be run again."""

    def unit(connection):
        for table in ("slots", "served", "rounds"):
            connection.execute(f"DELETE FROM {table}")

    await headend.store.fleet._writer.run(unit)  # noqa: SLF001  no user needs this


def main():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    given = options()
    meters = 200 if given.quick else 1000
    wall, cpu, bare, round_trips = uvloop.run(measure(meters))
    report(
        [
            Figure("visits a second, wall, simulator beside it", 1 / wall, "visits/s"),
            Figure("visits a second of head-end CPU", 1 / cpu, "visits/s"),
            Figure(
                f"head-end CPU a visit of {round_trips} round trips, {meters} meters",
                cpu * 1e6,
                "µs",
                "a bare uvloop replay of the same octets",
                cpu / bare,
            ),
            Figure("bare replay", bare * 1e6, "µs"),
        ],
        as_json=given.json,
    )


if __name__ == "__main__":
    main()
