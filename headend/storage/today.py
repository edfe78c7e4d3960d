# ruff: noqa: S608  the conditions are ours, values go in as parameters
"""The fleet of an office in numbers, for the first page and for the coverage that the API tells."""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from headend.commands.latency import Latency, latency
from headend.session.ports import Now
from headend.storage.listings import in_office
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: A meter that was visited within this counts as reached.
REACHED_WITHIN: Final = timedelta(hours=24)
_LATENCY_OVER: Final = timedelta(days=7)


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
    look = _Look(connection, office, now)
    offices = _coverage(connection, office, look.values)
    total = Coverage(
        office,
        *(sum(getattr(each, name) for each in offices) for name in ("meters", "reached", "off", "failing")),
    )
    return Today(
        at=now,
        total=total,
        offices=tuple(offices),
        commands=look.open_commands(),
        cuts_today=look.moved("disconnected"),
        restores_today=look.moved("connected"),
        latency=_latency(connection, look.where("segment"), look.values),
        work_open=look.count("work_items", "closed_at IS NULL", "office"),
        complaints_open=look.count("complaints", "closed_at IS NULL", "office"),
        below_zero=look.count("accounts", "negative_since IS NOT NULL", "office"),
        notices_failed=look.count_of(
            "deliveries d", "d.state = 'failed' AND d.changed_at > :since", "accounts a", "a.id = d.account"
        ),
        no_number=look.count("accounts", "mobile IS NULL", "office")
        + look.count(
            "accounts",
            "id IN (SELECT account FROM contacts WHERE listed_at IS NOT NULL) AND mobile IS NOT NULL",
            "office",
        ),
        tampers=look.count("meter_events", "kind = 'tamper' AND seen_at > :since", "office"),
        conflicts=look.count_of("conflicts c", "1 = 1", "meters m", "m.id = c.meter"),
        armed=_switch(connection, "armed"),
        killed=_switch(connection, "kill_switch"),
    )


@define(eq=False)
class _Look:
    """Counts of one moment, within an office and all below it."""

    connection: Connection
    office: str
    now: datetime
    values: dict[str, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.values = {
            "office": self.office,
            "since": to_micros(self.now - REACHED_WITHIN),
            "week": to_micros(self.now - _LATENCY_OVER),
        }

    def where(self, column: str) -> str:
        """The condition that a row is the office's."""
        return in_office(column) if self.office else "1 = 1"

    def count(self, source: str, condition: str, column: str) -> int:
        """How many rows there are."""
        statement = f"SELECT count(*) FROM {source} WHERE {condition} AND {self.where(column)}"
        return int(self.connection.execute(statement, self.values).fetchone()[0])

    def count_of(self, source: str, condition: str, owner: str, joined: str) -> int:
        """How many rows there are of few, each asked for its owner's office: an office may have many owners."""
        statement = f"SELECT count(*) FROM {source} WHERE {condition}"
        if self.office:
            where = self.where(f"{owner[-1]}.office")
            statement += f" AND EXISTS (SELECT 1 FROM {owner} WHERE {joined} AND {where})"
        return int(self.connection.execute(statement, self.values).fetchone()[0])

    def moved(self, target: str) -> int:
        """Relays proven to have moved to that side lately."""
        confirmed = f"changed_at > :since AND target = '{target}' AND state = 'confirmed'"
        return self.count("commands", confirmed, "segment")

    def open_commands(self) -> dict[str, int]:
        """Commands by state that have no outcome yet."""
        statement = (
            "SELECT state, count(*) FROM commands WHERE state IN ('requested', 'sending', 'unknown', 'quarantined')"
            f" AND {self.where('segment')} GROUP BY state"
        )
        return dict(self.connection.execute(statement, self.values).fetchall())


def _offices(connection: Connection) -> list[str]:
    found = {office for (office,) in connection.execute("SELECT DISTINCT office FROM officers")}
    for table in ("meters", "accounts"):
        # From one office to the next along the index: a count of offices, not of meters.
        office = ""
        while office is not None:
            found.add(office)
            (office,) = connection.execute(f"SELECT min(office) FROM {table} WHERE office > ?", (office,)).fetchone()
    return sorted(found - {""})


def _without_number(connection: Connection, office: str) -> dict[str, int]:
    where = in_office("a.office") if office else "1 = 1"
    rows = connection.execute(
        "SELECT a.office, count(*) FROM accounts a WHERE a.id IN (SELECT id FROM accounts WHERE mobile IS NULL"
        f" UNION SELECT account FROM contacts WHERE listed_at IS NOT NULL) AND {where}"
        " GROUP BY a.office ORDER BY a.office",
        {"office": office},
    )
    return dict(rows.fetchall())


def _coverage(connection: Connection, office: str, values: dict[str, Any]) -> list[Coverage]:
    """All meters are counted from an index; then those alone are looked at that are not as they should be."""
    where = in_office("m.office") if office else "1 = 1"
    late, dark, failing = (
        f"SELECT m.office, count(*) FROM meters m WHERE m.id IN (SELECT meter FROM meter_state WHERE {condition})"
        f" AND {where} GROUP BY m.office"
        for condition in ("last_done <= :since", "relay_connected = 0", "last_outcome <> 'done'")
    )
    never = (
        "SELECT m.office, count(*) FROM meters m LEFT JOIN meter_state s ON s.meter = m.id"
        f" WHERE s.last_done IS NULL AND {where} GROUP BY m.office"
    )
    (visited,) = connection.execute("SELECT count(*) FROM meter_state WHERE last_done IS NOT NULL").fetchone()
    every = f"SELECT m.office, count(*) FROM meters m WHERE {where} GROUP BY m.office"
    counted = [_by_office(connection, each, values, office) for each in (every, late, dark, failing)]
    (meters,) = connection.execute("SELECT count(*) FROM meters").fetchone()
    unseen = _by_office(connection, never, values, office) if visited < meters else {}
    return [
        Coverage(
            name,
            meters=count,
            reached=count - counted[1].get(name, 0) - unseen.get(name, 0),
            off=counted[2].get(name, 0),
            failing=counted[3].get(name, 0),
        )
        for name, count in sorted(counted[0].items())
    ]


def _by_office(connection: Connection, statement: str, values: dict[str, Any], office: str) -> dict[str, int]:
    """Counts of offices, summed up to the offices one step below `office`."""
    found: dict[str, int] = {}
    for path, count in connection.execute(statement, values):
        name = _below(office, path)
        found[name] = found.get(name, 0) + count
    return found


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
