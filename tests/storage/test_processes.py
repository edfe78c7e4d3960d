"""Two processes on one database: caps, open commands and counters hold over both."""

import asyncio
import json

import pytest
from store_making import SERIAL, open_sqlite, settle_in

from headend.commands.model import State

METERS = 40
CAP = 12


@pytest.fixture
async def told(tmp_path, clock, program):
    """What two processes were told that asked for the same cuts at the same time."""
    store = await open_sqlite(tmp_path, clock)
    await settle_in(store, tmp_path, count=METERS)
    await store.close()
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(*program("cutting", tmp_path, name, METERS, CAP), stdin=pipe, stdout=pipe)
        for name in ("one", "two")
    ]
    for process in processes:
        assert await process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
    answers = [json.loads(await process.stdout.readline()) for process in processes]
    assert [await process.wait() for process in processes] == [0, 0]
    return answers


async def test_rules_hold_over_processes(told, tmp_path, clock):
    one, two = told
    store = await open_sqlite(tmp_path, clock)
    commands = await store.journal.commands(limit=1000)
    assert len(commands) == METERS
    assert {*one["commands"], *two["commands"]} == {command.id for command in commands}
    sent = one["sent"] + two["sent"]
    assert len(sent) == len(set(sent)) == CAP
    states = [command.state for command in commands]
    assert (states.count(State.SENDING), states.count(State.QUARANTINED)) == (CAP, METERS - CAP)
    counters = one["counters"] + two["counters"]
    assert len(counters) == len(set(counters)) == 280
    assert (await store.counters.reserve(SERIAL, "setting", 1)).start > max(counters)
    assert (await store.check()).ok
    await store.close()
