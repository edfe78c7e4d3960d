"""A connection to PostgreSQL that the parts of the store use as they use the embedded one."""

import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import asyncpg
from attrs import define, field

from headend.storage.errors import StorageError
from headend.storage.postgres import translation
from headend.storage.postgres.faults import FAULTS, told
from headend.storage.postgres.values import decoded, encoded, fitting, number

#: The most values that one statement carries; PostgreSQL's own limit is 65,535.
_MOST_VALUES: Final = 8_000
_MOST_PREPARED: Final = 1_000
_CONNECT_S: Final = 10.0

_ROWS: Final = re.compile(r"(INSERT INTO .*? VALUES )(\([^()]*\))(.*)$", re.DOTALL)


@define(eq=False)
class Cursor:
    """The answer to one statement."""

    _connection: "PostgresConnection"
    _rows: list[tuple[Any, ...]]
    rowcount: int
    _next: int = 0

    @property
    def lastrowid(self) -> int:
        """The number that the last row added in this session was given."""
        return int(self._connection.execute("SELECT lastval()").fetchone()[0])

    def fetchone(self) -> Any:  # noqa: ANN401  a row is what the query says
        """The next row, None after the last."""
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        rows = self._rows[self._next :]
        self._next = len(self._rows)
        return rows

    def fetchmany(self, count: int) -> list[Any]:
        """At most `count` of the rows that are left."""
        rows = self._rows[self._next : self._next + count]
        self._next += len(rows)
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def close(self) -> None:
        """Nothing is held."""


@define(eq=False)
class PostgresConnection:
    """One session, used by one thread; statements are those of the embedded store."""

    url: str
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop, init=False)
    _session: "asyncpg.Connection[Any] | None" = field(default=None, init=False)
    _prepared: dict[str, tuple[Any, tuple[str, ...]]] = field(factory=dict, init=False)
    #: Rows added, changed and removed so far.
    total_changes: int = field(default=0, init=False)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._session is not None and not self._session.is_closed() and self._session.is_in_transaction()

    def open(self) -> None:
        """Connect where it is not; raises StorageError.

        Only what begins a transaction may call this: a session that is lost takes its transaction with it.
        """
        if self._session is None or self._session.is_closed():
            self._prepared.clear()
            try:
                self._session = self._loop.run_until_complete(self._connected())
            except FAULTS as error:
                raise told(error) from error

    def execute(self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Cursor:
        """One statement and its rows."""
        if translation.is_schema(text):
            for statement in translation.schema(text):
                self._run(statement, ())
            return Cursor(self, [], 0)
        if text.startswith("PRAGMA"):
            return Cursor(self, [], 0)  # the server keeps its own files whole
        query = translation.query(text)
        if isinstance(values, Mapping):
            values = [values[name] for name in query.names or ()]
        return self._run(query.text, values)

    def script(self, text: str) -> None:
        """Statements as PostgreSQL's own, several at once."""
        self._run(text, ())

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """One statement for many rows; those of an INSERT go many at a time."""
        rows = list(rows)
        parts = _ROWS.match(text)
        if parts is None or len(rows) < 2:
            return Cursor(self, [], sum(self.execute(text, row).rowcount for row in rows))
        changed, most = 0, max(1, _MOST_VALUES // len(rows[0]))
        for start in range(0, len(rows), most):
            batch = rows[start : start + most]
            several = f"{parts[1]}{', '.join([parts[2]] * len(batch))}{parts[3]}"
            changed += self.execute(several, [value for row in batch for value in row]).rowcount
        return Cursor(self, [], changed)

    def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows by COPY, which is the quickest way in; nothing may stand in their place."""
        if self._session is None or self._session.is_closed():
            raise StorageError("PostgreSQL: the connection was lost")
        moving = self._session.copy_records_to_table(table, columns=columns, records=rows)
        try:
            self._loop.run_until_complete(moving)
        except FAULTS as error:
            raise told(error) from error

    def rollback(self) -> None:
        """Give up the transaction, if one is open; a session that can't even do that is ended."""
        if self.in_transaction:
            try:
                self.execute("ROLLBACK")
            except StorageError:
                self.end()

    def end(self) -> None:
        """End the session; the next transaction opens another."""
        if self._session is not None and not self._session.is_closed():
            self._session.terminate()
        self._session = None

    def close(self) -> None:
        """End the session for good."""
        if self._session is not None and not self._session.is_closed():
            with contextlib.suppress(*FAULTS):
                self._loop.run_until_complete(self._session.close(timeout=_CONNECT_S))
        self._loop.close()

    def _run(self, text: str, values: Sequence[Any]) -> Cursor:
        try:
            rows, status = self._loop.run_until_complete(self._answered(text, values))
        except FAULTS as error:
            raise told(error) from error
        verb, _, count = status.partition(" ")
        changed = int(count.rpartition(" ")[2]) if verb in ("INSERT", "UPDATE", "DELETE") else 0
        self.total_changes += changed
        return Cursor(self, rows, changed)

    async def _answered(self, text: str, values: Sequence[Any]) -> tuple[list[tuple[Any, ...]], str]:
        if self._session is None or self._session.is_closed():
            raise asyncpg.ConnectionDoesNotExistError("the connection was lost")
        if not values and not text.lstrip().startswith("SELECT"):
            return [], await self._session.execute(text)
        if text not in self._prepared:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()
            made = await self._session.prepare(text)
            self._prepared[text] = made, tuple(kind.name for kind in made.get_parameters())
        statement, kinds = self._prepared[text]
        rows = await statement.fetch(*map(fitting, values, kinds))
        return [tuple(row) for row in rows], statement.get_statusmsg()

    async def _connected(self) -> "asyncpg.Connection[Any]":
        session = await asyncpg.connect(
            self.url, timeout=_CONNECT_S, server_settings={"application_name": "headend"}, statement_cache_size=0
        )
        # COPY takes binary values only; that of a JSONB begins with its version.
        await session.set_type_codec("jsonb", schema="pg_catalog", encoder=encoded, decoder=decoded, format="binary")
        await session.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=number, format="text")
        return session
