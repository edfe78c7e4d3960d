"""Pages of console, portal and API on a database of many meters, asked of a daemon while it visits a simulated fleet.

python3 run.py bench pages [--meters N] [--round N] [--calls N] [--json]

The daemon is a process of its own, as users start it. Of its meters `--round` are simulated and visited again and
again, as fast as the collector goes; the others only fill the database. Pages are asked for one after another over one
connection, as a browser does. The floor is the same answer without a database: the page of the log in.
"""

import argparse
import asyncio
import http.client
import json
import os
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from _replay import simulator
from attrs import frozen

from headend.app import open_headend
from headend.cli.demonstration import demonstration_rules
from headend.commands.officers import Role
from headend.prepaid.model import Mode
from headend.settings import load_settings
from headend.storage.kek import create_kek_file
from headend.web.scopes import SCOPES

CONFIGURATION = """
[store]
path = "headend.db"
[keys]
kek_file = "headend.kek"
[policy]
file = "policy.toml"
[web]
listen = "127.0.0.1:0"
[portal]
gateway = "sandbox"
[log]
format = "json"
[collection]
visits_at_once = 64
kept_for_relay = 8
[[schedules]]
name = "round"
every = "1s"
tasks = ["clock", "relay", "registers", "balance"]
offices = ["Jharkhand"]
"""
OFFICES = [f"Ranchi/Division {one}/Sub-division {two}" for one in range(1, 6) for two in range(1, 9)]
OBJECTIVE_MS = 150
METERS_FROM, CONSUMERS_FROM = 30_000_000, 30_000_000_000


@frozen
class Door:
    """How to come in: the faces' address, and a session or a token for each."""

    host: str
    port: int
    console: str
    portal: str
    api: str


def pages(meters):
    """Every kind of page, by the session that it takes."""
    serial, consumer = f"{METERS_FROM + meters // 2}", f"{CONSUMERS_FROM + meters // 2}"
    console = [
        "/",
        "/meters",
        "/meters?show=off",
        "/meters?show=stale_since",
        "/meters?page=20",
        "/meters?within=Ranchi/Division+3",
        f"/meters?q={serial[:7]}",
        "/meters?q=Consumer+99",
        f"/meters/{serial}",
        "/accounts",
        "/accounts?show=below_zero",
        "/accounts?sort=-negative_since",
        "/accounts?show=no_number",
        f"/accounts/{consumer}",
        "/cuts",
        "/commands",
        "/notices",
        "/events",
        "/work",
        "/audit",
        "/administration",
    ]
    portal = ["/", "/use", "/account", "/messages", "/recharge"]
    api = ["/meters?limit=100", "/accounts?limit=100", "/coverage", "/events?limit=200", "/commands"]
    return [
        *(("console", f"/console{path}") for path in console),
        *(("portal", f"/portal{path}") for path in portal),
        *(("api", f"/api/v1{path}") for path in api),
    ]


async def fill(headend, folder, meters):
    """Import `meters` meters with their consumers beside the simulated ones."""
    header = (
        "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone\n"
    )
    with (folder / "meters.csv").open("w") as out:
        out.write(header)
        for n in range(meters):
            office = OFFICES[n % len(OFFICES)]
            out.write(
                f"{METERS_FROM + n},LDN{n},,is15959-single-phase,tcp://127.0.0.1:1,1,,{office},,default,Asia/Kolkata\n"
            )
    with (folder / "consumers.csv").open("w") as out:
        out.write(
            "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance\n"
        )
        for n in range(meters):
            balance = -50 if n % 40 == 0 else 250
            out.write(
                f"{CONSUMERS_FROM + n},Consumer {n},hi,{9_000_000_000 + n},domestic,{OFFICES[n % 40]},default,,"
                f"ledger,{METERS_FROM + n},{balance}.00\n"
            )
    await headend.store.registry.import_meters(folder / "meters.csv")
    await headend.store.registry.import_consumers(folder / "consumers.csv")


async def prepare(folder, meters):
    """The database with everything in it, and who may look: a session for each face and a token."""
    (folder / "policy.toml").write_text(demonstration_rules())
    (folder / "headend.toml").write_text(CONFIGURATION)
    create_kek_file(folder / "headend.kek")
    async with open_headend(load_settings(str(folder / "headend.toml"))) as headend:
        store = headend.store
        await store.registry.import_meters(folder / "inventory")
        await store.registry.import_consumers(folder / "consumers")
        await store.keys.import_keys(folder / "keys")
        await store.switches.set_mode("", Mode.PROPOSE, by="bench")
        await fill(headend, folder, meters)
        await store.officers.add("bench", "", Role.ADMINISTRATOR, "", "bench")
        hours = timedelta(hours=10)
        console = await store.web_sessions.begin("console", "bench", hours, hours)
        portal = await store.web_sessions.begin("portal", str(CONSUMERS_FROM + meters // 2), hours, hours)
        return console, portal, await store.tokens.add("bench", frozenset(SCOPES), "", 1_000_000, "bench")


@asynccontextmanager
async def daemon(folder):
    """A daemon, and where its faces are."""
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "headend", "run", "--config", str(folder / "headend.toml")), stderr=log
        )
    try:
        while not (line := _said(folder / "log", "serving")):
            if process.returncode is not None:
                raise SystemExit((folder / "log").read_text())
            await asyncio.sleep(0.1)
        host, port = line["portal"].removeprefix("http://").split("/")[0].split(":")
        yield host, int(port)
    finally:
        process.terminate()
        await process.wait()


