import asyncio

import pytest
from store_making import KEK, SERIAL, START, Clock, Kek, cut, events_of, meter, restore, rows, settle_in, visit

from headend.commands.model import State
from headend.storage import KekError, StorageError, Store


async def restored(path, clock, **options):
    return await Store.open(path, kek=KEK, now=clock, **options)


async def test_a_backup_is_whole_while_everything_runs(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=3)
    writes = [store.fleet.record_visit(visit(clock, number, profiles=(rows(START, 48),)), None) for number in (1, 2, 3)]
    await asyncio.gather(store.backup(tmp_path / "copy.db"), *writes)
    assert not list(tmp_path.glob("copy.db-*")) + list(tmp_path.glob("copy.db.*"))
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    copy = await restored(tmp_path / "copy.db", clock)
    assert (await copy.check()).ok
    assert len(await copy.fleet.meters()) == 3
    await copy.close()


async def test_a_backup_replaces_nothing(store, tmp_path):
    target = tmp_path / "there"
    target.write_text("precious")
    with pytest.raises(StorageError, match="replaces nothing"):
        await store.backup(target)
    assert target.read_text() == "precious"
    with pytest.raises(StorageError, match="nowhere"):
        await store.backup(tmp_path / "nowhere" / "copy.db")


async def test_a_restore_is_recognised_once_and_comes_up_disarmed(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=3)
    taken_at = clock.now
    waiting = await store.journal.request(cut(clock, 1))
    sending = await store.journal.request(cut(clock, 2))
    await store.journal.begin_sending(sending.id, clock.now, None)
    reconnect = await store.journal.request(restore(clock, 3))
    await store.backup(tmp_path / "copy.db")
    assert await store.switches.armed()

    clock.forward(days=3)
    copy = await restored(tmp_path / "copy.db", clock, armed=True)
    assert copy.restored_from == taken_at
    assert not await copy.switches.armed()
    states = [(await copy.journal.command(one.id)).state for one in (waiting, sending, reconnect)]
    assert states == [State.QUARANTINED, State.UNKNOWN, State.REQUESTED]
    assert len(await events_of(copy, "store.restored")) == 1
    assert (await copy.check()).ok
    await copy.close()

    again = await restored(tmp_path / "copy.db", clock, armed=True)
    assert again.restored_from is None
    assert await again.switches.armed()
    await again.close()


async def test_no_counter_is_reused_after_a_restore(store, tmp_path, clock):
    await store.registry.add_meter(meter(1))
    await store.registry.add_meter(meter(2))
    await store.counters.reserve(SERIAL, "setting", 64)
    await store.backup(tmp_path / "copy.db")
    used = await store.counters.reserve(SERIAL, "setting", 4096)
    first_use = await store.counters.reserve(meter(2).serial, "setting", 4096)
    copy = await restored(tmp_path / "copy.db", clock)
    assert (await copy.counters.reserve(SERIAL, "setting", 1)).start >= used.stop
    assert (await copy.counters.reserve(meter(2).serial, "setting", 1)).start >= first_use.stop
    await copy.close()


async def test_a_backup_of_a_restored_house_jumps_again(store, tmp_path, clock):
    await store.registry.add_meter(meter(1))
    await store.backup(tmp_path / "one.db")
    one = await restored(tmp_path / "one.db", clock)
    start = (await one.counters.reserve(SERIAL, "setting", 1)).start
    await one.backup(tmp_path / "two.db")
    await one.close()
    two = await restored(tmp_path / "two.db", clock)
    assert (await two.counters.reserve(SERIAL, "setting", 1)).start > start
    await two.close()


async def test_a_backup_needs_the_key_that_is_not_in_it(store, tmp_path):
    await store.backup(tmp_path / "copy.db")
    with pytest.raises(KekError):
        await Store.open(tmp_path / "copy.db", kek=Kek(b"x" * 32, "a guess"), now=Clock(START))
