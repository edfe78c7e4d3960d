"""The disk says no: clear words, nothing lost, nothing half written."""

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from store_making import CONSUMER, SERIAL, START, open_sqlite, reading, rows, settle_in, visit

from headend.storage import StorageError

NOBODY = 65534


async def test_a_full_disk_is_named_and_writing_goes_on_when_there_is_space(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    connection = store._writer.database.conn
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    kept = 0
    with pytest.raises(StorageError, match="free space") as told:
        while True:
            await store.accounts.recharge(CONSUMER, 100, f"P{kept}", clock.now, "x" * 2000, None)
            kept += 1
    assert str(store.path) in str(told.value)
    assert kept > 0
    assert await store.accounts.balance(CONSUMER) == 100_00 + 100 * kept
    connection.execute(f"PRAGMA max_page_count = {pages + 10_000}")
    await store.accounts.recharge(CONSUMER, 100, f"P{kept}", clock.now, "desk", None)
    report = await store.check()
    assert report.ok, report.findings
    assert report.counted["ledger"] == kept + 2


async def test_a_visit_that_does_not_fit_leaves_nothing_behind(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    connection = store._writer.database.conn
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 8}")
    with pytest.raises(StorageError):
        await store.fleet.record_visit(visit(clock, readings=(reading(clock),), profiles=(rows(START, 20_000),)), None)
    assert await store.fleet.latest(SERIAL) == []
    assert await store.fleet.last_row(SERIAL, "block_load") is None
    connection.execute(f"PRAGMA max_page_count = {pages + 10_000}")
    await store.fleet.record_visit(visit(clock, readings=(reading(clock),), profiles=(rows(START, 20_000),)), None)
    assert len((await store.fleet.rows(SERIAL, "block_load", START, clock.forward(days=9000)))[0].rows) == 20_000


@pytest.mark.parametrize("growth", [0, 10_000, 100_000, 300_000])
async def test_after_a_failed_write_nothing_more_is_written_and_everything_acknowledged_is_there(
    tmp_path, clock, program, growth
):
    store = await open_sqlite(tmp_path, clock)
    await settle_in(store, tmp_path)
    await store.close()
    done = await asyncio.to_thread(
        subprocess.run, program("filling", tmp_path, growth), capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    *booked, first, second, read = lines
    assert first.startswith("error ")
    assert "no more is written until headend is started again" in first
    assert second == first
    assert read == f"read {100_00 + 100 * len(booked)}"
    store = await open_sqlite(tmp_path, clock)
    references = {entry.reference for entry in await store.accounts.ledger(CONSUMER, 10**6)}
    assert references == {"opening", *booked}
    assert (await store.check()).ok
    await store.close()


@pytest.fixture
def public_folder():
    """A folder that another user may enter; pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def forbid_writing(folder, what):
    folder.chmod(0o777 if what == "file" else 0o555)
    for file in folder.iterdir():
        file.chmod(0o444)


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_database_that_may_not_be_written_is_named(public_folder, clock, program, what):
    await (await open_sqlite(public_folder, clock)).close()
    forbid_writing(public_folder, what)
    done = await asyncio.to_thread(
        subprocess.run, program("unprivileged", public_folder, NOBODY), capture_output=True, text=True, check=True
    )
    assert str(public_folder / "headend.db") in done.stdout
    assert "check the owner and mode" in done.stdout


async def test_readers_are_not_blocked_by_a_transaction_of_another_program(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    other = await open_sqlite(tmp_path, clock)
    connection = other._writer.database.conn
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE accounts SET name = 'half'")
    assert (await store.accounts.account(CONSUMER)).name == "Consumer 00001"
    connection.execute("ROLLBACK")
    await other.close()


async def test_a_store_that_is_closed_says_so(tmp_path, clock):
    store = await open_sqlite(tmp_path, clock)
    await store.close()
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.fleet.meters()
    with pytest.raises(StorageError, match="closed"):
        await store.counters.reserve(SERIAL, "setting", 1)
