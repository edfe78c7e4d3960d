import asyncio

import pytest
from store_making import KEK, open_sqlite

from headend.storage import StorageError, Store, migrations
from headend.storage.sqlite import connect_writer


def test_statements_are_split_where_a_trigger_has_semicolons():
    script = """
    -- a comment; with a semicolon
    CREATE TABLE t (a);
    CREATE TRIGGER g BEFORE UPDATE ON t
    BEGIN SELECT raise(ABORT, 'no; never'); SELECT 1; END;
    CREATE INDEX i ON t (a);
    """
    assert [statement.split()[-1] for statement in migrations.statements(script)] == ["(a);", "END;", "(a);"]


async def test_a_new_database_has_every_migration_and_is_recognised(store):
    connection = store._writer.database.conn
    applied = [name for (name,) in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert applied[0] == "0001_fleet"
    assert applied[-1] == migrations.schema_version()
    assert connection.execute("PRAGMA user_version").fetchone() == (int(applied[-1][:4]),)
    assert connection.execute("PRAGMA application_id").fetchone() == (0x48456E64,)


async def test_every_commit_is_synced_and_references_are_enforced(store):
    connection = store._writer.database.conn
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_every_table_keeps_types_strictly(store):
    connection = store._writer.database.conn
    loose = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
        " AND name NOT LIKE '%sqlite%'"
    ).fetchall()
    assert loose == []


async def test_opening_again_changes_nothing(tmp_path, clock):
    first = await open_sqlite(tmp_path, clock)
    before = first._writer.database.schema
    await first.close()
    second = await open_sqlite(tmp_path, clock)
    assert second._writer.database.schema == before
    await second.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path, clock):
    store = await open_sqlite(tmp_path, clock)
    connection = store._writer.database.conn
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('headend', '0099_x', '')"
    )
    await store.close()
    with pytest.raises(StorageError, match=r"newer version .*0099_x"):
        await open_sqlite(tmp_path, clock)


async def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path, clock):
    path = tmp_path / "headend.db"
    other = connect_writer(path)
    other.conn.execute("CREATE TABLE recipes (name)")
    other.close()
    with pytest.raises(StorageError, match="another program"):
        await open_sqlite(tmp_path, clock)
    other = connect_writer(path)
    assert other.table_names() == ["recipes"]
    other.close()


async def test_a_migration_that_fails_leaves_the_version_before(tmp_path, clock, monkeypatch):
    good = migrations.scripts()
    monkeypatch.setattr(
        migrations, "scripts", lambda: [*good, ("0098_bad", "CREATE TABLE half (a);\nCREATE TABLE meters (a);\n")]
    )
    with pytest.raises(StorageError, match="already exists"):
        await open_sqlite(tmp_path, clock)
    monkeypatch.undo()
    store = await open_sqlite(tmp_path, clock)
    assert "half" not in store._writer.database.table_names()
    assert store._writer.database.conn.execute("PRAGMA user_version").fetchone() == (int(good[-1][0][:4]),)
    await store.close()


@pytest.mark.parametrize(
    "content",
    [b"no database at all, only text\n" * 100, b"SQLite format 3\0" + b"\xff" * 4096],
    ids=["text", "damaged"],
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, clock, content):
    path = tmp_path / "headend.db"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"not a database|unsupported|malformed") as refused:
        await open_sqlite(tmp_path, clock)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == content


async def test_a_folder_that_is_not_there_is_named(tmp_path, clock):
    with pytest.raises(StorageError, match="check that the folder exists"):
        await Store.open(tmp_path / "nowhere" / "headend.db", kek=KEK, now=clock)


async def test_a_command_that_only_looks_waits_for_no_writer(tmp_path, clock):
    await (await open_sqlite(tmp_path, clock)).close()
    busy = connect_writer(tmp_path / "headend.db")
    busy.conn.execute("BEGIN IMMEDIATE")
    store = await asyncio.wait_for(open_sqlite(tmp_path, clock), 30)
    assert await store.fleet.meters() == []
    await store.close()
    busy.close()


async def test_the_files_are_for_their_owner_alone(store, tmp_path):
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("headend.db*")} == {0o600}
