"""The schema on PostgreSQL: the same numbered files as the embedded store's, translated, each applied once."""

import contextlib
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from headend.storage.errors import StorageError
from headend.storage.migrations import schema_version, scripts, statements
from headend.storage.postgres import translation
from headend.storage.postgres.connection import PostgresConnection

#: Held while the schema is brought up to date; and by each transaction that writes, see PostgresWriter.
MIGRATING: Final = 0x48456D67
WRITING: Final = 0x48456E64

_TABLE: Final = re.compile(r"CREATE TABLE (\w+)")
_REFERENCE: Final = re.compile(r"(\w+) BIGINT[^,]*? REFERENCES (\w+)")


def migrate(connection: PostgresConnection) -> None:
    """Bring the database to this version's schema; refuse one that a newer version wrote."""
    with _transaction(connection):
        connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        if connection.execute("SELECT to_regclass('migrations') IS NULL").fetchone()[0]:
            _begin_anew(connection)
        applied = {name for (name,) in connection.execute("SELECT name FROM migrations")}
        known = scripts()
        newer = applied - {name for name, _ in known}
        if newer:
            raise StorageError(
                f"PostgreSQL: a newer version of headend wrote this database (schema {max(newer)}, this version knows"
                f" {schema_version()}); install that version"
            )
        later: list[str] = []
        for name, text in known:
            if name not in applied:
                later += _apply(connection, text)
                connection.execute("INSERT INTO migrations (name) VALUES (?)", (name,))
        for statement in later:
            connection.script(statement)


def _apply(connection: PostgresConnection, text: str) -> list[str]:
    """Run a migration; what it refers to and is made by a later one comes back as statements for the end."""
    later = []
    for statement in statements(text):
        for translated in translation.schema(statement) if translation.is_schema(statement) else (statement,):
            made, postponed = _without_forward_references(connection, translated)
            connection.script(made) if translation.is_schema(made) else connection.execute(made)
            later += postponed
    return later


def _without_forward_references(connection: PostgresConnection, statement: str) -> tuple[str, list[str]]:
    table = _TABLE.match(statement)
    if table is None:
        return statement, []
    postponed = []
    for column, target in _REFERENCE.findall(statement):
        missing = connection.execute("SELECT to_regclass(?) IS NULL", (target,)).fetchone()[0]
        if missing and target != table[1]:
            statement = re.sub(rf"(\b{column} BIGINT[^,]*?) REFERENCES {target}\b", r"\1", statement)
            postponed.append(f"ALTER TABLE {table[1]} ADD FOREIGN KEY ({column}) REFERENCES {target}")
    return statement, postponed


def _begin_anew(connection: PostgresConnection) -> None:
    connection.script((files("headend.storage.postgres") / "prelude.sql").read_text(encoding="utf-8"))


@contextlib.contextmanager
def _transaction(connection: PostgresConnection) -> Iterator[None]:
    connection.open()
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")
