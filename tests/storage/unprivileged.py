"""Opens a database as a user who may not write it, and tells the error. Arguments: folder, user id."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from store_making import START, Clock, open_sqlite

from headend.storage import StorageError


async def main(folder, user):
    with tempfile.TemporaryDirectory() as own:
        await (await open_sqlite(Path(own), Clock(START))).close()  # everything is imported before the user changes
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    try:
        await open_sqlite(Path(folder), Clock(START))
    except StorageError as error:
        sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
