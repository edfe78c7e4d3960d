"""Books payments until the disk says no: the size of files is limited in this process.

Arguments: folder, octets by which the database may still grow. Tells each acknowledged payment, then the two errors.
"""

import asyncio
import itertools
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from store_making import CONSUMER, START, Clock, open_sqlite

from headend.storage import StorageError


async def main(folder, growth):
    clock = Clock(START)
    store = await open_sqlite(Path(folder), clock)
    limit = (Path(folder) / "headend.db-wal").stat().st_size + int(growth)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for number in itertools.count():
            await store.accounts.recharge(CONSUMER, 100, f"P{number}", clock.now, "x" * 2000, None)
            sys.stdout.write(f"P{number}\n")
    except StorageError as error:
        sys.stdout.write(f"error {error}\n")
    try:
        await store.accounts.recharge(CONSUMER, 100, "late", clock.now, "desk", None)
    except StorageError as error:
        sys.stdout.write(f"error {error}\n")
    sys.stdout.write(f"read {await store.accounts.balance(CONSUMER)}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
