"""Backups that are taken while everything runs, and the restore that is recognised by itself.

A backup carries a mark. A database that is opened with it was restored: nobody knows what happened at the meters since,
so it comes up disarmed, its unsent disconnects wait for a person, and every invocation counter jumps ahead.
"""

import os
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from headend.storage.counters import RESTORE_JUMP, jump_all
from headend.storage.errors import StorageError
from headend.storage.events import emit
from headend.storage.journal import hold_disconnects, interrupt
from headend.storage.sqlite import Connection, SqliteError, connect_reader, connect_writer, translate
from headend.storage.switches import set_armed
from headend.storage.times import from_micros, to_micros

#: The name in `meta` by which a copy is known.
MARK: Final = "backup_at"


def back_up(source: Path, target: Path, now: datetime) -> None:
    """Copy the last commit of `source` to the new file `target`, complete or not at all; raises StorageError."""
    if target.exists():
        raise StorageError(f"{target}: there is a file already; a backup replaces nothing, choose another name")
    partial = target.with_name(f"{target.name}.part")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        _copy(source, partial, now)
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except SqliteError as error:
        partial.unlink(missing_ok=True)
        raise translate(error, target) from error
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(f"{target}: the backup can't be written: {error.strerror}") from error


def is_restored(connection: Connection) -> bool:
    """Whether this database carries the mark of a backup."""
    return connection.execute("SELECT 1 FROM meta WHERE name = ?", (MARK,)).fetchone() is not None


def recognise_restore(connection: Connection, now: datetime) -> datetime | None:
    """When the backup was taken that this database was restored from, once; None for one that was not restored."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (MARK,)).fetchone()
    if row is None:
        return None
    taken_at = from_micros(int(row[0]))
    set_armed(connection, now, on=False, by="restore")
    interrupt(connection, now)
    hold_disconnects(connection, now, "the database was restored from a backup")
    jump_all(connection, RESTORE_JUMP)
    connection.execute("DELETE FROM meta WHERE name = ?", (MARK,))
    emit(connection, now, "store.restored", payload={"backup_at": taken_at})
    return taken_at


def _copy(source: Path, target: Path, now: datetime) -> None:
    with closing(connect_reader(source)) as reader, closing(connect_writer(target)) as copy:
        reader.conn.backup(copy.conn)
        copy.conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (MARK, to_micros(now)))
        # One file without companions, so that copying it away copies everything.
        copy.conn.execute("PRAGMA journal_mode = DELETE")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
