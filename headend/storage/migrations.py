"""The schema, in numbered files; each is applied once, in a transaction of its own, with the note that it was."""

from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Final

from sqlite_utils import Database, Migrations

from headend.storage.errors import StorageError
from headend.storage.sqlite import APPLICATION_ID, Connection

_SET: Final = "headend"


def migrate(database: Database, path: Path) -> None:
    """Bring a database to this version's schema; refuse one that another program or a newer version wrote."""
    _refuse_foreign(database, path)
    known = scripts()
    applied = {migration.name for migration in Migrations(_SET).applied(database)}
    _refuse_newer(path, applied - {name for name, _ in known})
    for name, text in known:
        # Looked at before a write is begun: a command beside a busy daemon has nothing to wait for.
        if name not in applied:
            _apply_one(database, name, text)


def schema_version() -> str:
    """The name of the newest migration."""
    return [name for name, _ in scripts()][-1]


def schema_of(connection: Connection) -> dict[str, str]:
    """Every table, index and trigger of a database by name, as the statement that made it."""
    made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return dict(made.fetchall())


def expected_schema() -> dict[str, str]:
    """What `schema_of` a database with every migration and no readings must give."""
    with closing(Database(memory=True, execute_plugins=False)) as database:
        for _, text in scripts():
            for statement in statements(text):
                database.conn.execute(statement)
        return schema_of(database.conn)


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit the transaction that guards them."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if _complete(pending):
            yield pending
            pending = ""


def _complete(text: str) -> bool:
    import sqlite3  # noqa: PLC0415  only its tokenizer is needed, which any version has

    return text.rstrip().endswith(";") and sqlite3.complete_statement(text)


def scripts() -> list[tuple[str, str]]:
    """Name and text of every migration, in order."""
    folder = files("headend.storage") / "schema"
    found = [
        (entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")
    ]
    return sorted((name.removesuffix(".sql"), text) for name, text in found)


def _apply_one(database: Database, name: str, text: str) -> None:
    migrations = Migrations(_SET)

    def apply(target: Database) -> None:
        for statement in statements(text):
            target.conn.execute(statement)
        target.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        target.conn.execute(f"PRAGMA user_version = {int(name[:4])}")

    migrations(name=name)(apply)
    # Taken before looking, so that two processes that start at once do not both apply it.
    database.conn.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(database)
    except BaseException:
        database.rollback()
        raise
    database.conn.execute("COMMIT")


def _refuse_foreign(database: Database, path: Path) -> None:
    (mark,) = database.conn.execute("PRAGMA application_id").fetchone()
    (objects,) = database.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if mark != APPLICATION_ID and objects:
        raise StorageError(f"{path}: this database belongs to another program; choose another path for headend's")


def _refuse_newer(path: Path, newer: set[str]) -> None:
    if newer:
        raise StorageError(
            f"{path}: a newer version of headend wrote this database (schema {max(newer)}, this version knows"
            f" {schema_version()}); install that version, or restore a backup made before the upgrade"
        )
