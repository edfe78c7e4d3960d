import asyncio

import pytest

from headend.storage import StorageError
from headend.storage.readers import Readers
from headend.storage.sqlite import connect_writer


@pytest.fixture
async def readers(tmp_path):
    path = tmp_path / "r.db"
    database = connect_writer(path)
    database.conn.execute("CREATE TABLE kept (value INTEGER PRIMARY KEY)")
    database.conn.executemany("INSERT INTO kept VALUES (?)", [(value,) for value in range(10)])
    started = Readers(path)
    yield started
    await started.close()
    database.close()


def one(value):
    return lambda connection: connection.execute("SELECT value FROM kept WHERE value = ?", (value,)).fetchone()


class Snapshots:
    """Counts the snapshots that are taken."""

    def __init__(self, readers, monkeypatch):
        self.count = 0
        taken = Readers._snapshot

        def counted(itself, query):
            self.count += 1
            return taken(itself, query)

        monkeypatch.setattr(Readers, "_snapshot", counted)


async def test_looks_of_one_moment_share_one_snapshot_and_get_their_own_rows(readers, monkeypatch):
    snapshots = Snapshots(readers, monkeypatch)
    found = await asyncio.gather(*(readers.look(one(value)) for value in range(12)))
    assert found == [(value,) for value in range(10)] + [None, None]
    assert snapshots.count == 1


async def test_what_is_asked_for_while_a_look_is_on_its_way_goes_with_the_next(readers):
    first = asyncio.ensure_future(readers.look(one(1)))
    await asyncio.sleep(0)
    second = [asyncio.ensure_future(readers.look(one(value))) for value in (2, 3)]
    assert await first == (1,)
    assert await asyncio.gather(*second) == [(2,), (3,)]
    assert await readers.look(one(4)) == (4,)


async def test_a_look_that_fails_takes_nothing_else_with_it(readers):
    def defect(_):
        raise KeyError("a defect")

    def wrong(connection):
        return connection.execute("SELECT nothing FROM nowhere").fetchone()

    found = await asyncio.gather(
        *(readers.look(query) for query in (one(1), defect, one(2), wrong, one(3))), return_exceptions=True
    )
    assert [found[0], found[2], found[4]] == [(1,), (2,), (3,)]
    assert isinstance(found[1], KeyError)
    assert isinstance(found[3], StorageError)
    assert str(readers.path) in str(found[3])


async def test_who_gave_up_is_not_waited_for(readers):
    given_up = asyncio.ensure_future(readers.look(one(1)))
    stays = asyncio.ensure_future(readers.look(one(2)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await stays == (2,)


async def test_after_the_end_a_look_is_refused(readers):
    waiting = asyncio.ensure_future(readers.look(one(1)))
    await asyncio.sleep(0)
    await readers.close()
    assert await asyncio.gather(waiting, return_exceptions=True)
    with pytest.raises(StorageError, match="closed"):
        await readers.look(one(1))
