"""Pages of the console on a database of many meters, while a collection round writes to it.

The floor is the same answer without a database: the page of the log in. The round is a task that records visits, as
fast as the writer takes them, in the same process.
"""

import argparse
import asyncio
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from litestar.testing import AsyncTestClient

from headend.app.webfaces import application
from headend.app.wiring import open_headend
from headend.commands.officers import Role
from headend.scheduler.judge import judge_visit
from headend.scheduler.ports import Outcome, VisitRecord
from headend.settings import load_settings
from headend.storage.kek import create_kek_file

CONFIGURATION = """
[store]
path = "headend.db"
[keys]
kek_file = "headend.kek"
[web]
listen = ""
"""
OFFICES = [f"Ranchi/Division {one}/Sub-division {two}" for one in range(1, 6) for two in range(1, 9)]
OBJECTIVE_MS = 150
MIDDLE = 10_050_000


def pages(meters):
    serial, consumer = f"{MIDDLE - 50_000 + meters // 2}", f"{20_000_000_000 + meters // 2}"
    return [
        "/console/",
        "/console/meters",
        "/console/meters?show=off",
        "/console/meters?show=stale_since",
        "/console/meters?page=20",
        "/console/meters?within=Ranchi/Division+3",
        f"/console/meters?q={serial[:7]}",
        "/console/meters?q=Consumer+99",
        f"/console/meters/{serial}",
        "/console/accounts",
        "/console/accounts?show=below_zero",
        "/console/accounts?sort=-negative_since",
        "/console/accounts?show=no_number",
        f"/console/accounts/{consumer}",
        "/console/cuts",
        "/console/commands",
        "/console/notices",
        "/console/events",
        "/console/work",
    ]


async def fill(headend, folder, meters):
    with (folder / "meters.csv").open("w") as out:
        out.write(
            "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone\n"
        )
        for n in range(meters):
            office = OFFICES[n % len(OFFICES)]
            out.write(
                f"{10_000_000 + n},LDN{n},,is15959-single-phase,tcp://127.0.0.1:1,1,,{office},,default,Asia/Kolkata\n"
            )
    with (folder / "consumers.csv").open("w") as out:
        out.write(
            "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance\n"
        )
        for n in range(meters):
            balance = -50 if n % 40 == 0 else 250
            out.write(
                f"{20_000_000_000 + n},Consumer {n},hi,{9_000_000_000 + n},domestic,{OFFICES[n % 40]},default,,"
                f"ledger,{10_000_000 + n},{balance}.00\n"
            )
    await headend.store.registry.import_meters(folder / "meters.csv")
    await headend.store.registry.import_consumers(folder / "consumers.csv")


async def collect(headend, meters, counted):
    """One visit a meter, again and again, judged and written as the collector writes them."""
    rules, gate = headend.setup.rules(), asyncio.Semaphore(64)

    async def visit(number):
        async with gate:
            at = headend.clock.now()
            record = VisitRecord(
                meter=f"{10_000_000 + number % meters}",
                started=at - timedelta(seconds=1),
                finished=at,
                outcome=Outcome.DONE,
                error=None,
            )
            await headend.store.fleet.record_visit(record, judge_visit(rules, record))
            counted[0] += 1

    number = 0
    while True:
        await asyncio.gather(*(visit(number + each) for each in range(64)))
        number += 64


async def logged_in(headend, client):
    officers = headend.store.officers
    await officers.add("bench", "", Role.ADMINISTRATOR, "", "bench")
    token = await headend.store.web_sessions.begin("console", "bench", timedelta(hours=1), timedelta(hours=1))
    client.cookies.set("headend-console", token, domain="127.0.0.1", path="/console")


async def times(client, path, count):
    spans = []
    for _ in range(count):
        started = perf_counter()
        answer = await client.get(path)
        spans.append((perf_counter() - started) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    return sorted(spans)


async def measure(meters, count):
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        (folder / "headend.toml").write_text(CONFIGURATION)
        create_kek_file(folder / "headend.kek")
        async with open_headend(load_settings(str(folder / "headend.toml"))) as headend:
            await fill(headend, folder, meters)
            async with AsyncTestClient(application(headend), base_url="http://127.0.0.1") as client:
                await logged_in(headend, client)
                counted = [0]
                collecting = asyncio.create_task(collect(headend, meters, counted))
                started = perf_counter()
                floor = await times(client, "/console/login", count)
                every = []
                print(f"{meters} meters, {os.cpu_count()} cores, {count} calls a page")
                print(f"{'page':44} {'p50 ms':>8} {'p95 ms':>8}")
                for path in pages(meters):
                    spans = await times(client, path, count)
                    every += spans
                    print(f"{path:44} {spans[len(spans) // 2]:8.1f} {quantiles(spans, n=20)[18]:8.1f}")
                rate = counted[0] / (perf_counter() - started)
                if collecting.done():
                    collecting.result()  # a round that failed measures nothing
                collecting.cancel()
                await asyncio.gather(collecting, return_exceptions=True)
    p95, base = quantiles(every, n=20)[18], floor[len(floor) // 2]
    verdict = "met" if p95 <= OBJECTIVE_MS else "MISSED"
    print(
        f"all pages p95 {p95:.1f} ms ({p95 / base:.1f} times the log in's p50), {rate:.0f} visits/s beside: {verdict}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(measure(given.meters, given.calls))
