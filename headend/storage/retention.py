"""Readings that were kept long enough are removed, a little at a time, so that nothing urgent waits for it.

Only rows of profiles and register values are ever removed: never money, decisions, notices, the journal, the audit or
events. The space is used again by new rows; the file does not become smaller.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.shapes import all_tables
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_hundredths, to_micros
from headend.storage.writer import Writer

#: The name by which register values are kept, beside the names of profiles.
REGISTERS: Final = "registers"

#: Meters looked at and rows removed in one transaction: some milliseconds.
_METERS: Final = 100
_ROWS: Final = 2000

_LAST_RUN: Final = "retention_at"

#: Meters first, so that the oldest rows of each are found by the key and nothing else is read.
_OLD_ROWS: Final = 'SELECT t.meter, t.time FROM meters m CROSS JOIN "{table}" t ON t.meter = m.id AND t.time < :cutoff'
#: A value holds until the next one, so the one that held at the cutoff is kept, whenever it was written.
_OLD_VALUES: Final = (
    "SELECT t.meter, t.register, t.at FROM meters m CROSS JOIN registers r CROSS JOIN register_values t"
    " ON t.meter = m.id AND t.register = r.id AND t.at <"
    " (SELECT max(n.at) FROM register_values n WHERE n.meter = m.id AND n.register = r.id AND n.at <= :cutoff)"
)
_SOME: Final = " WHERE m.id > :after AND m.id <= :upto LIMIT :most"


@frozen
class Keep:
    """How long a profile, or `registers`, is kept."""

    what: str
    span: timedelta


@frozen
class Old:
    """What is older than it is kept: rows, and the moment before which they were captured."""

    what: str
    before: datetime
    rows: int


@frozen
class Progress:
    """`removed` rows of `what` in this step; `done` of `meters` looked at."""

    what: str
    removed: int
    done: int
    meters: int


@define(eq=False)
class Retention:
    """Finds and removes old readings."""

    _writer: Writer
    _readers: Readers
    _now: Now
    meters_at_once: int = field(default=_METERS)
    rows_at_once: int = field(default=_ROWS)

    async def old(self, keeps: Sequence[Keep]) -> list[Old]:
        """What would be removed now; it only looks."""
        return await self._readers.run(lambda connection: [_counted(connection, each, self._now()) for each in keeps])

    async def remove(self, keeps: Sequence[Keep]) -> AsyncIterator[Progress]:
        """Remove what is old, one small transaction a step; what is left when it is broken off goes with the next."""
        now, removed = self._now(), dict.fromkeys((each.what for each in keeps), 0)
        (last,) = await self._readers.run(lambda one: one.execute("SELECT coalesce(max(id), 0) FROM meters").fetchone())
        for keep in keeps:
            for table in await self._readers.run(partial(_tables, what=keep.what)):
                after = 0
                while after < last:
                    upto = min(after + self.meters_at_once, last)
                    span = {"after": after, "upto": upto, "most": self.rows_at_once, "cutoff": _cutoff(keep, now)}
                    count = await self._writer.run(partial(_remove, table=table, what=keep.what, span=span))
                    removed[keep.what] += count
                    if count < self.rows_at_once:
                        after = upto
                    yield Progress(keep.what, count, after, last)
        await self._writer.run(lambda connection: _finish(connection, now, removed))

    async def last_run(self) -> datetime | None:
        """When everything old was last removed."""
        row = await self._readers.run(
            lambda connection: connection.execute("SELECT value FROM meta WHERE name = ?", (_LAST_RUN,)).fetchone()
        )
        return None if row is None else from_micros(int(row[0]))


def _tables(connection: Connection, what: str) -> list[str]:
    if what == REGISTERS:
        return ["register_values"]
    return [table for profile, table in all_tables(connection) if profile == what]


def _cutoff(keep: Keep, now: datetime) -> int:
    return to_micros(now - keep.span) if keep.what == REGISTERS else to_hundredths(now - keep.span)


def _old_rows(table: str, what: str) -> str:
    return _OLD_VALUES if what == REGISTERS else _OLD_ROWS.format(table=table)


def _counted(connection: Connection, keep: Keep, now: datetime) -> Old:
    rows = 0
    for table in _tables(connection, keep.what):
        (count,) = connection.execute(
            f"SELECT count(*) FROM ({_old_rows(table, keep.what)}) old",  # noqa: S608  names are ours
            {"cutoff": _cutoff(keep, now)},
        ).fetchone()
        rows += count
    return Old(keep.what, now - keep.span, rows)


def _remove(connection: Connection, table: str, what: str, span: Mapping[str, Any]) -> int:
    key = "(meter, register, at)" if what == REGISTERS else "(meter, time)"
    statement = f'DELETE FROM "{table}" WHERE {key} IN ({_old_rows(table, what)}{_SOME})'  # noqa: S608  names are ours
    return int(connection.execute(statement, span).rowcount)


def _finish(connection: Connection, now: datetime, removed: Mapping[str, int]) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (_LAST_RUN, to_micros(now)))
    if any(removed.values()):
        emit(connection, now, "store.retention", payload={"removed": dict(removed)})
