# ruff: noqa: S608  the conditions are ours, values go in as parameters
"""How keys and clocks stand: when they came and how they drift; no key is ever read here."""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, frozen

from headend.storage.inventory import meter_id
from headend.storage.listings import in_office
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: Keys that came within this are told as new.
_LATELY: Final = timedelta(days=30)
#: Below this much time since a clock was set nothing is said about its drift.
_SHORTEST_DRIFT: Final = timedelta(hours=6)
_DAY_S: Final = 86_400.0


@frozen
class KeyState:
    """Keys of a role: how many meters have them (of `of`), how many got them lately, the newest and the oldest."""

    role: str
    meters: int
    of: int
    lately: int
    newest: datetime
    oldest: datetime


@frozen
class ClockState:
    """A meter's clock: seconds ahead of ours when it was seen; `per_day` seconds it gains since it was set."""

    deviation: float | None
    seen_at: datetime | None
    set_at: datetime | None
    set_before: float | None
    set_after: float | None
    per_day: float | None


@define(eq=False)
class Housekeeping:
    """Looks at keys and clocks."""

    _readers: Readers

    async def keys(self, office: str, now: datetime) -> list[KeyState]:
        """By role, for an office and all below it (empty: the house)."""
        return await self._readers.run(lambda connection: _keys(connection, office.strip("/"), now))

    async def keys_of(self, serial: str) -> list[tuple[str, datetime]]:
        """The roles that a meter has keys for, and when they came; raises UnknownMeter."""
        return await self._readers.run(lambda connection: _keys_of(connection, serial))

    async def clock(self, serial: str) -> ClockState:
        """How a meter's clock stands; raises UnknownMeter."""
        return await self._readers.run(lambda connection: _clock(connection, serial))


def _keys(connection: Connection, office: str, now: datetime) -> list[KeyState]:
    where = in_office("m.office") if office else "1 = 1"
    values: dict[str, Any] = {"office": office, "lately": to_micros(now - _LATELY)}
    (of,) = connection.execute(f"SELECT count(*) FROM meters m WHERE {where}", values).fetchone()
    rows = connection.execute(
        "SELECT k.role, count(*), coalesce(sum(k.imported_at > :lately), 0), max(k.imported_at), min(k.imported_at)"
        f" FROM keys k JOIN meters m ON m.id = k.meter WHERE {where} GROUP BY k.role ORDER BY k.role",
        values,
    )
    return [
        KeyState(role, meters, of, lately, from_micros(newest), from_micros(oldest))
        for role, meters, lately, newest, oldest in rows
    ]


def _keys_of(connection: Connection, serial: str) -> list[tuple[str, datetime]]:
    rows = connection.execute(
        "SELECT role, imported_at FROM keys WHERE meter = ? ORDER BY role", (meter_id(connection, serial),)
    )
    return [(role, from_micros(at)) for role, at in rows]


def _clock(connection: Connection, serial: str) -> ClockState:
    meter = meter_id(connection, serial)
    row = connection.execute("SELECT clock_deviation, clock_at FROM meter_state WHERE meter = ?", (meter,)).fetchone()
    deviation, seen_at = (None, None) if row is None else (row[0], from_micros(row[1]))
    row = connection.execute("SELECT at, before_s, after_s FROM clock_sets WHERE meter = ?", (meter,)).fetchone()
    set_at, before, after = (None, None, None) if row is None else (from_micros(row[0]), row[1], row[2])
    return ClockState(deviation, seen_at, set_at, before, after, _per_day(deviation, seen_at, set_at, after))


def _per_day(
    deviation: float | None, seen_at: datetime | None, set_at: datetime | None, after: float | None
) -> float | None:
    if deviation is None or seen_at is None or set_at is None or after is None or seen_at - set_at < _SHORTEST_DRIFT:
        return None
    return (deviation - after) * _DAY_S / (seen_at - set_at).total_seconds()
