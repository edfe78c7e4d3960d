"""The key-encryption key is changed: every stored key is unwrapped with the old one and wrapped with the new one.

One transaction, in which every key and the value that recognises the KEK change together: a crash leaves the one or
the other, never a mixture. Keys of meters are not changed by it, nor any counter.
"""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from headend.commands.officers import Deed
from headend.storage.audit import append
from headend.storage.errors import StorageError
from headend.storage.events import emit
from headend.storage.kek import KEK_CHECK, Kek, KekError
from headend.storage.lock import DaemonLock
from headend.storage.migrations import migrate
from headend.storage.sqlite import Connection, SqliteError, connect_writer, translate

#: The columns of a role's keys, by the name that their place has.
_COLUMNS: Final = {"ek": "encryption", "ak": "authentication", "secret": "secret", "master": "master"}


def rewrap(database: Path, old: Kek, new: Kek, now: datetime, deed: Deed | None = None) -> int:
    """Wrap every stored key with `new`; how many. `deed` goes into the audit with it.

    Raises AlreadyRunning, KekError for a wrong `old`, StorageError.
    """
    if not database.exists():
        raise StorageError(f"{database}: there is no database")
    with DaemonLock.acquire(database):
        try:
            with closing(connect_writer(database)) as writer:
                migrate(writer, database)
                writer.conn.execute("BEGIN IMMEDIATE")
                try:
                    count = _rewrap(writer.conn, database, old, new, now)
                    if deed is not None:
                        append(writer.conn, deed)
                except BaseException:
                    writer.conn.execute("ROLLBACK")
                    raise
                writer.conn.execute("COMMIT")
                # What the old key wrapped is not left in free pages of the file, nor in its log.
                writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except SqliteError as error:
            raise translate(error, database) from error
    return count


def _rewrap(connection: Connection, database: Path, old: Kek, new: Kek, now: datetime) -> int:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (KEK_CHECK,)).fetchone()
    if row is not None and row[0] != old.check_value():
        raise KekError(f"{database}: the key from {old.source} is not the one that wraps this database's keys")
    connection.execute("PRAGMA secure_delete = ON")
    # Recorded visits are kept for a week only, and nobody's work rests on them: they go with the key that sealed them.
    connection.execute("DELETE FROM visit_traces")
    columns = ", ".join(f"k.{column}" for column in _COLUMNS.values())
    count = 0
    rows = connection.execute(
        f"SELECT k.meter, m.serial, k.role, {columns} FROM keys k JOIN meters m ON m.id = k.meter"  # noqa: S608  constants
    ).fetchall()
    for meter, serial, role, *wrapped in rows:
        for (name, column), octets in zip(_COLUMNS.items(), wrapped, strict=True):
            if octets is None:
                continue
            place = f"{serial}/{role}/{name}"
            connection.execute(
                f"UPDATE keys SET {column} = ? WHERE meter = ? AND role = ?",  # noqa: S608  from the constants above
                (new.wrap(old.unwrap(octets, place), place), meter, role),
            )
            count += 1
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (KEK_CHECK, new.check_value()))
    emit(connection, now, "keys.rewrapped", payload={"keys": count})
    return count
