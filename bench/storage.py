"""What the embedded store commits, against raw sqlite3 doing the same rows with `executemany` in the same run.

Every figure is durable: WAL, synchronous=FULL, and the clock stops after the commit. A meter-day is 48 rows of 7
values, as a block load profile is captured; a visit brings a meter-day, 5 registers, relay, clock and balance, and is
judged.
"""

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from _figures import Figure, options, report
from sqlite_utils import utils

from headend.commands.model import NewCommand, Origin, Target
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading, Column, ProfileRow, ProfileRows, Reading, RelayState
from headend.prepaid.model import Mode
from headend.prepaid.policy import Keep, Reason
from headend.scheduler.ports import Judgement, Outcome, VisitRecord
from headend.storage import Store

START = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
VALUES = 7
ROWS = 48
COLUMNS = tuple(
    Column(name, obis, 2, exponent, unit)
    for name, obis, exponent, unit in (
        ("voltage", "1.0.12.27.0.255", -2, "V"),
        ("import_wh", "1.0.1.29.0.255", 0, "Wh"),
        ("import_vah", "1.0.9.29.0.255", 0, "VAh"),
        ("export_wh", "1.0.2.29.0.255", 0, "Wh"),
        ("export_vah", "1.0.10.29.0.255", 0, "VAh"),
        ("current", "1.0.11.27.0.255", -2, "A"),
        ("health", "0.0.96.10.1.255", 0, ""),
    )
)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


def serial(number):
    return f"HED{number:07}"


def consumer_no(number):
    return f"{10_000_000_000 + number}"


def octets(moment):
    """The DLMS date-time of a row, 12 octets."""
    day = bytes([moment.year >> 8, moment.year & 255, moment.month, moment.day, moment.isoweekday()])
    return day + bytes([moment.hour, moment.minute, moment.second, 0, 0xFE, 0xB6, 0])


def meter_day(number, day):
    """48 rows that differ as those of a real meter do."""
    rows = []
    for slot in range(ROWS):
        moment = START + timedelta(days=day, minutes=30 * slot)
        wobble = (number * 7919 + day * 104_729 + slot * 31) % 997
        values = (23_000 + wobble, 100 + wobble, 110 + wobble, 0, 0, 400 + wobble, 0)
        rows.append(ProfileRow(moment, octets(moment), values))
    return ProfileRows("block_load", COLUMNS, tuple(rows))


def visit(clock, number, *, day=0, profiles=()):
    now = clock.now
    names = ("energy_import", "energy_apparent", "voltage", "current", "power")
    readings = tuple(
        Reading(name, f"1.0.{index}.8.0.255", Decimal(12_345 + number + day), "Wh", now)
        for index, name in enumerate(names)
    )
    return VisitRecord(
        meter=serial(number),
        started=now,
        finished=now,
        outcome=Outcome.DONE,
        error=None,
        readings=readings,
        profiles=profiles,
        relay=RelayState(connected=True, control_state=1, control_mode=4, read_at=now),
        clock=ClockReading(now, now, 1.0, inverted_sign=True, raw=octets(now)),
        balance=100_00,
        balance_at=now,
    )


def keep(view):
    return Judgement((), None, Keep(Reason.IN_CREDIT, view.facts), (), None)


async def fleet(folder, meters):
    """A store with so many meters, each with a consumer."""
    clock = Clock()
    store = await Store.open(Path(folder) / "bench.db", kek=None, now=clock, armed=True)
    header = "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance"
    lines = [header]
    adds = []
    for number in range(meters):
        meter = Meter(serial(number), f"LDN{number}", "m", "tcp://127.0.0.1:4059", consumer_no=consumer_no(number))
        adds.append(store.registry.add_meter(meter))
        lines.append(f"{consumer_no(number)},C,en,,domestic,Office,t,,ledger,{serial(number)},100.00")
    await asyncio.gather(*adds)
    file = Path(folder) / "consumers.csv"
    file.write_text("\n".join(lines))
    await store.registry.import_consumers(file)
    await store.switches.set_mode("", Mode.AUTOMATIC, by="bench")
    return store, clock


async def interval_rows(meters, days):
    """Meter-days written as a collection round writes them: many visits at once, one meter-day each."""
    with tempfile.TemporaryDirectory() as folder:
        store, clock = await fleet(folder, meters)
        before = size(folder)
        records = []
        for day in range(days):
            clock.now = START + timedelta(days=day + 1)
            records.append([bare(clock, number, day) for number in range(meters)])
        started = time.perf_counter()
        for batch in records:
            await asyncio.gather(*(store.fleet.record_visit(record, None) for record in batch))
        seconds = time.perf_counter() - started
        await store.close()
        grown = size(folder) - before
    rows = meters * days * ROWS
    return rows / seconds, grown / (rows * VALUES)


def bare(clock, number, day):
    """A visit that brings a meter-day and nothing else, so that the figure is about rows."""
    return VisitRecord(serial(number), clock.now, clock.now, Outcome.DONE, None, profiles=(meter_day(number, day),))


def size(folder):
    return sum(file.stat().st_size for file in Path(folder).glob("bench.db*"))


