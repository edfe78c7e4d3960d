"""The SQLite that the store stands on: the module that sqlite-utils picks, connections, and errors with a way out."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlite_utils import Database, utils

from headend.storage.errors import StorageError

if TYPE_CHECKING:
    from sqlite3 import Connection
else:
    Connection = vars(utils)["sqlite3"].Connection

__all__ = [
    "APPLICATION_ID",
    "Connection",
    "SqliteError",
    "connect_reader",
    "connect_writer",
    "primary_code",
    "translate",
]

# sqlite-utils prefers pysqlite3, which brings a newer SQLite than many systems; both must use the same one.
_driver: Final[Any] = vars(utils)["sqlite3"]

SqliteError: Final[type[Exception]] = _driver.Error

#: Written into the file's header, so that another program's database is recognised and left alone ("HEnd").
APPLICATION_ID: Final = 0x48456E64

BUSY, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB, CONSTRAINT = 5, 8, 10, 11, 13, 14, 26, 19

_WAYS_OUT: Final = {
    BUSY: "another program holds the database for too long; end it or wait, then try again",
    READONLY: "the database is read-only; check the owner and mode of the file and its folder, and the mount",
    IOERR: "the disk failed; check it, restart, and run `headend db check`",
    CORRUPT: "the database is damaged; stop, keep a copy of the file, and restore the newest backup",
    FULL: "the disk is full; free space, then try again",
    CANTOPEN: "the database can't be opened; check that the folder exists and may be written",
    NOTADB: "the file is not a database of headend; check the path",
}

#: Pages of 4 KiB kept in memory by the writer: the tails of some thousand meters' rows.
_WRITER_CACHE_KIB: Final = 65_536

#: With the driver's default of 128 a visit took 1.3 ms of CPU, with this 0.6 ms: it prepares nothing anew.
_CACHED_STATEMENTS: Final = 1024

#: How long opening a database waits for another process's transaction; the writer has its own patience.
_BUSY_S: Final = 5.0


def connect_writer(path: Path) -> Database:
    """The one connection that writes: WAL, each commit synced to disk, foreign keys enforced."""
    # Names, mobile numbers and wrapped keys are for the owner alone; the companions of the file take its mode.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    database = _open(f"file:{_quoted(path)}?mode=rw")
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"cache_size = -{_WRITER_CACHE_KIB}",
    ):
        database.conn.execute(f"PRAGMA {pragma}").close()
    return database


def connect_reader(path: Path) -> Database:
    """A connection that can't write; it sees the last commit and never blocks the writer."""
    database = _open(f"file:{_quoted(path)}?mode=ro")
    database.conn.execute("PRAGMA query_only = ON")
    return database


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of an error, 0 when it carries none."""
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def translate(error: Exception, path: Path) -> StorageError:
    """The error as a person needs it: the file, what SQLite said, and the way out."""
    way_out = _WAYS_OUT.get(primary_code(error), "this is a defect of headend; please report it")
    return StorageError(f"{path}: {error}: {way_out}")


def _open(uri: str) -> Database:
    # Transactions are opened and closed by hand, so the driver must not open any by itself (isolation_level None).
    connection = _driver.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_S,
        cached_statements=_CACHED_STATEMENTS,
    )
    return Database(connection, recursive_triggers=False, execute_plugins=False)


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
