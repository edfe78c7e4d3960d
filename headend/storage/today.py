# ruff: noqa: S608  the conditions are ours, values go in as parameters
"""The fleet of an office in numbers, for the first page and for the coverage that the API tells."""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, frozen

from headend.commands.latency import Latency, latency
from headend.session.ports import Now
from headend.storage.listings import in_office
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: A meter that was visited within this counts as reached.
REACHED_WITHIN: Final = timedelta(hours=24)
_LATENCY_OVER: Final = timedelta(days=7)
#: What meters tell of by themselves begins with this, as does what tampering leaves behind.
_TAMPER: Final = ("push.event", "push.alert", "wrong_meter")


@frozen
class Coverage:
    """An office and all below it: meters, those reached within a day, those without supply, those that fail now."""

    office: str
    meters: int
    reached: int
    off: int
    failing: int

    @property
    def share(self) -> float | None:
        """Reached of all, from 0 to 1."""
        return self.reached / self.meters if self.meters else None


@frozen
class Today:
    """How the day goes: `commands` open ones by state, `notices` of a day by state of their newest message."""

    at: datetime
    total: Coverage
    offices: tuple[Coverage, ...]
    commands: dict[str, int]
    cuts_today: int
    restores_today: int
    latency: Latency
    work_open: int
    complaints_open: int
    below_zero: int
    notices_failed: int
    no_number: int
    tampers: int
    conflicts: int
    armed: bool
    killed: bool


@define(eq=False)
class Todays:
    """The numbers of an office."""

    _readers: Readers
    _now: Now

    async def today(self, office: str = "") -> Today:
        """How the day goes in an office and below; empty: the house."""
        return await self._readers.run(lambda connection: _today(connection, office.strip("/"), self._now()))

    async def offices(self) -> list[str]:
        """Every office that has a meter, an account or an officer."""
        return await self._readers.run(_offices)

    async def without_number(self, office: str = "") -> dict[str, int]:
        """How many consumers have no working number, by office."""
        return await self._readers.run(lambda connection: _without_number(connection, office.strip("/")))


def _today(connection: Connection, office: str, now: datetime) -> Today:
    values = {
        "office": office,
        "since": to_micros(now - REACHED_WITHIN),
        "week": to_micros(now - _LATENCY_OVER),
    }

    def number(statement: str) -> int:
        return int(connection.execute(statement, values).fetchone()[0])

    def where(column: str) -> str:
        return in_office(column) if office else "1"

    offices = _coverage(connection, office, values)
    total = Coverage(
        office,
        *(sum(getattr(each, name) for each in offices) for name in ("meters", "reached", "off", "failing")),
    )
    return Today(
        at=now,
        total=total,
        offices=tuple(offices),
        commands=dict(
            connection.execute(
                "SELECT state, count(*) FROM commands WHERE state IN ('requested', 'sending', 'unknown', 'quarantined')"
                f" AND {where('segment')} GROUP BY state",
                values,
            ).fetchall()
        ),
        cuts_today=number(
            "SELECT count(*) FROM commands WHERE changed_at > :since AND target = 'disconnected'"
            f" AND state = 'confirmed' AND {where('segment')}"
        ),
        restores_today=number(
            "SELECT count(*) FROM commands WHERE changed_at > :since AND target = 'connected'"
            f" AND state = 'confirmed' AND {where('segment')}"
        ),
        latency=_latency(connection, where("segment"), values),
        work_open=number(f"SELECT count(*) FROM work_items WHERE closed_at IS NULL AND {where('office')}"),
        complaints_open=number(f"SELECT count(*) FROM complaints WHERE closed_at IS NULL AND {where('office')}"),
        below_zero=number(f"SELECT count(*) FROM accounts WHERE negative_since IS NOT NULL AND {where('office')}"),
        notices_failed=number(
            "SELECT count(*) FROM deliveries d JOIN accounts a ON a.id = d.account WHERE d.state = 'failed'"
            f" AND d.changed_at > :since AND {where('a.office')}"
        ),
        no_number=number(f"SELECT count(*) FROM accounts WHERE mobile IS NULL AND {where('office')}")
        + number(
            "SELECT count(*) FROM contacts c JOIN accounts a ON a.id = c.account WHERE c.listed_at IS NOT NULL"
            f" AND a.mobile IS NOT NULL AND {where('a.office')}"
        ),
        tampers=number(
            f"SELECT count(*) FROM events e LEFT JOIN meters m ON m.serial = e.meter WHERE e.number > {_day_begins()}"
            f" AND e.kind IN {_TAMPER} AND e.at > :since AND {where('m.office')}"
        ),
        conflicts=number(f"SELECT count(*) FROM conflicts c JOIN meters m ON m.id = c.meter WHERE {where('m.office')}"),
        armed=_switch(connection, "armed"),
        killed=_switch(connection, "kill_switch"),
    )


def _offices(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT office FROM meters UNION SELECT DISTINCT office FROM accounts"
        " UNION SELECT DISTINCT office FROM officers ORDER BY 1"
    )
    return [office for (office,) in rows if office]


def _without_number(connection: Connection, office: str) -> dict[str, int]:
    where = in_office("a.office") if office else "1"
    rows = connection.execute(
        "SELECT a.office, count(*) FROM accounts a LEFT JOIN contacts c ON c.account = a.id"
        f" WHERE (a.mobile IS NULL OR c.listed_at IS NOT NULL) AND {where} GROUP BY a.office ORDER BY a.office",
        {"office": office},
    )
    return dict(rows.fetchall())


def _day_begins() -> str:
    """The newest events alone are looked at: a fleet of a million writes fewer in a day."""
    return "(SELECT coalesce(max(number), 0) - 100000 FROM events)"


def _coverage(connection: Connection, office: str, values: dict[str, Any]) -> list[Coverage]:
    where = in_office("m.office") if office else "1"
    rows = connection.execute(
        "SELECT m.office, count(*), coalesce(sum(s.last_done > :since), 0), coalesce(sum(s.relay_connected = 0), 0),"
        " coalesce(sum(s.last_outcome <> 'done'), 0) FROM meters m LEFT JOIN meter_state s ON s.meter = m.id"
        f" WHERE {where} GROUP BY m.office",
        values,
    )
    grouped: dict[str, list[int]] = {}
    for path, *numbers in rows:
        kept = grouped.setdefault(_below(office, path), [0, 0, 0, 0])
        for place, count in enumerate(numbers):
            kept[place] += count
    return [Coverage(name, *numbers) for name, numbers in sorted(grouped.items())]


def _below(office: str, path: str) -> str:
    """The office one step below `office` that a path belongs to; itself where it is not below."""
    if path == office:
        return path
    rest = path[len(office) + 1 :] if office else path
    step = rest.partition("/")[0]
    return f"{office}/{step}" if office else step


def _latency(connection: Connection, where: str, values: dict[str, Any]) -> Latency:
    rows = connection.execute(
        "SELECT changed_at - requested_at FROM commands WHERE target = 'connected' AND state = 'confirmed'"
        f" AND changed_at >= :week AND cause LIKE 'recharge:%' AND {where}",
        values,
    )
    return latency(from_micros(micros) - from_micros(0) for (micros,) in rows)


def _switch(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT value FROM switches WHERE name = ?", (name,)).fetchone()
    return row is not None and bool(row[0])
