"""Accounts in the embedded store: judged many at a time and by a visit each, rows read and written durably."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from attrs import frozen

from headend.meters.reading import ClockReading, Reading, RelayState
from headend.notify.texts import default_texts
from headend.prepaid.model import Mode
from headend.prepaid.rules import default_policy, default_tariff
from headend.scheduler.judge import Rules, judge_standing, judge_visit
from headend.scheduler.ports import Outcome, VisitRecord
from headend.storage import Store
from headend.storage.importconsumers import COLUMNS as CONSUMER_COLUMNS
from headend.storage.importmeters import COLUMNS as METER_COLUMNS

NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
AT_ONCE = 256


@frozen
class Cost:
    """Seconds of CPU an account, and accounts a second of wall time: swept with rows new and repeated, and visited."""

    first: float
    again: float
    again_a_second: float
    visited: float
    visited_a_second: float


def cost(count: int) -> Cost:
    return asyncio.run(_cost(count))


async def _cost(count):
    now = NOW
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        meters, consumers = write_files(folder, count)
        store = await Store.open(folder / "bench.db", kek=None, now=lambda: now, armed=True)
        await store.registry.import_meters(meters)
        await store.registry.import_consumers(consumers)
        await store.switches.set_mode("", Mode.NOTIFY, by="bench")
        texts, policy, tariff = default_texts(), default_policy(), default_tariff()
        rules = Rules(lambda _: policy, lambda _: tariff, texts)
        first, _ = await _spent(_sweep_all(store, rules))  # nobody was judged before, and who is in debt is told
        await _judge_all(store, rules, count, now, 100_000)  # sets the marks
        now += timedelta(days=1)
        visited, visited_wall = await _spent(_judge_all(store, rules, count, now, 105_000))
        now += timedelta(hours=1)
        again, again_wall = await _spent(_sweep_all(store, rules))
        await store.close()
    return Cost(first / count, again / count, count / again_wall, visited / count, count / visited_wall)


async def _spent(work):
    """Seconds of CPU and of wall time that something takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return time.process_time() - cpu, time.perf_counter() - wall


async def _sweep_all(store, rules):
    judge, after = judge_standing(rules), ""
    while after is not None:
        after = (await store.sweeps.sweep(judge, after)).after


async def _judge_all(store, rules, count, now, energy):
    numbers = iter(range(count))

    async def some():
        for number in numbers:
            record = _record(number, now, energy)
            await store.fleet.record_visit(record, judge_visit(rules, record))

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def _record(number, now, energy):
    return VisitRecord(
        meter=_serial(number),
        started=now,
        finished=now,
        outcome=Outcome.DONE,
        error=None,
        readings=(Reading("energy_import", "1.0.1.8.0.255", Decimal(energy + number % 97), "Wh", now),),
        relay=RelayState(connected=True, control_state=1, control_mode=4, read_at=now),
        clock=ClockReading(now, now, 1.0, inverted_sign=True, raw=bytes(12)),
    )


def write_files(folder, count):
    meters, consumers = folder / "meters.csv", folder / "consumers.csv"
    with meters.open("w") as file:
        print(",".join(METER_COLUMNS), file=file)
        for number in range(count):
            office = f"Circle/Division {number % 50}/Sub-division {number % 500}"
            print(f"{_serial(number)},LDN{number:08},,m,tcp://127.0.0.1:4059,1,,{office},,,", file=file)
    with consumers.open("w") as file:
        print(",".join(CONSUMER_COLUMNS), file=file)
        for number in range(count):
            office = f"Circle/Division {number % 50}/Sub-division {number % 500}"
            opening = f"{number % 1200 - 200}.50" if number % 1200 >= 200 else f"-{200 - number % 1200}.50"
            cells = (10_000_000_000 + number, "Consumer", "hi", "", "domestic", office, "default", "", "ledger")
            print(",".join(map(str, cells)), _serial(number), opening, sep=",", file=file)
    return meters, consumers


def _serial(number):
    return f"HED{number:07}"
