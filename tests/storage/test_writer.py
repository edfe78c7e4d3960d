import asyncio
import threading

import pytest

from headend.storage import StorageError
from headend.storage.sqlite import connect_writer
from headend.storage.writer import Writer


class Counted:
    """A connection that counts commits, and fails a statement on request."""

    def __init__(self, connection):
        self._connection = connection
        self.commits = 0
        self.fails = {}

    def execute(self, statement, *parameters):
        if statement in self.fails:
            raise self.fails[statement]
        self.commits += statement == "COMMIT"
        return self._connection.execute(statement, *parameters)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.fixture
async def writer(tmp_path):
    path = tmp_path / "w.db"
    database = connect_writer(path)
    database.conn.execute("CREATE TABLE kept (value INTEGER PRIMARY KEY)")
    database.conn = Counted(database.conn)
    started = Writer(database, path)
    started.start()
    yield started
    await started.close()


def put(value):
    return lambda connection: connection.execute("INSERT INTO kept VALUES (?)", (value,)).lastrowid


def values(connection):
    return [value for (value,) in connection.execute("SELECT value FROM kept ORDER BY value")]


class Held:
    """A unit that keeps the writer busy until it is let go."""

    def __init__(self):
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, connection):
        self.entered.set()
        self.let_go.wait(30)


async def while_busy(writer, units, *, calm=False):
    """Queue `units` while the writer is busy, then let it go on."""
    held = Held()
    first = asyncio.ensure_future(writer.run(held))
    await asyncio.to_thread(held.entered.wait, 30)
    waiting = [asyncio.ensure_future(writer.run(unit, calm=calm)) for unit in units]
    waiting.append(asyncio.ensure_future(writer.run(lambda _: None)))  # ends the wait of calm ones at once
    await asyncio.sleep(0)  # each task puts its unit into the queue
    writer.database.conn.commits = 0
    held.let_go.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.gather(first, return_exceptions=True)
    return results[:-1]


async def test_what_waits_shares_one_transaction_in_the_order_of_asking(writer):
    results = await while_busy(writer, [put(value) for value in (5, 3, 9, 1)])
    assert results == [5, 3, 9, 1]
    assert writer.database.conn.commits == 1
    assert await writer.run(values) == [1, 3, 5, 9]


async def test_a_unit_that_fails_takes_nothing_else_with_it(writer):
    def half(connection):
        put(2)(connection)
        raise KeyError("a defect")

    results = await while_busy(writer, [put(1), half, put(1), put(3)])
    assert results[0] == 1
    assert isinstance(results[1], KeyError)
    assert isinstance(results[2], StorageError)
    assert results[3] == 3
    assert writer.database.conn.commits == 1
    assert await writer.run(values) == [1, 3]


async def test_a_calm_unit_that_fails_takes_nothing_else_with_it(writer):
    def half(connection):
        put(2)(connection)
        raise KeyError("a defect")

    results = await while_busy(writer, [put(1), half, put(1), put(3)], calm=True)
    assert results[0] == 1
    assert isinstance(results[1], KeyError)
    assert isinstance(results[2], StorageError)
    assert results[3] == 3
    assert writer.database.conn.commits == 1
    assert await writer.run(values) == [1, 3]


async def test_calm_units_share_one_transaction_in_the_order_of_asking(writer):
    results = await while_busy(writer, [put(value) for value in (5, 3, 9, 1)], calm=True)
    assert results == [5, 3, 9, 1]
    assert writer.database.conn.commits == 1


async def test_calm_units_wait_for_each_other_and_share_one_transaction(writer):
    results = await asyncio.gather(*(writer.run(put(value), calm=True) for value in (5, 3, 9, 1)))
    assert results == [5, 3, 9, 1]
    assert writer.database.conn.commits == 1
    assert writer.waiting == 0


async def test_a_calm_unit_alone_is_written_without_anybody_joining_it(writer):
    assert await writer.run(put(7), calm=True) == 7
    assert await writer.run(values) == [7]


