"""Everything of an embedded store goes to PostgreSQL: in batches that can go on later, proved by counts and sums.

The source is written to by nobody while it goes, and never again after: it carries a mark that says where its data is
now, since two databases that visit the same meters would use invocation counters twice. The target gets its references
and triggers back at the end, so PostgreSQL itself checks every reference over all that was moved.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from attrs import frozen

from headend.storage.errors import StorageError
from headend.storage.lock import DaemonLock
from headend.storage.migrations import migrate as migrate_source
from headend.storage.moved import mark_moved, refuse_moved
from headend.storage.postgres import translation
from headend.storage.postgres.addresses import shown
from headend.storage.postgres.connection import PostgresConnection
from headend.storage.postgres.migrating import migrate
from headend.storage.postgres.proving import Table, prove
from headend.storage.sqlite import Connection, SqliteError, connect_writer, translate

_BATCH: Final = 20_000
#: What is made anew in the target, or is SQLite's own.
_NOT_MOVED: Final = re.compile(r"sqlite_|_sqlite_|migrations$")

_STATE: Final = """
CREATE TABLE IF NOT EXISTS moving_state (source TEXT PRIMARY KEY, done BOOLEAN NOT NULL DEFAULT false);
CREATE TABLE IF NOT EXISTS moving_tables (name TEXT PRIMARY KEY, rows BIGINT NOT NULL, after JSONB, done BOOLEAN);
CREATE TABLE IF NOT EXISTS moving_references (name TEXT PRIMARY KEY, relation TEXT NOT NULL, definition TEXT NOT NULL)
"""

#: Told with the table's name, its rows moved so far, and all of its rows.
Progress = Callable[[str, int, int], None]


@frozen
class Moved:
    """Rows by table, and whether an earlier, unfinished move was taken up."""

    tables: dict[str, int]
    resumed: bool


def move(source: Path, url: str, progress: Progress, *, restart: bool = False) -> Moved:
    """Move all rows. Raises AlreadyRunning beside a daemon, StorageError for the rest; the source loses nothing.

    With `restart` what an unfinished move left in the target is thrown away first.
    """
    if not source.is_file():
        raise StorageError(f"{source}: there is no such database")
    with DaemonLock.acquire(source), closing(connect_writer(source)) as database:
        try:
            migrate_source(database, source)
            with _standing_still(database.conn):
                refuse_moved(database.conn, source)
                moved = _into(url, database.conn, progress, restart=restart)
                mark_moved(database.conn, shown(url))
        except SqliteError as error:
            raise translate(error, source) from error
    return moved


@contextlib.contextmanager
def _standing_still(connection: Connection) -> Iterator[None]:
    """Nobody writes to the source meanwhile; what is written to it here is kept if all went well."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _into(url: str, source: Connection, progress: Progress, *, restart: bool) -> Moved:
    target = PostgresConnection(url)
    try:
        target.open()
        tables = _tables(source)
        if restart:
            _throw_away(target)
        resumed = _begin(target, source, _fingerprint(source, tables))
        for table in tables:
            _copy(source, target, table, progress)
        prove(source, target, tables)
        _finish(source, target, tables)
    finally:
        target.close()
    return Moved({table.name: table.rows for table in tables}, resumed)


def _tables(source: Connection) -> list[Table]:
    names = source.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [_table(source, name) for (name,) in names if not _NOT_MOVED.match(name)]


def _table(source: Connection, name: str) -> Table:
    described = source.execute(f'SELECT name, pk FROM pragma_table_info("{name}") ORDER BY cid').fetchall()  # noqa: S608
    key = tuple(column for column, place in sorted(described, key=lambda each: each[1]) if place)
    (rows,) = source.execute(f'SELECT count(*) FROM "{name}"').fetchone()  # noqa: S608  a name of the schema
    return Table(name, tuple(column for column, _ in described), key, rows)


def _fingerprint(source: Connection, tables: Sequence[Table]) -> str:
    """What tells whether the source was written to between two attempts."""
    counted = [(table.name, table.rows) for table in tables]
    (last,) = source.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()
    changed = source.execute("SELECT count(*), coalesce(sum(next), 0) FROM counters").fetchone()
    return hashlib.sha256(repr((counted, last, changed)).encode()).hexdigest()


def _throw_away(target: PostgresConnection) -> None:
    exists = target.execute("SELECT to_regclass('moving_state') IS NOT NULL").fetchone()[0]
    if not exists or target.execute("SELECT count(*) FROM moving_state WHERE done").fetchone()[0]:
        raise StorageError("PostgreSQL: there is no unfinished move to throw away; nothing was changed")
    with _transaction(target):
        target.script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def _begin(target: PostgresConnection, source: Connection, fingerprint: str) -> bool:
    """Make the target ready, or find it so; whether it was."""
    migrate(target)
    with _transaction(target):
        target.script(_STATE)
        known = target.execute("SELECT source, done FROM moving_state").fetchall()
        if known and known[0][1]:
            raise StorageError("PostgreSQL: a database was moved there already; name an empty one")
        if known and known[0][0] != fingerprint:
            raise StorageError(
                "PostgreSQL: an unfinished move is there, and its source was written to since, or is another one;"
                " run again with --restart, which throws away what was moved so far"
            )
        if known:
            return True
        _refuse_used(target)
        _empty(target)
        _make_row_tables(source, target)
        _let_go(target)
        target.execute("INSERT INTO moving_state (source) VALUES (?)", (fingerprint,))
    return False


