"""Writes as fast as it can and tells on stdout what was acknowledged; it is killed in the middle of it.

Arguments: database, seed. Each line is a kind and its values: `block first end`, `payment id amount`, `row hundredths`,
`command id`, `event number`.
"""

import asyncio
import itertools
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from store_making import CONSUMER, SERIAL, Clock, cut, meter, open_sqlite, restore, rows, visit

from headend.prepaid.caps import Caps

ROOMY = Caps(per_hour=10**9, per_day=10**9, per_segment_hour=10**9)


def told(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def blocks(store):
    while True:
        block = await store.counters.reserve(SERIAL, "setting", 64)
        told("block", block.start, block.stop)


async def payments(store, clock, name):
    for number in itertools.count():
        result = await store.accounts.recharge(CONSUMER, 100 + number, f"{name}-{number}", clock.now, "desk", None)
        told("payment", f"{name}-{number}", result.entry.amount)


async def visits(store, clock, start):
    for number in itertools.count():
        piece = rows(start + timedelta(days=number), 48)
        await store.fleet.record_visit(visit(clock, 1, profiles=(piece,)), None)
        told("row", piece.rows[-1].time.isoformat())


async def commands(store, clock, name):
    for left in await store.journal.open_for(meter(2).serial):  # by the process that was killed before
        await store.journal.cancel(left.id, clock.now, "test", "left over")
    for number in itertools.count():
        make = cut if number % 2 == 0 else restore
        command = await store.journal.request(make(clock, 2, cause=f"{name}-{number}"))
        told("command", command.id)
        if number % 2:
            await store.journal.cancel(command.id, clock.now, "test", "over")


async def main(folder, seed):
    chance = random.Random(seed)
    clock = Clock(datetime(2026, 3, 2, 6, 0, tzinfo=UTC))
    store = await open_sqlite(Path(folder), clock, caps=ROOMY)
    name = f"{seed}-{chance.randrange(10**9)}"
    start = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=100 * int(seed))
    tasks = [payments(store, clock, name), visits(store, clock, start), commands(store, clock, name)]
    await asyncio.gather(*tasks, *(blocks(store) for _ in range(4)))


if __name__ == "__main__":
    assert meter(1).serial == SERIAL
    asyncio.run(main(*sys.argv[1:]))
