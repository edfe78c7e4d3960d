"""Kill -9 in the middle of commits: nothing that was acknowledged is lost, and no counter is given out twice."""

import asyncio
import random
import signal
from datetime import datetime, timedelta

import pytest
from store_making import CONSUMER, SERIAL, meter, open_sqlite, settle_in


class Acknowledged:
    def __init__(self):
        self.blocks, self.payments, self.rows, self.commands = [], {}, [], []

    def take(self, line):
        kind, *values = line.split()
        match kind:
            case "block":
                self.blocks.append(range(*map(int, values)))
            case "payment":
                self.payments[values[0]] = int(values[1])
            case "row":
                self.rows.append(datetime.fromisoformat(values[0]))
            case "command":
                self.commands.append(int(values[0]))


async def write_and_kill(arguments, acknowledged, count):
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    for _ in range(count):
        line = (await process.stdout.readline()).decode()
        assert line, "the writing process ended by itself"
        acknowledged.take(line)
    process.send_signal(signal.SIGKILL)
    # What it still managed to say before it died was acknowledged too; a last line may be cut off.
    rest = (await process.stdout.read()).decode()
    for line in rest[: rest.rfind("\n") + 1].splitlines():
        acknowledged.take(line)
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("seed", "rounds"), [(1, 4), pytest.param(2, 60, marks=pytest.mark.nightly)])
async def test_nothing_acknowledged_is_lost_and_no_counter_is_reused(tmp_path, clock, program, seed, rounds):
    chance = random.Random(seed)
    store = await open_sqlite(tmp_path, clock)
    await settle_in(store, tmp_path, count=2)
    await store.close()
    acknowledged = Acknowledged()
    for round_number in range(rounds):
        arguments = program("acknowledging", tmp_path, 100 * seed + round_number)
        await write_and_kill(arguments, acknowledged, chance.randrange(1, 120))
        await look(tmp_path, clock, acknowledged)


async def look(folder, clock, acknowledged):
    store = await open_sqlite(folder, clock)
    report = await store.check()
    assert report.ok, report.findings
    values = [value for block in acknowledged.blocks for value in block]
    assert len(values) == len(set(values))
    following = await store.counters.reserve(SERIAL, "setting", 1)
    assert not values or following.start > max(values)
    acknowledged.blocks.append(following)
    booked = {entry.reference: entry.amount for entry in await store.accounts.ledger(CONSUMER, 10**6)}
    assert acknowledged.payments.items() <= booked.items()
    assert await store.accounts.balance(CONSUMER) == sum(booked.values())
    for last in acknowledged.rows:
        pieces = await store.fleet.rows(
            SERIAL, "block_load", last - timedelta(hours=23, minutes=30), last + timedelta(seconds=1)
        )
        assert sum(len(piece.rows) for piece in pieces) == 48
    journalled = {command.id for command in await store.journal.commands(meter=meter(2).serial, limit=10**6)}
    assert set(acknowledged.commands) <= journalled
    await store.close()
