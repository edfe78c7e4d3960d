"""From a recharge that is committed to the relay that was read back closed, while a fleet is collected without a pause.

python3 run.py bench reconnect [--meters N] [--recharges N] [--json]

The daemon is a process of its own on one core, simulated meters and whoever asks on another. Consumers are in debt and
are cut first, each as the policy decides. Then they pay one at a time, through the store as the faces and the command
line do, and it is looked until the journal says that the relay was read back. Between them meters are read on demand.
"""

import argparse
import asyncio
import csv
import os
import random
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from _figures import Figure, report
from _replay import simulator

from headend.app import now, open_headend
from headend.app.recharging import book_recharge
from headend.commands.model import State
from headend.prepaid.model import Mode
from headend.settings import load_settings
from headend.storage.kek import create_kek_file

POLICY = """
name = "bench"
max_reading_age = "10m"
max_balance_age = "10m"
grace = "0s"
[notice]
required = "none"
[calendar]
hours = []
days = []
second_saturdays = false
[caps]
per_hour = 10000
per_day = 10000
per_segment_hour = 10000
"""
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
[log]
format = "json"
level = "warning"
[[schedules]]
name = "round"
every = "1s"
tasks = ["clock", "relay", "registers", "balance", "block_load", "events"]
"""
#: The journal and the answers are looked at so often.
LOOK_S = 0.01
LONGEST_S = 60.0
#: The first round, which comes before anything is measured, takes no longer.
CUTTING_S = 900.0
OBJECTIVE_S = 2.0
SEED = 20261124


@asynccontextmanager
async def daemon(folder, core):
    """The daemon, armed, on a core of its own."""
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "headend", "run", "--arm", "--config", str(folder / "headend.toml")),
            stderr=log,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


def put_in_debt(folder, count):
    """Let the first consumers owe, and the others have plenty."""
    with (folder / "consumers").open(newline="") as stream:
        header, *lines = csv.reader(stream)
    opening, number = header.index("opening_balance"), header.index("consumer_no")
    for at, line in enumerate(lines):
        line[opening] = "-50.00" if at < count else "5000.00"
    with (folder / "consumers").open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *lines])
    return [line[number] for line in lines[:count]]


async def prepare(headend, folder):
    store = headend.store
    await store.registry.import_meters(folder / "inventory")
    await store.registry.import_consumers(folder / "consumers")
    await store.keys.import_keys(folder / "keys")
    await store.switches.set_mode("", Mode.AUTOMATIC, by="bench")


async def until(look, longest, what):
    """The first answer of `look` that is one."""
    begun = perf_counter()
    while not (found := await look()):
        if perf_counter() - begun > longest:
            raise SystemExit(f"{what} took longer than {longest:.0f} s")
        await asyncio.sleep(LOOK_S)
    return found


async def all_is_read_and_cut(store, meters, cuts):
    """Wait until the first round has read every meter whole (a meter gives months then), and the policy has cut."""

    def counts(connection):
        (read,) = connection.execute("SELECT count(DISTINCT meter) FROM served").fetchone()
        query = "SELECT count(*) FROM commands WHERE target = 'disconnected' AND state = 'confirmed'"
        return read, *connection.execute(query).fetchone()

    async def look():
        await asyncio.sleep(0.2)
        read, cut = await store.board._readers.run(counts)  # noqa: SLF001  no user needs this
        return read >= meters and cut >= cuts

    await until(look, CUTTING_S, f"reading {meters} meters and cutting {cuts}")


async def pay(headend, consumer_no):
    """Seconds from the commit to the relay read back, by the journal's own time, and until it could be seen there."""
    booked = await book_recharge(headend, consumer_no, 500_00, f"bench-{consumer_no}", "bench")
    committed, begun = now(), perf_counter()
    assert booked.command is not None, f"no reconnect for consumer {consumer_no}"
    number = booked.command.id

    async def look():
        command = await headend.store.journal.command(number)
        return command if command.state is State.CONFIRMED else None

    command = await until(look, LONGEST_S, f"reconnect {number}")
    return (command.changed_at - committed).total_seconds(), perf_counter() - begun


async def read_on_demand(headend, serial):
    """Seconds from asking to the answer."""
    begun = perf_counter()
    request = await headend.store.fleet.ask_read(serial)

    async def look():
        return await headend.store.fleet.read_result(request)

    result = await until(look, LONGEST_S, f"reading {serial}")
    assert result.error is None, result.error
    return perf_counter() - begun


def visits(headend):
    query = "SELECT count(*) FROM visits"
    return headend.store.board._readers.run(lambda connection: connection.execute(query).fetchone()[0])  # noqa: SLF001


async def measure(given):
    """Latencies of recharges (by the journal, and as seen), of readings; visits a second meanwhile."""
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        exports = [f"--export-{kind}={folder / kind}" for kind in ("inventory", "keys", "consumers")]
        async with simulator("--meters", str(given.meters), "--seed", str(SEED), *exports, cpu=theirs):
            if theirs is not None:
                os.sched_setaffinity(0, {theirs})
            (folder / "policy.toml").write_text(POLICY)
            (folder / "headend.toml").write_text(CONFIGURATION)
            create_kek_file(folder / "headend.kek")
            owing = put_in_debt(folder, given.recharges)
            async with open_headend(load_settings(str(folder / "headend.toml"))) as headend:
                await prepare(headend, folder)
                async with daemon(folder, ours):
                    return await pay_one_by_one(headend, owing)


async def pay_one_by_one(headend, owing):
    chance = random.Random(SEED)
    serials = [meter.serial for meter in await headend.store.fleet.meters()]
    await all_is_read_and_cut(headend.store, len(serials), len(owing))
    begun, before = perf_counter(), await visits(headend)
    paid, readings = [], []
    for consumer_no in chance.sample(owing, len(owing)):
        await asyncio.sleep(chance.random() * 0.3)
        paid.append(await pay(headend, consumer_no))
        readings.append(await read_on_demand(headend, chance.choice(serials)))
    a_second = (await visits(headend) - before) / (perf_counter() - begun)
    return [verified for verified, _ in paid], [seen for _, seen in paid], readings, a_second


def figures(given, measured):
    verified, seen, readings, a_second = measured
    yield Figure(f"meters visited a second meanwhile, of {given.meters:,}", a_second, "visits/s")
    for name, spans, objective in (
        ("recharge to relay read back", verified, OBJECTIVE_S),
        ("recharge to journal seen", seen, None),
        ("reading on demand", readings, None),
    ):
        centiles = quantiles(spans, n=100, method="inclusive")
        for what, value in (("p50", centiles[49]), ("p99", centiles[98]), ("longest", max(spans))):
            goal = objective if what == "p99" else None
            ratio, peer, limit = (None, "", "") if goal is None else (value / goal, f"{goal:.0f} s", "<= 1")
            yield Figure(f"{name}, {what} of {len(spans)}", value, "s", peer, ratio, limit)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meters", type=int, help="simulated meters under collection")
    parser.add_argument("--recharges", type=int, help="consumers that pay, one at a time")
    parser.add_argument("--quick", action="store_true", help="200 meters and 20 recharges instead of 2,000 and 200")
    parser.add_argument("--json", action="store_true", help="one object a line")
    given = parser.parse_args()
    given.meters = given.meters or (200 if given.quick else 2_000)
    given.recharges = given.recharges or (20 if given.quick else 200)
    report(figures(given, asyncio.run(measure(given))), as_json=given.json)


if __name__ == "__main__":
    main()
