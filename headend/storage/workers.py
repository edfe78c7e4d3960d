"""Processes that visit: tokens, the shards they hold, and what becomes of what a process was doing when it ends."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, frozen

from headend.commands.model import State
from headend.scheduler.engine import LeaseLost
from headend.session.ports import Now
from headend.storage import commandrows, requests
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

#: Processes that ended longer ago tell nobody anything.
_KEPT: Final = timedelta(days=90)
_COLUMNS: Final = "w.token, w.worker, w.host, w.pid, w.started_at, w.ended_at, w.why"


@frozen
class WorkerRow:
    """A process that visits or did: the parent is worker 0. `shards` it holds now; `why` it ended."""

    token: int
    worker: int
    host: str
    pid: int
    started_at: datetime
    ended_at: datetime | None
    why: str | None
    shards: tuple[str, ...] = ()


@define(eq=False)
class Workers:
    """The register of processes, over all of them."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def begin(self, worker: int, host: str, pid: int, shards: Iterable[str] = ()) -> int:
        """A process begins, or will, with these shards; its token. Whoever held one of them has ended by that."""
        return await self._writer.run(lambda connection: _begin(connection, self._now(), worker, host, pid, shards))

    async def is_process(self, token: int, pid: int) -> None:
        """The process of a token has this number; raises LeaseLost."""
        await self._writer.run(lambda connection: _is_process(connection, token, pid))

    async def take(self, token: int, shard: str) -> None:
        """A process takes a shard over; whoever held it has ended by that. Raises LeaseLost."""
        await self._writer.run(lambda connection: take(connection, self._now(), token, shard))

    async def give_back(self, token: int, shard: str) -> None:
        """A process visits a shard no more, and nothing of it is under way there."""
        await self._writer.run(
            lambda connection: connection.execute(
                "DELETE FROM leases WHERE shard = ? AND token = ?", (shard, token)
            ).close()
        )

    async def end(self, token: int, why: str) -> int:
        """A process has ended; how many commands are UNKNOWN by that."""
        return await self._writer.run(lambda connection: end(connection, self._now(), token, why))

    async def bury(self, token: int, why: str) -> int:
        """A process died, or is to be treated as if it had, and people are told; how many commands are UNKNOWN."""
        return await self._writer.run(lambda connection: _bury(connection, self._now(), token, why))

    async def end_all(self, why: str, host: str | None = None) -> int:
        """For who holds the daemon's lock: nobody else is left, or (`host`) nobody of this one.

        How many had not said that they end.
        """
        return await self._writer.run(lambda connection: _end_all(connection, self._now(), why, host))

    def work_under(self, token: int) -> None:
        """From now on this process writes under a token; once that has ended, it writes nothing more."""
        self._writer.work_under(token, guard)

    async def live(self) -> list[WorkerRow]:
        """The processes that have not ended, by worker."""
        where = "w.ended_at IS NULL ORDER BY w.worker, w.token"
        return await self._readers.run(lambda connection: _rows(connection, where, ()))

    async def listing(self, limit: int = 50) -> list[WorkerRow]:
        """The processes that live, by worker, then those that have ended, the newest first."""
        where = "1 = 1 ORDER BY w.ended_at IS NOT NULL, CASE WHEN w.ended_at IS NULL THEN w.worker END, w.token DESC"
        return await self._readers.run(lambda connection: _rows(connection, f"{where} LIMIT ?", (limit,)))


def guard(connection: Connection, token: int) -> None:
    """Raise LeaseLost, within a transaction that was begun, when the token has ended."""
    row = connection.execute("SELECT worker, ended_at, why FROM workers WHERE token = ?", (token,)).fetchone()
    if row is None or row[1] is not None:
        who, why = ("?", "nobody knows it") if row is None else (row[0], row[2])
        raise LeaseLost(f"worker {who} writes nothing more under token {token}: {why}")