async def test_close_finishes_calm_units_too(writer):
    waiting = [asyncio.ensure_future(writer.run(put(value), calm=True)) for value in range(50)]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*waiting) == list(range(50))


async def test_nobody_is_answered_when_the_commit_fails(writer):
    full = writer_error("disk is full", 13)
    writer.database.conn.fails["COMMIT"] = full
    results = await while_busy(writer, [put(1), put(2)])
    assert all(isinstance(result, StorageError) for result in results)
    assert "free space" in str(results[0])
    writer.database.conn.fails.clear()
    assert await writer.run(values) == []
    assert await writer.run(put(1)) == 1


@pytest.mark.parametrize("code", [10, 1034, 266, 11, 26], ids=["ioerr", "fsync", "read", "corrupt", "notadb"])
async def test_after_a_failure_of_the_disk_nothing_is_written_any_more(writer, code):
    writer.database.conn.fails["COMMIT"] = writer_error("disk I/O error", code)
    with pytest.raises(StorageError, match="no more is written"):
        await writer.run(put(1))
    writer.database.conn.fails.clear()
    for _ in range(2):
        with pytest.raises(StorageError, match="no more is written until headend is started again"):
            await writer.run(put(2))
    assert values(writer.database.conn) == []


async def test_an_error_says_file_cause_and_way_out(writer):
    writer.database.conn.fails["BEGIN IMMEDIATE"] = writer_error("attempt to write a readonly database", 8)
    with pytest.raises(StorageError) as told:
        await writer.run(put(1))
    assert str(writer.path) in str(told.value)
    assert "readonly" in str(told.value)
    assert "check the owner and mode" in str(told.value)


async def test_a_caller_that_gave_up_while_waiting_changes_nothing(writer):
    held = Held()
    first = asyncio.ensure_future(writer.run(held))
    await asyncio.to_thread(held.entered.wait, 30)
    given_up = asyncio.ensure_future(writer.run(put(1)))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    held.let_go.set()
    await first
    assert await writer.run(values) == []


async def test_close_finishes_what_is_queued(tmp_path):
    path = tmp_path / "w.db"
    database = connect_writer(path)
    database.conn.execute("CREATE TABLE kept (value INTEGER PRIMARY KEY)")
    writer = Writer(database, path)
    writer.start()
    waiting = [asyncio.ensure_future(writer.run(put(value))) for value in range(50)]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*waiting) == list(range(50)) or len(waiting) == 50
    reopened = connect_writer(path)
    assert len(values(reopened.conn)) == 50
    reopened.close()
    with pytest.raises(StorageError, match="closed"):
        await writer.run(put(99))
    await writer.close()


async def test_a_busy_database_is_waited_for_and_then_named(writer, monkeypatch):
    other = connect_writer(writer.path)
    other.conn.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("headend.storage.writer._PATIENCE_S", 0.0)
    with pytest.raises(StorageError, match="another program holds the database"):
        await writer.run(put(1))
    monkeypatch.undo()
    waiting = asyncio.ensure_future(writer.run(put(2)))
    await asyncio.sleep(0)
    other.conn.execute("COMMIT")
    other.close()
    assert await waiting == 2


async def test_a_process_that_never_rests_does_not_starve_another(tmp_path):
    """Both write as fast as they can; the turnstile lets them in by turns."""
    path = tmp_path / "w.db"
    writers = []
    for _ in range(2):
        database = connect_writer(path)
        database.conn.execute("CREATE TABLE IF NOT EXISTS kept (value INTEGER PRIMARY KEY)")
        writers.append(Writer(database, path))
        writers[-1].start()
    busy = asyncio.ensure_future(_endless(writers[0]))
    for value in range(1_000_000, 1_000_020):
        await asyncio.wait_for(writers[1].run(put(value)), 10)
    assert not busy.done()
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    for writer in writers:
        await writer.close()


async def _endless(writer):
    value = 0
    while True:
        value += 20
        await asyncio.gather(*(writer.run(put(value + i)) for i in range(20)))


def writer_error(text, code):
    from headend.storage.sqlite import SqliteError

    error = SqliteError(text)
    error.sqlite_errorcode = code
    return error
