"""Readers: a few threads with read-only connections, so that screens and schedules never wait for a write.

A visit asks for a handful of rows by their keys. The way to a thread and back costs more than that, so looks that are
asked for at about the same time go together, in one snapshot: those of all visits that are under way.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from attrs import define, field
from sqlite_utils import Database

from headend.storage.errors import StorageError
from headend.storage.sqlite import Connection, SqliteError, connect_reader, translate

T = TypeVar("T")

#: Enough that a long report leaves one free for the collector.
_THREADS: Final = 3


@define(eq=False)
class _Look:
    """A short query, and who waits for it."""

    query: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    seen: bool = False

    def run(self, connection: Connection) -> None:
        self.result = self.query(connection)
        self.seen = True

    def run_alone(self, snapshot: Callable[[Callable[[Connection], Any]], Any]) -> None:
        try:
            self.result = snapshot(self.query)
        except Exception as error:  # noqa: BLE001  it belongs to who asked
            self.error = error

    def answer(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


@define(eq=False)
class Readers:
    """Runs queries, each in one consistent snapshot."""

    path: Path
    _pool: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(_THREADS, "headend-reader"), init=False)
    _local: threading.local = field(factory=threading.local, init=False)
    _opened: list[Database] = field(factory=list, init=False)
    _closed: bool = field(default=False, init=False)
    #: Looks of each loop that go with the next round; a loop is here while one is on its way.
    _looks: dict[asyncio.AbstractEventLoop, list[_Look]] = field(factory=dict, init=False)

    async def run(self, query: Callable[[Connection], T]) -> T:
        """The result of `query` on the last commit."""
        if self._closed:
            raise StorageError(f"{self.path}: the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._snapshot, query)

    async def look(self, query: Callable[[Connection], T]) -> T:
        """As `run`, for a query of a few rows by their keys: it shares its way and its snapshot with others."""
        if self._closed:
            raise StorageError(f"{self.path}: the store is closed")
        loop = asyncio.get_running_loop()
        look = _Look(query, loop.create_future())
        waiting = self._looks.get(loop)
        if waiting is None:
            self._looks[loop] = [look]
            loop.call_soon(self._send, loop)
        else:
            waiting.append(look)
        return cast("T", await look.future)

    async def close(self) -> None:
        """Let running queries end, then close the connections."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True)
        for database in self._opened:
            database.close()

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send off what waits, unless nothing does."""
        looks = self._looks[loop]
        if not looks or self._closed:
            del self._looks[loop]
            for look in looks:
                look.error = StorageError(f"{self.path}: the store is closed")
                look.answer()
            return
        self._looks[loop] = []
        self._pool.submit(self._look_at, looks, loop)

    def _look_at(self, looks: list[_Look], loop: asyncio.AbstractEventLoop) -> None:
        # One that fails ends the snapshot: it and those behind it are run again, each by itself, and told why.
        with contextlib.suppress(Exception):
            self._snapshot(lambda connection: _run_all(connection, looks))
        for look in looks:
            if not look.seen:
                look.run_alone(self._snapshot)
        with contextlib.suppress(RuntimeError):  # the loop has ended; nobody waits any more
            loop.call_soon_threadsafe(self._looked, looks, loop)

    def _looked(self, looks: list[_Look], loop: asyncio.AbstractEventLoop) -> None:
        for look in looks:
            look.answer()
        # Those who were answered go on first, and what they ask for goes along.
        loop.call_soon(self._send, loop)

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


def _run_all(connection: Connection, looks: list[_Look]) -> None:
    for look in looks:
        look.run(connection)