def _said(log, event):
    for line in log.read_text().splitlines():
        if f'"{event}"' in line and (found := json.loads(line))["event"] == event:
            return found
    return None


def visits(folder):
    """How many visits the store holds."""
    import sqlite3

    with sqlite3.connect(folder / "headend.db") as connection:
        return connection.execute("SELECT count(*) FROM visits WHERE outcome = 'done'").fetchone()[0]


def times(door, face, path, count):
    """Milliseconds of each of `count` answers after a first one, which fills caches, and the octets of one."""
    headers = {"Authorization": f"Bearer {door.api}"} if face == "api" else {"Cookie": _cookie(door, face)}
    connection = http.client.HTTPConnection(door.host, door.port, timeout=60)
    spans, octets = [], 0
    for _ in range(count + 1):
        started = perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        octets = len(answer.read())
        spans.append((perf_counter() - started) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
    connection.close()
    return spans[1:], octets


def _cookie(door, face):
    return f"headend-{face}={getattr(door, face)}"


def ask(door, folder, given):
    """Ask for every page; prints a line each; all times, the floor, and visits a second meanwhile."""
    every = []
    begun, before = perf_counter(), visits(folder)
    floor, _ = times(door, "console", "/console/login", given.calls)
    for face, path in pages(given.meters):
        spans, octets = times(door, face, path, given.calls)
        every += spans
        p50, p95 = quantiles(spans, n=20)[9], quantiles(spans, n=20)[18]
        if given.json:
            print(json.dumps({"page": path, "p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "octets": octets}))
        else:
            print(f"{path:44} {p50:8.1f} {p95:8.1f} {octets:9}", flush=True)
    return every, quantiles(floor, n=20)[9], (visits(folder) - before) / (perf_counter() - begun)


async def measure(given):
    """Fill, start, ask; the exit code."""
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        exports = [f"--export-{kind}={folder / kind}" for kind in ("inventory", "keys", "consumers")]
        async with simulator("--meters", str(given.round), *exports):
            await asyncio.to_thread(_move, folder)
            sessions = await prepare(folder, given.meters)
            async with daemon(folder) as (host, port):
                while visits(folder) < given.round:  # noqa: ASYNC110  the first round begins
                    await asyncio.sleep(0.2)
                if not given.json:
                    print(f"{given.meters} meters, {os.cpu_count()} cores, {given.calls} calls a page")
                    print(f"{'page':44} {'p50 ms':>8} {'p95 ms':>8} {'octets':>9}", flush=True)
                every, base, rate = await asyncio.to_thread(ask, Door(host, port, *sessions), folder, given)
    return _verdict(every, base, rate, as_json=given.json)


def _move(folder):
    """Put the simulated meters into an office of their own, which is the round's."""
    for name in ("inventory", "consumers"):
        header, *lines = (folder / name).read_text().splitlines()
        place = header.split(",").index("office")
        rows = [line.split(",") for line in lines]
        for row in rows:
            row[place] = "Jharkhand/Ranchi"
        (folder / name).write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")


def _verdict(every, base, rate, *, as_json):
    p95 = quantiles(every, n=20)[18]
    met = p95 <= OBJECTIVE_MS and rate > 0
    if as_json:
        found = {"p95_ms": round(p95, 1), "floor_ms": round(base, 1), "visits_s": round(rate, 1), "met": met}
        print(json.dumps({"page": "all", **found}))
    else:
        print(
            f"all pages p95 {p95:.1f} ms ({p95 / base:.1f} times the log in's p50 of {base:.1f} ms), "
            f"{rate:.0f} visits/s beside: {'met' if met else 'MISSED'}"
        )
    return 0 if met else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--round", type=int, default=300, help="simulated meters that are visited meanwhile")
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--quick", action="store_true", help="2,000 meters, 5 calls a page")
    options = parser.parse_args()
    if options.quick:
        options.meters, options.calls = 2000, 5
    sys.exit(asyncio.run(measure(options)))
