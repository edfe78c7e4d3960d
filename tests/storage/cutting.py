"""Asks for a disconnect of each of many meters, together with another process that does the same.

Arguments: folder, name, meters, cap. It says `ready`, waits for a line, and then tells how each command came out.
"""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from store_making import START, Clock, cut, open_sqlite

from headend.commands.journal import Permit
from headend.prepaid.caps import Caps


async def main(folder, name, meters, cap):
    clock = Clock(START)
    caps = Caps(per_hour=int(cap), per_day=10**6, per_segment_hour=10**6)
    store = await open_sqlite(Path(folder), clock, caps=caps)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    numbers = range(1, int(meters) + 1)
    requests = [store.journal.request(cut(clock, number, cause=f"{name}-{number}")) for number in numbers]
    commands = await asyncio.gather(*requests)
    answers = await asyncio.gather(*(store.journal.begin_sending(command.id, clock.now, None) for command in commands))
    blocks = await asyncio.gather(*(store.counters.reserve("HED0000001", "setting", 7) for _ in range(20)))
    told = {
        "commands": [command.id for command in commands],
        "sent": [command.id for command, answer in zip(commands, answers, strict=True) if isinstance(answer, Permit)],
        "counters": [value for block in blocks for value in block],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
