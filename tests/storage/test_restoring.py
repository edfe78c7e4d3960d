import shutil
from datetime import timedelta

import pytest
from store_making import SERIAL, START, cut, events_of, open_sqlite, settle_in

from headend.storage import Store
from headend.storage.backups import is_restored
from headend.storage.counters import RESTORE_JUMP
from headend.storage.errors import StorageError
from headend.storage.lock import AlreadyRunning, DaemonLock
from headend.storage.restoring import restore


@pytest.fixture
async def backup(store, tmp_path, clock):
    """A backup of a house with an unsent cut; its counters went on afterwards. The store is closed."""
    await settle_in(store, tmp_path)
    await store.journal.request(cut(clock))
    await store.counters.reserve(SERIAL, "setting", 100)
    await store.backup(tmp_path / "backup.db")
    await store.counters.reserve(SERIAL, "setting", 5_000_000)
    await store.close()
    return tmp_path / "backup.db"


async def reopened(tmp_path, clock, **options) -> Store:
    return await open_sqlite(tmp_path, clock, **options)


async def test_a_restored_database_comes_up_disarmed_with_cuts_held(backup, tmp_path, clock):
    found = restore(backup, tmp_path / "headend.db", clock.now)
    assert found.taken_at == clock.now
    store = await reopened(tmp_path, clock, armed=True)
    try:
        assert store.restored_from == clock.now
        assert not await store.switches.armed()
        (command,) = await store.journal.commands()
        assert command.state == "quarantined"
        assert len(await events_of(store, "store.restored")) == 1
        assert (await store.check()).findings == ()
    finally:
        await store.close()


async def test_counters_are_ahead_of_the_backup_and_of_the_database_that_was_replaced(backup, tmp_path, clock):
    found = restore(backup, tmp_path / "headend.db", clock.now)
    assert found.counters_ahead == 1
    store = await reopened(tmp_path, clock, armed=False)
    try:
        first = (await store.counters.reserve(SERIAL, "setting", 1)).start
    finally:
        await store.close()
    assert first >= 5_000_101 + RESTORE_JUMP


async def test_what_was_there_is_kept_and_still_a_database(backup, tmp_path, clock):
    found = restore(backup, tmp_path / "headend.db", clock.now)
    assert found.kept == tmp_path / f"headend.db.before-restore-{clock.now:%Y%m%dT%H%M%S}"
    (tmp_path / "old").mkdir()
    shutil.move(found.kept, tmp_path / "old" / "headend.db")
    old = await reopened(tmp_path / "old", clock)
    try:
        assert (await old.counters.reserve(SERIAL, "setting", 1)).start >= 5_000_101
    finally:
        await old.close()


async def test_beside_a_daemon_nothing_is_restored(backup, tmp_path, clock):
    before = (tmp_path / "headend.db").read_bytes()
    with DaemonLock.acquire(tmp_path / "headend.db"), pytest.raises(AlreadyRunning):
        restore(backup, tmp_path / "headend.db", clock.now)
    assert (tmp_path / "headend.db").read_bytes() == before


async def test_a_plain_copy_is_taken_for_a_backup_too(backup, tmp_path, clock):
    plain = tmp_path / "plain.db"
    shutil.copy(tmp_path / "headend.db", plain)
    restore(plain, tmp_path / "headend.db", clock.now)
    store = await reopened(tmp_path, clock, armed=True)
    try:
        assert store.restored_from is not None
        assert not await store.switches.armed()
    finally:
        await store.close()


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + bytes(5000)])
async def test_what_is_no_backup_changes_nothing(backup, tmp_path, clock, content):
    wrong = tmp_path / "wrong.db"
    wrong.write_bytes(content)
    before = (tmp_path / "headend.db").read_bytes()
    with pytest.raises(StorageError, match=r"wrong\.db"):
        restore(wrong, tmp_path / "headend.db", clock.now)
    assert (tmp_path / "headend.db").read_bytes() == before
    assert not list(tmp_path.glob("*.restoring*"))
    assert not list(tmp_path.glob("*.before-restore*"))


async def test_a_damaged_backup_is_refused(backup, tmp_path, clock):
    octets = bytearray(backup.read_bytes())
    octets[8192 : 8192 + 40_000] = bytes(40_000)
    backup.write_bytes(octets)
    before = (tmp_path / "headend.db").read_bytes()
    with pytest.raises(StorageError):
        restore(backup, tmp_path / "headend.db", clock.now)
    assert (tmp_path / "headend.db").read_bytes() == before


async def test_the_database_is_not_its_own_backup(backup, tmp_path, clock):
    with pytest.raises(StorageError, match="the database itself"):
        restore(tmp_path / "headend.db", tmp_path / "headend.db", clock.now)


async def test_a_lost_database_is_restored_where_none_is(backup, tmp_path, clock):
    (tmp_path / "new").mkdir()
    found = restore(backup, tmp_path / "new" / "headend.db", START + timedelta(days=1))
    assert (found.kept, found.counters_ahead) == (None, 0)
    store = await reopened(tmp_path / "new", clock, armed=False)
    try:
        assert store.restored_from is not None
        assert not await store._readers.run(is_restored)
    finally:
        await store.close()
