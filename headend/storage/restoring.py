"""A backup takes the place of the database, with nothing lost that was there before.

The copy is made, proved and brought to this version's schema beside the database; only then the old file is moved
aside, under a name that says when, and the copy takes its place. It carries the mark of a backup, whatever it was made
by, so the next process that opens it disarms it, holds its unsent cuts and moves every invocation counter ahead. What
the old database knows of counters is taken over too, where it can still be read.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from headend.commands.officers import Deed
from headend.storage.audit import append
from headend.storage.backups import MARK
from headend.storage.checking import check
from headend.storage.errors import StorageError
from headend.storage.lock import DaemonLock
from headend.storage.migrations import migrate
from headend.storage.sqlite import APPLICATION_ID, Connection, SqliteError, connect_reader, connect_writer, translate
from headend.storage.times import from_micros, to_micros

#: What SQLite keeps beside a database.
_COMPANIONS: Final = ("", "-wal", "-shm")


@frozen
class Restored:
    """When the backup was taken, where the old database is now (None: there was none), counters it gave a lead to."""

    taken_at: datetime
    kept: Path | None
    counters_ahead: int


def restore(backup: Path, database: Path, now: datetime, deed: Deed | None = None) -> Restored:
    """Put a backup in the place of the database. Raises AlreadyRunning beside a daemon, StorageError for the rest.

    `deed` goes into the audit of what is put there. Whatever fails, the database is as it was.
    """
    if not backup.is_file():
        raise StorageError(f"{backup}: there is no such file")
    if database.exists() and backup.samefile(database):
        raise StorageError(f"{backup}: that is the database itself; name a file made by `headend db backup`")
    with DaemonLock.acquire(database), _partial(database) as partial:
        taken_at = _copy(backup, partial, deed)
        ahead = _take_counters(database, partial)
        _sync(partial)
        kept = _move_aside(database, now)
        partial.rename(database)
        _sync(database.parent)
    return Restored(taken_at, kept, ahead)


@contextmanager
def _partial(database: Path) -> Iterator[Path]:
    partial = database.with_name(f"{database.name}.restoring")
    try:
        _forget(partial)
        yield partial
    except SqliteError as error:
        raise translate(error, partial) from error
    except OSError as error:
        raise StorageError(f"{database}: the backup can't be put in place: {error.strerror or error}") from error
    finally:
        _forget(partial)


def _forget(partial: Path) -> None:
    for companion in _COMPANIONS:
        with suppress(OSError):
            partial.with_name(f"{partial.name}{companion}").unlink(missing_ok=True)


def _copy(backup: Path, partial: Path, deed: Deed | None) -> datetime:
    """Copy, mark, migrate and prove; when the backup was taken."""
    with closing(connect_writer(partial)) as copy:
        try:
            with closing(connect_reader(backup)) as source:
                _refuse_foreign(source.conn, backup)
                source.conn.backup(copy.conn)
        except SqliteError as error:
            raise translate(error, backup) from error
        migrate(copy, backup)
        # A plain copy carries no mark: it is as old as its file at least.
        written = datetime.fromtimestamp(backup.stat().st_mtime, UTC)
        copy.conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)", (MARK, to_micros(written)))
        report = check(copy.conn)
        if not report.ok:
            raise StorageError(
                f"{backup}: the backup is not whole: {report.findings[0]}; take an older one, the database is unharmed"
            )
        if deed is not None:
            append(copy.conn, deed)
        (taken,) = copy.conn.execute("SELECT value FROM meta WHERE name = ?", (MARK,)).fetchone()
        copy.conn.execute("PRAGMA journal_mode = DELETE")
        return from_micros(int(taken))


def _refuse_foreign(connection: Connection, backup: Path) -> None:
    """An empty file is a whole database to SQLite, though nobody's."""
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise StorageError(f"{backup}: this is no database of headend; name a file made by `headend db backup`")


def _take_counters(database: Path, partial: Path) -> int:
    """Counters that the old database had given out beyond those of the copy; 0 where it can't be read."""
    try:
        with closing(connect_reader(database)) as old:
            given = old.conn.execute(
                "SELECT m.serial, c.role, c.next FROM counters c JOIN meters m ON m.id = c.meter"
            ).fetchall()
    except SqliteError:
        return 0
    with closing(connect_writer(partial)) as copy:
        copy.conn.execute("BEGIN IMMEDIATE")
        ahead = sum(_raise(copy.conn, *each) for each in given)
        copy.conn.execute("COMMIT")
        copy.conn.execute("PRAGMA journal_mode = DELETE")
    return ahead


def _raise(connection: Connection, serial: str, role: str, given: int) -> int:
    return connection.execute(
        "INSERT INTO counters (meter, role, next) SELECT id, ?, ? FROM meters WHERE serial = ?"
        " ON CONFLICT (meter, role) DO UPDATE SET next = excluded.next WHERE excluded.next > next",
        (role, given, serial),
    ).rowcount


def _move_aside(database: Path, now: datetime) -> Path | None:
    if not database.exists():
        return None
    kept = database.with_name(f"{database.name}.before-restore-{now:%Y%m%dT%H%M%S}")
    if kept.exists():
        raise StorageError(f"{kept}: there is a file already; move it away and try again")
    # The log goes first: a database without its log is only older, a log without its database is of no use.
    for companion in reversed(_COMPANIONS):
        with suppress(FileNotFoundError):
            database.with_name(f"{database.name}{companion}").rename(kept.with_name(f"{kept.name}{companion}"))
    return kept


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