def _refuse_used(target: PostgresConnection) -> None:
    for name in ("meters", "accounts", "events"):
        if target.execute(f"SELECT count(*) FROM {name}").fetchone()[0]:  # noqa: S608  constants
            raise StorageError(f"PostgreSQL: the database has {name} already; name an empty one")


def _empty(target: PostgresConnection) -> None:
    """What migrations put in comes from the source instead."""
    names = [name for name in _own_tables(target) if not _NOT_MOVED.match(name) and not name.startswith("moving_")]
    target.script(f"TRUNCATE {', '.join(names)}")


def _own_tables(target: PostgresConnection) -> list[str]:
    rows = target.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
    return [name for (name,) in rows.fetchall()]


def _make_row_tables(source: Connection, target: PostgresConnection) -> None:
    """The tables of readings, one for each shape that a profile came in."""
    there = set(_own_tables(target))
    made = source.execute(
        "SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN (SELECT rows_table FROM shapes)"
        " ORDER BY type = 'trigger', rowid"
    )
    for table, statement in made.fetchall():
        if table not in there:
            for translated in translation.schema(statement):
                target.script(translated)


def _let_go(target: PostgresConnection) -> None:
    """Take references and triggers off until all rows are there; how they were is kept in the target."""
    for name, relation, definition in target.execute(
        "SELECT conname::text, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
    ).fetchall():
        target.execute(
            "INSERT INTO moving_references (name, relation, definition) VALUES (?, ?, ?)",
            (f"{relation} {name}", relation, definition),
        )
        target.script(f'ALTER TABLE {relation} DROP CONSTRAINT "{name}"')
    for name in _own_tables(target):
        target.script(f'ALTER TABLE "{name}" DISABLE TRIGGER USER')


def _copy(source: Connection, target: PostgresConnection, table: Table, progress: Progress) -> None:
    state = target.execute("SELECT rows, after, done FROM moving_tables WHERE name = ?", (table.name,)).fetchone()
    moved, after, done = state or (0, None, False)
    progress(table.name, moved, table.rows)
    while not done:
        batch = source.execute(*_next(table, after)).fetchall()
        done = len(batch) < _BATCH
        if batch:
            places = [table.columns.index(column) for column in table.key]
            after = [batch[-1][place] for place in places]
        moved += len(batch)
        with _transaction(target):
            target.copy(table.name, table.columns, batch)
            target.execute(
                "INSERT INTO moving_tables (name, rows, after, done) VALUES (?, ?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET rows = excluded.rows, after = excluded.after, done = excluded.done",
                (table.name, moved, _kept(after), done),
            )
        progress(table.name, moved, table.rows)


def _next(table: Table, after: Sequence[object] | None) -> tuple[str, Sequence[object]]:
    columns, key = ", ".join(f'"{name}"' for name in table.columns), ", ".join(f'"{name}"' for name in table.key)
    start = "" if after is None else f"WHERE ({key}) > ({', '.join('?' * len(table.key))})"
    values = () if after is None else tuple(_key(value) for value in after)
    return f'SELECT {columns} FROM "{table.name}" {start} ORDER BY {key} LIMIT {_BATCH}', values  # noqa: S608


def _kept(after: Sequence[object] | None) -> list[object] | None:
    return None if after is None else [{"octets": v.hex()} if isinstance(v, bytes) else v for v in after]


def _key(value: object) -> object:
    return bytes.fromhex(value["octets"]) if isinstance(value, dict) else value


def _finish(source: Connection, target: PostgresConnection, tables: Sequence[Table]) -> None:
    """References and triggers are back, and numbers go on after the last that was ever given."""
    with _transaction(target):
        for table in tables:
            _go_on_counting(source, target, table)
        for name in _own_tables(target):
            target.script(f'ALTER TABLE "{name}" ENABLE TRIGGER USER')
        for _, relation, definition in target.execute("SELECT name, relation, definition FROM moving_references"):
            target.script(f"ALTER TABLE {relation} ADD {definition}")
        target.script("DROP TABLE moving_references, moving_tables")
        target.execute("UPDATE moving_state SET done = ?", (True,))


def _go_on_counting(source: Connection, target: PostgresConnection, table: Table) -> None:
    if len(table.key) != 1:
        return
    (key,) = table.key
    (sequence,) = target.execute("SELECT pg_get_serial_sequence(?, ?)", (f'"{table.name}"', key)).fetchone()
    if sequence is None:
        return
    (last,) = source.execute(f'SELECT coalesce(max("{key}"), 0) FROM "{table.name}"').fetchone()  # noqa: S608
    given = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()
    target.execute("SELECT setval(?::regclass, ?, true)", (sequence, max(last, given[0] if given else 0, 1)))


@contextlib.contextmanager
def _transaction(target: PostgresConnection) -> Iterator[None]:
    target.execute("BEGIN")
    try:
        yield
    except BaseException:
        target.rollback()
        raise
    target.execute("COMMIT")
