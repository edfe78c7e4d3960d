"""Readers: a few threads with read-only connections, so that screens and schedules never wait for a write."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from attrs import define, field
from sqlite_utils import Database

from headend.storage.errors import StorageError
from headend.storage.sqlite import Connection, SqliteError, connect_reader, translate

T = TypeVar("T")

#: Enough that a long report leaves one free for the collector.
_THREADS: Final = 3


@define(eq=False)
class Readers:
    """Runs queries, each in one consistent snapshot."""

    path: Path
    _pool: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(_THREADS, "headend-reader"), init=False)
    _local: threading.local = field(factory=threading.local, init=False)
    _opened: list[Database] = field(factory=list, init=False)
    _closed: bool = field(default=False, init=False)

    async def run(self, query: Callable[[Connection], T]) -> T:
        """The result of `query` on the last commit."""
        if self._closed:
            raise StorageError(f"{self.path}: the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._snapshot, query)

    async def close(self) -> None:
        """Let running queries end, then close the connections."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True)
        for database in self._opened:
            database.close()

    def _snapshot(self, query: Callable[[Connection], T]) -> T:
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("COMMIT")
        except SqliteError as error:
            raise translate(error, self.path) from error

    def _connection(self) -> Connection:
        database: Database | None = getattr(self._local, "database", None)
        if database is None:
            database = self._local.database = connect_reader(self.path)
            self._opened.append(database)
        return database.conn