def raw_rows(meters, days, *, wide):
    """The floor: the same rows by `executemany` into the same table, a transaction a day of the fleet."""
    sqlite3 = vars(utils)["sqlite3"]
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        batches = [list(raw_values(meters, day, wide=wide)) for day in range(days)]
        if wide:
            names = ", ".join(f"v{index}" for index in range(VALUES))
            connection.execute(
                f"CREATE TABLE r (meter INTEGER, time INTEGER, clock BLOB, visit INTEGER, {names},"
                " PRIMARY KEY (meter, time)) WITHOUT ROWID"
            )
            insert = f"INSERT INTO r VALUES ({', '.join('?' * (4 + VALUES))})"
        else:
            connection.execute("CREATE TABLE r (meter TEXT, time TEXT, name TEXT, value REAL)")
            connection.execute("CREATE UNIQUE INDEX k ON r (meter, time, name)")
            insert = "INSERT INTO r VALUES (?, ?, ?, ?)"
        started = time.perf_counter()
        for batch in batches:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, batch)
            connection.execute("COMMIT")
        seconds = time.perf_counter() - started
        connection.close()
        octets_a_value = (Path(folder) / "raw.db").stat().st_size / (meters * days * ROWS * VALUES)
    return meters * days * ROWS / seconds, octets_a_value


def raw_values(meters, day, *, wide):
    for number in range(meters):
        for row in meter_day(number, day).rows:
            if wide:
                yield (number, int(row.time.timestamp() * 100), row.clock, day, *row.values)
            else:
                for column, value in zip(COLUMNS, row.values, strict=True):
                    yield (serial(number), row.time.isoformat(), column.name, value)


async def visits(meters, rounds, at_once):
    """Whole visits: 5 registers, relay, clock, balance, a meter-day, judged inside the transaction."""
    with tempfile.TemporaryDirectory() as folder:
        store, clock = await fleet(folder, meters)
        records = []
        for day in range(rounds):
            clock.now = START + timedelta(days=day + 1)
            records += [visit(clock, number, day=day, profiles=(meter_day(number, day),)) for number in range(meters)]
        queue = list(reversed(records))

        async def collector():
            while queue:
                await store.fleet.record_visit(queue.pop(), keep)

        cpu = time.process_time()
        started = time.perf_counter()
        await asyncio.gather(*(collector() for _ in range(at_once)))
        seconds = time.perf_counter() - started
        cpu = time.process_time() - cpu
        await store.close()
    return len(records) / seconds, cpu / len(records)


async def journal_latency(count):
    """Milliseconds from asking for a reconnect to the permit to send it: two durable commits, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        store, clock = await fleet(folder, count)
        taken = []
        for number in range(count):
            new = NewCommand(
                serial(number),
                Target.CONNECTED,
                "bench",
                Origin.OPERATOR,
                "bench",
                "bench",
                clock.now,
                clock.now + timedelta(hours=1),
            )
            started = time.perf_counter()
            command = await store.journal.request(new)
            await store.journal.begin_sending(command.id, clock.now, None)
            taken.append((time.perf_counter() - started) * 1000)
        await store.close()
    return statistics.median(taken), sorted(taken)[int(len(taken) * 0.99)]


def sync_latency(count):
    """The floor: milliseconds for two commits of one small row."""
    sqlite3 = vars(utils)["sqlite3"]
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, state TEXT)")
        taken = []
        for number in range(count):
            started = time.perf_counter()
            connection.execute("INSERT INTO c VALUES (?, 'requested')", (number,))
            connection.execute("UPDATE c SET state = 'sending' WHERE id = ?", (number,))
            taken.append((time.perf_counter() - started) * 1000)
        connection.close()
    return statistics.median(taken)


async def measure(*, quick):
    meters, days = (100, 5) if quick else (500, 20)
    raw, raw_octets = await asyncio.to_thread(raw_rows, meters, days, wide=True)
    _, naive_octets = await asyncio.to_thread(raw_rows, max(1, meters // 10), days, wide=False)
    rows, octets_a_value = await interval_rows(meters, days)
    found = [
        Figure("interval rows committed", rows, "rows/s", "raw executemany", rows / raw),
        Figure("interval values committed", rows * VALUES, "values/s", "200,000 a second", rows * VALUES / 2e5, ">= 1"),
        Figure(
            "octets an interval value, index included", octets_a_value, "octets", "8 octets", octets_a_value / 8, "<= 1"
        ),
        Figure("the same in the wide table, raw", raw_octets, "octets", "", None),
        Figure("the same in a narrow table with its index", naive_octets, "octets", "", None),
    ]
    for at_once in (1, 64):
        rate, cpu = await visits(meters, 2 if quick else 4, at_once)
        found.append(Figure(f"visits committed, {at_once} at once", rate, "visits/s"))
        found.append(Figure(f"CPU of a visit, {at_once} at once", cpu * 1e6, "us"))
    floor = await asyncio.to_thread(sync_latency, 100 if quick else 500)
    median, p99 = await journal_latency(100 if quick else 500)
    found.append(Figure("reconnect, request to permit, median", median, "ms", "two raw commits", median / floor))
    found.append(Figure("reconnect, request to permit, p99", p99, "ms", "two raw commits", p99 / floor))
    return found


if __name__ == "__main__":
    chosen = options()
    report(asyncio.run(measure(quick=chosen.quick)), as_json=chosen.json)
