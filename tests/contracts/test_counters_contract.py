import asyncio

import pytest
from store_making import SERIAL, meter

from headend.storage import UnknownMeter


@pytest.fixture
async def counters(store):
    await store.registry.add_meter(meter(1))
    await store.registry.add_meter(meter(2))
    return store.counters


async def test_blocks_never_overlap_whoever_asks(counters):
    blocks = await asyncio.gather(*(counters.reserve(SERIAL, "setting", 64) for _ in range(20)))
    values = [value for block in blocks for value in block]
    assert len(values) == len(set(values)) == 20 * 64
    assert all(block.step == 1 and len(block) == 64 for block in blocks)


async def test_zero_is_never_used(counters):
    assert (await counters.reserve(SERIAL, "setting", 1)).start == 1


async def test_roles_and_meters_count_apart(counters):
    first = await counters.reserve(SERIAL, "setting", 8)
    assert await counters.reserve(SERIAL, "reader", 8) == first
    assert await counters.reserve(meter(2).serial, "setting", 8) == first


async def test_a_jump_moves_ahead_and_never_back(counters):
    await counters.jump(SERIAL, "setting", 5000)
    assert await counters.reserve(SERIAL, "setting", 10) == range(5000, 5010)
    await counters.jump(SERIAL, "setting", 100)
    assert (await counters.reserve(SERIAL, "setting", 10)).start == 5010


async def test_a_counter_never_wraps(counters):
    await counters.jump(SERIAL, "setting", 2**32 - 10)
    assert await counters.reserve(SERIAL, "setting", 10) == range(2**32 - 10, 2**32)
    with pytest.raises(Exception, match="used up"):
        await counters.reserve(SERIAL, "setting", 1)


async def test_received_starts_below_everything_and_only_rises(counters):
    assert await counters.received(SERIAL, "setting") == -1
    await counters.advance_received(SERIAL, "setting", 41)
    await counters.advance_received(SERIAL, "setting", 7)
    assert await counters.received(SERIAL, "setting") == 41
    assert await counters.received(SERIAL, "reader") == -1
    assert (await counters.reserve(SERIAL, "setting", 1)).start == 1


async def test_counters_survive_the_process(opened, clock):
    first = await opened()
    await first.registry.add_meter(meter(1))
    block = await first.counters.reserve(SERIAL, "setting", 64)
    await first.counters.advance_received(SERIAL, "setting", 9)
    await first.close()
    second = await opened()
    assert (await second.counters.reserve(SERIAL, "setting", 64)).start == block.stop
    assert await second.counters.received(SERIAL, "setting") == 9


async def test_two_processes_share_one_counter(opened):
    first, second = await opened(), await opened()
    await first.registry.add_meter(meter(1))
    blocks = await asyncio.gather(*(store.counters.reserve(SERIAL, "setting", 5) for store in (first, second) * 10))
    values = [value for block in blocks for value in block]
    assert len(values) == len(set(values))


async def test_a_meter_that_nobody_knows_has_no_counter(counters):
    for call in (
        counters.reserve("X", "setting", 1),
        counters.received("X", "setting"),
        counters.jump("X", "setting", 1),
    ):
        with pytest.raises(UnknownMeter):
            await call
