"""A whole embedded database goes to PostgreSQL, and the store goes on there as if nothing had happened."""

import asyncio
import sqlite3

import asyncpg
import pytest
from store_making import (
    CONSUMER,
    KEK,
    SERIAL,
    cut,
    energy,
    keep,
    meter,
    notice,
    open_postgres,
    open_sqlite,
    reading,
    rows,
    settle_in,
    visit,
)

from headend.storage import Store
from headend.storage.errors import StorageError
from headend.storage.postgres import moving

METERS = 30


@pytest.fixture
async def lived(tmp_path, clock):
    """A database of a house in which something has happened: visits, rows, money, commands, keys, counters."""
    store = await open_sqlite(tmp_path, clock, armed=True)
    await settle_in(store, tmp_path, count=METERS)
    for number in range(1, METERS + 1):
        serial = meter(number).serial
        record = visit(clock, number, readings=(reading(clock),), profiles=(rows(clock.now, 48, first=number),))
        await store.fleet.record_visit(
            record,
            lambda view: keep(
                view,
                entries=(energy(clock, -1250, f"e:{view.facts.account.consumer_no}", view.facts.account.consumer_no),),
                notices=(
                    notice(clock, f"n:{view.facts.account.consumer_no}", consumer_no=view.facts.account.consumer_no),
                ),
            ),
        )
        await store.counters.reserve(serial, "reader", 3)
    await store.journal.request(cut(clock, 7))
    yield store
    await store.close()


async def _moved(store, url, **options):
    path = store.path
    await store.close()
    told = []
    found = await asyncio.to_thread(moving.move, path, url, lambda *each: told.append(each), **options)
    return found, told


async def test_everything_is_there_and_goes_on(lived, tmp_path, clock, postgresql):
    before = await _what_it_knows(lived)
    used = await lived.counters.reserve(SERIAL, "reader", 1)
    url = await postgresql.database(tmp_path)
    found, told = await _moved(lived, url)
    assert not found.resumed
    assert sum(found.tables.values()) > METERS * 48
    assert told[-1][1] == told[-1][2]
    store = await open_postgres(tmp_path, clock, server=postgresql, armed=True)
    assert await _what_it_knows(store) == before
    assert (await store.check()).ok
    assert (await store.counters.reserve(SERIAL, "reader", 1)).start >= used.stop
    # Triggers and references are back: a ledger that is changed, or one of nobody, is refused.
    record = visit(clock, 1, readings=(reading(clock, "1300"),), profiles=(rows(clock.forward(days=1), 4),))
    await store.fleet.record_visit(record, lambda view: keep(view, entries=(energy(clock, -5, "later"),)))
    assert await store.accounts.balance(CONSUMER) == before["balance"] - 5
    await store.close()


async def test_an_interrupted_move_goes_on_where_it_ended(lived, tmp_path, clock, postgresql, monkeypatch):
    monkeypatch.setattr(moving, "_BATCH", 50)
    url = await postgresql.database(tmp_path)
    path = lived.path
    await lived.close()

    def lost(_, done, total):
        if total > 200 and done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(moving.move, path, url, lost)
    seen = []
    found = await asyncio.to_thread(moving.move, path, url, lambda *each: seen.append(each))
    assert found.resumed
    assert (seen[0][1], seen[0][2]) != (0, seen[0][2]), "the first table is not begun anew"
    store = await open_postgres(tmp_path, clock, server=postgresql, armed=True)
    assert (await store.check()).ok
    await store.close()


async def test_a_source_written_to_meanwhile_needs_a_restart(lived, tmp_path, clock, postgresql):
    url, path = await postgresql.database(tmp_path), lived.path
    await lived.close()

    def lost(_name, _done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(moving.move, path, url, lost)
    again = await open_sqlite(tmp_path, clock)
    await again.registry.add_meter(meter(METERS + 1))
    await again.close()
    with pytest.raises(StorageError, match="--restart"):
        await asyncio.to_thread(moving.move, path, url, lambda *_: None)
    found = await asyncio.to_thread(lambda: moving.move(path, url, lambda *_: None, restart=True))
    assert found.tables["meters"] == METERS + 1


async def test_a_moved_file_is_not_opened_again(lived, tmp_path, clock, postgresql):
    await _moved(lived, await postgresql.database(tmp_path))
    with pytest.raises(StorageError, match="was moved to postgresql://headend@127"):
        await Store.open(tmp_path / "headend.db", kek=KEK, now=clock)


async def test_a_database_in_use_is_no_target(lived, tmp_path, clock, postgresql):
    url = await postgresql.database(tmp_path)
    other = await open_postgres(tmp_path, clock, server=postgresql)
    await other.registry.add_meter(meter(99))
    await other.close()
    with pytest.raises(StorageError, match="name an empty one"):
        await _moved(lived, url)
    with sqlite3.connect(lived.path) as source:
        assert source.execute("SELECT count(*) FROM meters").fetchone() == (METERS,)
        assert source.execute("SELECT count(*) FROM meta WHERE name = 'moved_to'").fetchone() == (0,)


async def _what_it_knows(store):
    return {
        "meters": await store.fleet.meters(),
        "balance": await store.accounts.balance(CONSUMER),
        "ledger": await store.accounts.ledger(CONSUMER),
        "last row": await store.fleet.last_row(SERIAL, "block_load"),
        "commands": await store.journal.open_for(meter(7).serial),
        "events": await store.events.events(0, 10_000),
    }


async def test_a_row_that_differs_is_found(lived, tmp_path, postgresql):
    url, path = await postgresql.database(tmp_path), lived.path
    await lived.close()
    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(moving.move, path, url, _stopped_after("ledger"))
    session = await asyncpg.connect(url)
    await session.execute("UPDATE ledger SET amount = amount + 1 WHERE id = (SELECT max(id) FROM ledger)")
    await session.close()
    with pytest.raises(StorageError, match="table ledger differs"):
        await asyncio.to_thread(moving.move, path, url, lambda *_: None)
    with sqlite3.connect(path) as source:
        assert source.execute("SELECT count(*) FROM meta WHERE name = 'moved_to'").fetchone() == (0,)


def _stopped_after(table):
    def told(name, done, total):
        if name == table and done == total:
            raise KeyboardInterrupt

    return told
