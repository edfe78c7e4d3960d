"""How often somebody may try at the portal's door: kept in the database, so that it holds over restarts and processes.

A number that nobody has is counted as any other, with the same work and the same rows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from headend.prepaid.portal import Bound
from headend.session.ports import Now
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.writer import Writer

#: So many rows that hold nothing any more are removed with each try: more than it adds.
_SWEPT: Final = 20


@define(eq=False)
class Tries:
    """Counts tries by what is tried and by whom."""

    _writer: Writer
    _now: Now

    async def take(self, bounds: Sequence[tuple[Bound, str]]) -> float:
        """Count one try under each bound's key; 0 when all let it through, else the seconds until they would."""
        return await self._writer.run(lambda connection: _take(connection, bounds, self._now()))

    async def admits(self, address: str, consumer_no: str, most: int, span: timedelta) -> bool:
        """Note that an address asks for a consumer number; False where that is one number too many within `span`."""
        return await self._writer.run(
            lambda connection: _admits(connection, address, consumer_no, most, self._now(), span)
        )

    async def forget(self, bound: Bound, key: str) -> None:
        """Begin anew: a right password clears the wrong ones before it."""
        await self._writer.run(
            lambda connection: connection.execute(
                "DELETE FROM portal_tries WHERE what = ? AND key = ?", (bound.what, key)
            )
        )


def _take(connection: Connection, bounds: Sequence[tuple[Bound, str]], now: datetime) -> float:
    connection.execute(
        "DELETE FROM portal_tries WHERE (what, key) IN"
        " (SELECT what, key FROM portal_tries WHERE empty_at < ? ORDER BY empty_at LIMIT ?)",
        (to_micros(now), _SWEPT),
    )
    return max(_count(connection, bound, key, now) for bound, key in bounds)


def _count(connection: Connection, bound: Bound, key: str, now: datetime) -> float:
    row = connection.execute(
        "SELECT level, at FROM portal_tries WHERE what = ? AND key = ?", (bound.what, key)
    ).fetchone()
    rate = bound.most / bound.span.total_seconds()
    passed = 0.0 if row is None else (to_micros(now) - row[1]) / 1_000_000
    level = 0.0 if row is None else max(0.0, row[0] - passed * rate)
    wait = 0.0 if level + 1 <= bound.most else (level + 1 - bound.most) / rate
    level = level if wait else level + 1
    empty_at = to_micros(now + timedelta(seconds=level / rate))
    connection.execute(
        "INSERT INTO portal_tries (what, key, level, at, empty_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (what, key) DO UPDATE SET level = excluded.level, at = excluded.at, empty_at = excluded.empty_at",
        (bound.what, key, level, to_micros(now), empty_at),
    )
    return wait


def _admits(connection: Connection, address: str, consumer_no: str, most: int, now: datetime, span: timedelta) -> bool:
    since = to_micros(now - span)
    connection.execute("DELETE FROM portal_callers WHERE at < ?", (since,))
    others, known = connection.execute(
        "SELECT count(*), count(CASE WHEN consumer_no = ? THEN 1 END) FROM portal_callers WHERE address = ?",
        (consumer_no, address),
    ).fetchone()
    if not known and others >= most:
        return False
    connection.execute(
        "INSERT INTO portal_callers (address, consumer_no, at) VALUES (?, ?, ?)"
        " ON CONFLICT (address, consumer_no) DO UPDATE SET at = excluded.at",
        (address, consumer_no, to_micros(now)),
    )
    return True
