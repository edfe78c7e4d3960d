"""One daemon, then two and more workers on the same fleet: visits a second, and what a visit costs all of them.

python3 run.py bench workers [--quick] [--json]

The fleet is collected without a pause (clock, relay, registers, balance; judged by policy and committed durably), and
after each meter was visited once the next visits are counted, with the processor time of every process of the daemon.
The simulator runs beside them: on a machine whose cores it shares, wall time tells less than processor time.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from _figures import Figure, options, report
from _replay import simulator

from headend.app import now, open_headend
from headend.cli.demonstration import demonstration_rules
from headend.settings import load_settings
from headend.storage.kek import create_kek_file
from headend.storage.store import Store

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
[web]
listen = ""
[log]
format = "json"
level = "warning"
[[schedules]]
name = "round"
every = "1s"
tasks = ["clock", "relay", "registers", "balance"]
"""
LOOK_S = 0.05
LONGEST_S = 600.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def daemon(folder, workers):
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "headend", "run", "--workers", str(workers)),
            *("--config", str(folder / "headend.toml")),
            stderr=log,
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            await process.wait()


async def measure(meters, counts):
    """Wall seconds and CPU seconds a visit, by the number of workers."""
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        exports = [f"--export-{kind}={folder / kind}" for kind in ("inventory", "keys", "consumers")]
        async with simulator("--meters", str(meters), *exports):
            (folder / "policy.toml").write_text(demonstration_rules())
            (folder / "headend.toml").write_text(CONFIGURATION)
            create_kek_file(folder / "headend.kek")
            async with open_headend(load_settings(str(folder / "headend.toml"))) as headend:
                await headend.store.registry.import_meters(folder / "inventory")
                await headend.store.registry.import_consumers(folder / "consumers")
                await headend.store.keys.import_keys(folder / "keys")
            return {workers: await one_run(folder, workers, meters) for workers in counts}


async def one_run(folder, workers, meters):
    before = visits(folder)
    async with daemon(folder, workers) as pid:
        await until(folder, before + 2 * meters)
        pids = await processes(folder, pid)
        counted, wall, cpu = visits(folder), perf_counter(), spent(pids)
        await until(folder, counted + 2 * meters)
        counted, wall, cpu = visits(folder) - counted, perf_counter() - wall, spent(pids) - cpu
    return wall / counted, cpu / counted


async def until(folder, count):
    async with asyncio.timeout(LONGEST_S):
        while visits(folder) < count:  # noqa: ASYNC110  other processes write, and tell nobody
            await asyncio.sleep(LOOK_S)


async def processes(folder, pid):
    store = await Store.open(folder / "headend.db", kek=None, now=now)
    try:
        return {pid} | {row.pid for row in await store.workers.live()}
    finally:
        await store.close()


def visits(folder):
    with sqlite3.connect(f"file:{folder / 'headend.db'}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT coalesce(max(id), 0) FROM visits").fetchone()[0]


def spent(pids):
    """Seconds of processor time that these processes have had."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) * TICK_S


def main():
    given = options()
    meters = 200 if given.quick else 1000
    counts = (1, 2) if given.quick else (1, 2, 3)
    found = asyncio.run(measure(meters, counts))
    alone = found[1]
    figures = []
    for workers, (wall, cpu) in found.items():
        name = "one process" if workers == 1 else f"{workers} workers and their parent"
        figures += [
            Figure(f"visits a second, wall, {name}", 1 / wall, "visits/s", "one process", alone[0] / wall),
            Figure(f"CPU a visit, {name}", cpu * 1e6, "µs", "one process", cpu / alone[1]),
        ]
    report(figures, as_json=given.json)


if __name__ == "__main__":
    main()
