"""Writer and readers on PostgreSQL, with the promises of the embedded store's."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define, field

from headend.storage.postgres.connection import PostgresConnection
from headend.storage.postgres.migrating import WRITING, migrate
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer

if TYPE_CHECKING:
    from sqlite_utils import Database

T = TypeVar("T")


@define(eq=False)
class Session:
    """A connection in the place that the embedded store's database takes in the writer."""

    conn: Any

    def close(self) -> None:
        """End it."""
        self.conn.close()

    def rollback(self) -> None:
        """Give up what is open."""
        self.conn.rollback()


@define(eq=False)
class PostgresWriter(Writer):
    """The writer of one process; over all processes one transaction writes at a time.

    That is what the embedded store's file lock gives, and what caps, counters and the journal rest on. A transaction
    carries the work of up to hundreds of visits, so the lock is held for milliseconds by each.
    """

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._work, name="headend-writer", daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        connection = self.database.conn
        cast("PostgresConnection", connection).open()
        connection.execute("BEGIN")
        connection.execute(f"SELECT pg_advisory_xact_lock({WRITING})")

    async def close(self) -> None:
        """Finish what is queued, then end the thread and the session."""
        if await self._end():
            await asyncio.to_thread(self.database.close)


@define(eq=False)
class PostgresReaders(Readers):
    """Readers, each in a snapshot of its own that can't write."""

    url: str = field(kw_only=True, repr=False)
    _sessions: list[PostgresConnection] = field(factory=list, init=False)

    async def close(self) -> None:
        """Let running queries end, then end the sessions."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True)
        for session in self._sessions:
            await asyncio.to_thread(session.close)

    def _snapshot(self, query: Callable[[Connection], T]) -> T:
        connection = self._session()
        connection.open()
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return query(cast("Connection", connection))
        finally:
            connection.rollback()

    def _session(self) -> PostgresConnection:
        connection: PostgresConnection | None = getattr(self._local, "session", None)
        if connection is None:
            connection = self._local.session = PostgresConnection(self.url)
            self._sessions.append(connection)
        return connection


def start_writer(url: str, shown: Path) -> PostgresWriter:
    """A writer whose thread runs; `shown` stands in messages, since the URL may hold a password."""
    connection = PostgresConnection(url)
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    writer = PostgresWriter(cast("Database", Session(connection)), shown)
    writer.start()
    return writer
