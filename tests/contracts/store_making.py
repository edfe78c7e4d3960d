"""Meters, consumers, visits and judgements as the tests of the store need them."""

import asyncio
import csv
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from headend.commands.model import Evidence, NewCommand, Origin, Target
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading, Column, ProfileRow, ProfileRows, Reading, RelayState
from headend.notify.model import Notice, NoticeKind
from headend.prepaid.model import BalanceSource, EntryKind, Mode, NewEntry
from headend.prepaid.policy import Disconnect, Keep, Reason, Reconnect
from headend.scheduler.ports import Judgement, Outcome, VisitRecord
from headend.storage import Kek, Store, importconsumers

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
OFFICE = "Ranchi/Ranchi East/Kokar"
KEK = Kek(bytes(range(32)), "a test")

COLUMNS = (
    Column("voltage", "1.0.12.27.0.255", 2, -2, "V"),
    Column("block_energy", "1.0.1.29.0.255", 2, 0, "Wh"),
)


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, **span):
        self.now += timedelta(**span)
        return self.now


async def open_sqlite(folder, clock, **options):
    options.setdefault("kek", KEK)
    return await Store.open(folder / "headend.db", now=clock, **options)


async def copy_out(store, target):
    """Everything that the database holds, in a file."""
    if store.url is None:
        await store.backup(target)
        return
    await asyncio.to_thread(subprocess.run, ["pg_dump", "--inserts", "-f", str(target), store.url], check=True)


async def open_postgres(folder, clock, *, server, **options):
    options.setdefault("kek", KEK)
    return await Store.open(folder / "postgresql", now=clock, url=await server.database(folder), **options)


def meter(number=1, **changes):
    fields = {
        "serial": f"HED{number:07}",
        "logical_device_name": f"HEDLDN{number:08}",
        "model": "is15959-single-phase",
        "address": f"tcp://127.0.0.1:{4059 + number}",
        "office": OFFICE,
        "consumer_no": f"{10_000_000_000 + number}",
    }
    return Meter(**{**fields, **changes})


SERIAL = meter().serial
CONSUMER = meter().consumer_no

CONSUMER_HEADER = importconsumers.COLUMNS


def consumer_line(number=1, *, source=BalanceSource.LEDGER, opening="100.00", protected="", office=OFFICE):
    return [
        f"{10_000_000_000 + number}",
        f"Consumer {number:05}",
        "hi",
        f"{9_000_000_000 + number}",
        "domestic",
        office,
        "domestic",
        protected,
        source.value,
        f"HED{number:07}",
        opening,
    ]


def write_csv(path, header, lines):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *lines])
    return path


async def settle_in(store, folder, *, count=1, mode=Mode.AUTOMATIC, **consumer):
    """`count` meters, each with a consumer; the whole house in `mode`."""
    for number in range(1, count + 1):
        await store.registry.add_meter(meter(number))
    lines = [consumer_line(number, **consumer) for number in range(1, count + 1)]
    await store.registry.import_consumers(write_csv(folder / "consumers.csv", CONSUMER_HEADER, lines))
    await store.switches.set_mode("", mode, by="test")


def cut(clock, number=1, *, cause=None, origin=Origin.OPERATOR, minutes=60, **changes):
    return NewCommand(
        meter=f"HED{number:07}",
        target=Target.DISCONNECTED,
        cause=cause or f"cut:{clock.now.isoformat()}",
        origin=origin,
        reason="a test",
        requested_by="operator-1",
        requested_at=clock.now,
        expires_at=clock.now + timedelta(minutes=minutes),
        **changes,
    )


def restore(clock, number=1, *, cause=None, origin=Origin.OPERATOR):
    return NewCommand(
        meter=f"HED{number:07}",
        target=Target.CONNECTED,
        cause=cause or f"restore:{clock.now.isoformat()}",
        origin=origin,
        reason="a test",
        requested_by="operator-1",
        requested_at=clock.now,
        expires_at=clock.now + timedelta(minutes=60),
    )


def relay(clock, *, connected):
    return RelayState(connected=connected, control_state=int(connected), control_mode=4, read_at=clock.now)


def proof(clock, *, connected, sent=True):
    return Evidence(
        relay(clock, connected=not connected), relay(clock, connected=connected), sent=sent, note="read back"
    )


def reading(clock, value="1234.5", name="energy_import", unit="Wh", meter_time=None):
    number = Decimal(value) if isinstance(value, str) and value.lstrip("-").replace(".", "").isdigit() else value
    return Reading(name, "1.0.1.8.0.255", number, unit, clock.now, meter_time)


def rows(start, count, *, first=0, columns=COLUMNS, profile="block_load"):
    made = tuple(
        ProfileRow(start + timedelta(minutes=30 * i), bytes([i % 256]) * 12, (23000 + i + first, i))
        for i in range(count)
    )
    return ProfileRows(profile, columns, made)


def clock_reading(clock, deviation=2.0):
    return ClockReading(clock.now, clock.now, deviation, inverted_sign=True, raw=bytes(12))


def visit(clock, /, number=1, outcome=Outcome.DONE, error=None, **learned):
    return VisitRecord(
        meter=f"HED{number:07}",
        started=clock.now - timedelta(seconds=1),
        finished=clock.now,
        outcome=outcome,
        error=error,
        **learned,
    )


def keep(view, **changes):
    fields = {"entries": (), "mark": None, "notices": (), "command": None}
    return Judgement(**{**fields, "decision": Keep(Reason.IN_CREDIT, view.facts), **changes})


def disconnect(view, command, **changes):
    return keep(view, decision=Disconnect(Reason.NEGATIVE, view.facts), command=command, **changes)


def reconnect(view, command, **changes):
    return keep(view, decision=Reconnect(Reason.CREDIT_RESTORED, view.facts), command=command, **changes)


def energy(clock, paise, reference, consumer_no=CONSUMER):
    return NewEntry(consumer_no, EntryKind.ENERGY, paise, reference, clock.now)


def notice(clock, key, kind=NoticeKind.NEGATIVE, consumer_no=CONSUMER):
    return Notice(consumer_no, kind, key, clock.now, {"hi": "शेष राशि ऋणात्मक है", "en": "The balance is negative"})


async def events_of(store, kind):
    return [event for event in await store.events.events(0, 10_000) if event.kind == kind]
