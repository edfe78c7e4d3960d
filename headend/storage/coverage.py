"""How complete a day's profile data are: rows that are stored against rows that meters must have captured.

A meter's day is that of its own time zone. A row is stamped with the end of what it measures, so the row of midnight
closes the day before. A row beside the grid of the capture period (the clock was off, or set) stands for the nearest
capture, and two rows for one capture count once. How often a meter captures is what it says itself, for the whole day;
its model's period counts until it was asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from attrs import define, field, frozen

from headend.session.ports import Now
from headend.storage.readers import Readers
from headend.storage.shapes import shapes_of
from headend.storage.sqlite import Connection
from headend.storage.times import to_hundredths

#: Meters that share no lane are shown as one.
DIRECT: Final = "(direct)"

_IN_OFFICE: Final = "(:office = '' OR m.office = :office OR substr(m.office, 1, length(:office) + 1) = :office || '/')"


@define
class Share:
    """What there is of what should be: rows, and meters with every row."""

    meters: int = 0
    complete: int = 0
    expected: int = 0
    stored: int = 0

    @property
    def percent(self) -> float:
        """Rows that are there, of those that should be; 100 where none should be yet."""
        return 100.0 * self.stored / self.expected if self.expected else 100.0

    def add(self, stored: int, expected: int) -> None:
        """Count a meter."""
        self.meters += 1
        self.complete += stored >= expected
        self.expected += expected
        self.stored += stored


@frozen
class Incomplete:
    """A meter that lacks rows of a profile on the day."""

    meter: str
    profile: str
    office: str
    lane: str
    stored: int
    expected: int


@define
class Coverage:
    """A day's coverage; shares by profile, by (profile, office) and by (profile, lane).

    `unmeasured` meters have a model with no periodic profile that was asked for.
    """

    day: date
    profiles: dict[str, Share] = field(factory=dict)
    offices: dict[tuple[str, str], Share] = field(factory=dict)
    lanes: dict[tuple[str, str], Share] = field(factory=dict)
    missing: list[Incomplete] = field(factory=list)
    unmeasured: int = 0


@define(eq=False)
class Completeness:
    """Reads how complete the data are."""

    _readers: Readers
    _now: Now

    async def day(self, day: date, periods: Mapping[str, Mapping[str, int]], office: str = "") -> Coverage:
        """The coverage of a day; `periods` is model to profile to capture period in seconds.

        Of the present day, captures up to now are expected; of one to come, none.
        """
        return await self._readers.run(
            lambda connection: _coverage(connection, day, periods, office.strip("/"), self._now())
        )


def _coverage(
    connection: Connection, day: date, periods: Mapping[str, Mapping[str, int]], office: str, now: datetime
) -> Coverage:
    found = Coverage(day)
    offices: defaultdict[tuple[str, str], Share] = defaultdict(Share)
    lanes: defaultdict[tuple[str, str], Share] = defaultdict(Share)
    profiles: defaultdict[str, Share] = defaultdict(Share)
    for zone, model, meters in _kinds(connection, office):
        wanted = periods.get(model, {})
        found.unmeasured += 0 if wanted else meters
        for capturing in _by_period(connection, wanted):
            profile = capturing.profile
            expected, rows = _counted(connection, office, zone, model, capturing, day, now)
            for serial, its_office, lane, stored in rows:
                profiles[profile].add(stored, expected)
                offices[profile, its_office].add(stored, expected)
                lanes[profile, lane or DIRECT].add(stored, expected)
                if stored < expected:
                    found.missing.append(Incomplete(serial, profile, its_office, lane, stored, expected))
    found.profiles, found.offices, found.lanes = dict(profiles), _sorted(offices), _sorted(lanes)
    found.missing.sort(key=lambda each: (each.profile, each.meter))
    return found


def _kinds(connection: Connection, office: str) -> list[tuple[str, str, int]]:
    """Time zone and model of meters, and how many have them."""
    return connection.execute(
        f"SELECT m.time_zone, m.model, count(*) FROM meters m WHERE {_IN_OFFICE} GROUP BY 1, 2 ORDER BY 1, 2",  # noqa: S608
        {"office": office},
    ).fetchall()


@frozen
class _Capturing:
    """Meters that capture a profile every so many seconds: those that said one of `captures`, 0 for nothing yet."""

    profile: str
    seconds: int
    #: None where all meters are alike.
    captures: tuple[int, ...] | None


def _by_period(connection: Connection, wanted: Mapping[str, int]) -> Iterator[_Capturing]:
    """Each profile with its periods: what meters said, and for whom has not said it that of the model."""
    said = "SELECT id, body FROM captures WHERE id IN (SELECT capture FROM meter_captures WHERE profile = ?)"
    for profile, of_model in wanted.items():
        periods = defaultdict(list, {of_model: [0]})
        for number, body in connection.execute(said, (profile,)).fetchall():
            periods[msgspec.json.decode(body)["period"] or of_model].append(int(number))
        for seconds, captures in sorted(periods.items()):
            yield _Capturing(profile, seconds, tuple(captures) if len(periods) > 1 else None)


def _counted(
    connection: Connection, office: str, zone: str, model: str, capturing: _Capturing, day: date, now: datetime
) -> tuple[int, Iterable[tuple[str, str, str, int]]]:
    """How many captures a meter must have made, and of each meter how many are stored."""
    start, end = bounds(day, ZoneInfo(zone))
    period = capturing.seconds * 100
    expected = max((to_hundredths(min(end, now)) - to_hundredths(start)) // period, 0)
    parameters: dict[str, Any] = {
        "office": office,
        "zone": zone,
        "model": model,
        "start": to_hundredths(start),
        "period": period,
        "half": period // 2,
        "last": expected,
        "profile": capturing.profile,
    }
    tables = [shape.table for shape in shapes_of(connection, capturing.profile)]
    rows = connection.execute(_select(tables) + _saying(capturing.captures), parameters)
    return expected, rows


def _select(tables: list[str]) -> str:
    """Meters with the number of distinct captures in any shape of the profile."""
    counted = "0"
    if tables:
        captures = " UNION ".join(
            f'SELECT (time + :half - :start) / :period AS capture FROM "{table}" WHERE meter = m.id'  # noqa: S608
            " AND time >= :start + :half AND time < :start + :last * :period + :half"
            for table in tables
        )
        counted = f"(SELECT count(DISTINCT capture) FROM ({captures}) c)"  # noqa: S608  names are ours
    return (
        f"SELECT m.serial, m.office, m.lane, {counted} FROM meters m"  # noqa: S608
        f" WHERE m.time_zone = :zone AND m.model = :model AND {_IN_OFFICE}"
    )


def _saying(captures: tuple[int, ...] | None) -> str:
    """Only meters that said one of these, 0 for nothing; any where there are none."""
    if captures is None:
        return ""
    said = "SELECT c.capture FROM meter_captures c WHERE c.meter = m.id AND c.profile = :profile"
    return f" AND coalesce(({said}), 0) IN ({', '.join(map(str, captures))})"


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Local midnight at the beginning and at the end of a day; 23 or 25 hours apart where clocks are changed."""
    utc = ZoneInfo("UTC")
    start, end = (datetime.combine(each, time(), zone).astimezone(utc) for each in (day, day + timedelta(days=1)))
    return start, end


def _sorted(shares: Mapping[tuple[str, str], Share]) -> dict[tuple[str, str], Share]:
    return dict(sorted(shares.items()))


def lacking(shares: Mapping[tuple[str, str], Share]) -> Iterator[tuple[tuple[str, str], Share]]:
    """Those that are not complete, the emptiest first."""
    yield from sorted(
        ((key, share) for key, share in shares.items() if share.stored < share.expected),
        key=lambda item: (item[1].percent, item[0]),
    )
