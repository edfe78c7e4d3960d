"""The mark of an embedded database whose data is in another store now: two would use the meters' counters twice."""

from pathlib import Path
from typing import Final

from headend.storage.errors import StorageError
from headend.storage.sqlite import Connection

_NAME: Final = "moved_to"


def mark_moved(connection: Connection, address: str) -> None:
    """From now on this database is not opened any more."""
    connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (_NAME, address))


def refuse_moved(connection: Connection, path: Path) -> None:
    """Raises StorageError for a database that was moved, which names where its data is."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_NAME,)).fetchone()
    if row is not None:
        raise StorageError(
            f'{path}: this database was moved to {row[0]}; set url = "{row[0]}" under [store]. To go back to a file,'
            " restore a backup made before the move"
        )
