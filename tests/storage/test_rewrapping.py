import pytest
from store_making import KEK, SERIAL, events_of, open_sqlite, settle_in

from headend.storage import Kek
from headend.storage.kek import KekError
from headend.storage.lock import AlreadyRunning, DaemonLock
from headend.storage.rewrapping import rewrap

NEW = Kek(bytes(range(100, 132)), "the new one")
KEYS = f"""
[[keys]]
meter = "{SERIAL}"
role = "setting"
ek = "{"11" * 16}"
ak = "{"22" * 16}"
secret = "{"33" * 16}"
master = "{"44" * 16}"
"""


@pytest.fixture
async def database(store, tmp_path):
    """A database with keys, closed."""
    await settle_in(store, tmp_path)
    (tmp_path / "keys.toml").write_text(KEYS)
    await store.keys.import_keys(tmp_path / "keys.toml")
    await store.close()
    return tmp_path / "headend.db"


async def test_keys_are_the_same_under_the_new_kek_and_gone_under_the_old(database, tmp_path, clock):
    assert rewrap(database, KEK, NEW, clock.now) == 4
    store = await open_sqlite(tmp_path, clock, kek=NEW)
    try:
        keys = await store.keys.keys(SERIAL, "setting")
        assert (keys.encryption, keys.authentication) == (b"\x11" * 16, b"\x22" * 16)
        assert keys.secret == b"\x33" * 16
        assert len(await events_of(store, "keys.rewrapped")) == 1
    finally:
        await store.close()
    with pytest.raises(KekError, match="not the one that wraps"):
        await open_sqlite(tmp_path, clock, kek=KEK)


async def test_the_master_key_is_wrapped_anew_too(database, tmp_path, clock):
    rewrap(database, KEK, NEW, clock.now)
    store = await open_sqlite(tmp_path, clock, kek=NEW)
    try:
        (wrapped,) = await store._readers.run(lambda one: one.execute("SELECT master FROM keys").fetchone())
    finally:
        await store.close()
    assert NEW.unwrap(wrapped, f"{SERIAL}/setting/master") == b"\x44" * 16


async def test_a_wrong_old_kek_changes_nothing(database, tmp_path, clock):
    with pytest.raises(KekError, match="not the one that wraps"):
        rewrap(database, Kek(bytes(32), "a wrong one"), NEW, clock.now)
    store = await open_sqlite(tmp_path, clock)
    await store.close()


async def test_a_key_that_does_not_unwrap_leaves_all_as_they_were(database, tmp_path, clock):
    store = await open_sqlite(tmp_path, clock)
    await store._writer.run(lambda one: one.execute("UPDATE keys SET master = zeroblob(44)"))
    before = await store._readers.run(lambda one: one.execute("SELECT * FROM keys").fetchall())
    await store.close()
    with pytest.raises(KekError, match="does not unwrap"):
        rewrap(database, KEK, NEW, clock.now)
    store = await open_sqlite(tmp_path, clock)
    try:
        assert await store._readers.run(lambda one: one.execute("SELECT * FROM keys").fetchall()) == before
    finally:
        await store.close()


async def test_beside_a_daemon_nothing_is_rewrapped(database, clock):
    with DaemonLock.acquire(database), pytest.raises(AlreadyRunning):
        rewrap(database, KEK, NEW, clock.now)