def end(connection: Connection, now: datetime, token: int, why: str) -> int:
    """End a process in the current transaction: what it was sending is UNKNOWN, what it had taken is there again."""
    row = connection.execute("SELECT worker FROM workers WHERE token = ? AND ended_at IS NULL", (token,)).fetchone()
    if row is None:
        return 0
    connection.execute("UPDATE workers SET ended_at = ?, why = ? WHERE token = ?", (to_micros(now), why, token))
    connection.execute("DELETE FROM leases WHERE token = ?", (token,))
    requests.put_back(connection, token)
    sending = commandrows.select(connection, "c.state = 'sending' AND c.sender = ?", (token,))
    for command in sending:
        commandrows.move(connection, command.id, State.UNKNOWN, now, f"interrupted while sending: {why}")
    return len(sending)


def take(connection: Connection, now: datetime, token: int, shard: str) -> None:
    """Give a shard to a process in the current transaction; its holder, if another, has ended by that."""
    guard(connection, token)
    row = connection.execute("SELECT token FROM leases WHERE shard = ?", (shard,)).fetchone()
    if row is not None and row[0] != token:
        end(connection, now, row[0], f"shard {shard or '(all)'} was taken over")
    connection.execute(
        "INSERT INTO leases (shard, token, since) VALUES (?, ?, ?) ON CONFLICT (shard) DO UPDATE SET"
        " token = excluded.token, since = excluded.since",
        (shard, token, to_micros(now)),
    )


def is_live(connection: Connection, token: int | None) -> bool:
    """Whether a process has not ended."""
    row = connection.execute("SELECT 1 FROM workers WHERE token = ? AND ended_at IS NULL", (token,)).fetchone()
    return row is not None


def _begin(connection: Connection, now: datetime, worker: int, host: str, pid: int, shards: Iterable[str]) -> int:
    connection.execute(
        "DELETE FROM workers WHERE ended_at < ? AND token NOT IN (SELECT token FROM leases)", (to_micros(now - _KEPT),)
    )
    cursor = connection.execute(
        "INSERT INTO workers (worker, host, pid, started_at) VALUES (?, ?, ?, ?)", (worker, host, pid, to_micros(now))
    )
    token = int(cursor.lastrowid or 0)
    for shard in shards:
        take(connection, now, token, shard)
    return token


def _is_process(connection: Connection, token: int, pid: int) -> None:
    guard(connection, token)
    connection.execute("UPDATE workers SET pid = ? WHERE token = ?", (pid, token))


def _end_all(connection: Connection, now: datetime, why: str, host: str | None) -> int:
    rows = connection.execute("SELECT token, host FROM workers WHERE ended_at IS NULL").fetchall()
    tokens = [token for token, where in rows if host in (None, where)]
    for token in tokens:
        end(connection, now, token, why)
    return len(tokens)


def _bury(connection: Connection, now: datetime, token: int, why: str) -> int:
    (row,) = _rows(connection, "w.token = ?", (token,))
    if row.ended_at is not None:
        return 0
    unknown = end(connection, now, token, why)
    payload = {"worker": row.worker, "pid": row.pid, "host": row.host, "why": why, "unknown_commands": unknown}
    emit(connection, now, "worker.died", payload=payload)
    return unknown


def _rows(connection: Connection, where: str, parameters: tuple[Any, ...]) -> list[WorkerRow]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM workers w WHERE {where}", parameters).fetchall()  # noqa: S608
    held: dict[int, list[str]] = {}
    for token, shard in connection.execute("SELECT token, shard FROM leases ORDER BY shard"):
        held.setdefault(token, []).append(shard)
    return [_row(row, tuple(held.get(row[0], ()))) for row in rows]


def _row(row: tuple[Any, ...], shards: tuple[str, ...]) -> WorkerRow:
    token, worker, host, pid, started_at, ended_at, why = row
    return WorkerRow(token, worker, host, pid, from_micros(started_at), from_micros(ended_at), why, shards)
