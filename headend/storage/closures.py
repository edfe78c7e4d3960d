"""Hours and days without cuts that officers add to the policy file's.

Who adds one makes a cut less likely, so one person may. To lift one again takes a second person, where the house
wants that; what the policy file forbids can't be lifted here at all.
"""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from attrs import define, frozen

from headend.commands.journal import RefusedByRule
from headend.commands.officers import within
from headend.errors import HeadendError
from headend.prepaid.calendar import Closures, Hours
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

_COLUMNS: Final = (
    "id, office, day, starts, ends, weekdays, reason, added_by, added_at, lift_asked_by, lift_asked_at, lifted_by"
)
_NONE: Final = Closures()


class UnknownClosure(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No closure of that number."""

    exit_code = 2

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no closure {number}")
        self.number = number


@frozen
class Closure:
    """One that an officer added: a `day`, or `hours` of the week; `office` and all below it, empty for the house."""

    id: int
    office: str
    what: date | Hours
    reason: str
    added_by: str
    added_at: datetime
    lift_asked_by: str | None
    lift_asked_at: datetime | None
    lifted_by: str | None

    @property
    def day(self) -> date | None:
        """The day, None for hours."""
        return None if isinstance(self.what, Hours) else self.what

    @property
    def hours(self) -> Hours | None:
        """The hours, None for a day."""
        return self.what if isinstance(self.what, Hours) else None


@define(eq=False)
class ClosureBook:
    """What officers added to the calendar."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def closures(self) -> list[Closure]:
        """Those in force, by office; days that have passed are left out."""
        return await self._readers.run(lambda connection: _in_force(connection, self._now()))

    async def of_house(self) -> Closures:
        """What holds for the whole house, to be put beside a policy's calendar."""
        return await self._readers.run(lambda connection: closures_for(connection, "", self._now()))

    async def closure(self, number: int) -> Closure:
        """One of them; raises UnknownClosure."""
        return await self._readers.run(lambda connection: _get(connection, number))

    async def add(self, office: str, what: date | Hours, reason: str, by: str) -> Closure:
        """Forbid cuts from now on; raises RefusedByRule for a day that has passed."""
        return await self._writer.run(
            lambda connection: _add(connection, office.strip("/"), what, reason, by, self._now())
        )

    async def lift(self, number: int, by: str, *, second_person: bool) -> Closure:
        """Ask for a closure to be lifted, or, as another person, lift it.

        With `second_person` False one person suffices. Raises UnknownClosure, RefusedByRule.
        """
        return await self._writer.run(lambda connection: _lift(connection, number, by, second_person, self._now()))

    async def keep(self, number: int, by: str) -> Closure:
        """It stays after all: what was asked for is called off."""
        return await self._writer.run(lambda connection: _keep(connection, number, by, self._now()))


def closures_for(connection: Connection, office: str, now: datetime) -> Closures:
    """What holds for an account of an office, to be added to its policy's calendar."""
    rows = connection.execute(
        "SELECT office, day, starts, ends, weekdays FROM closures"
        " WHERE lifted_at IS NULL AND (day IS NULL OR day >= ?)",
        (_yesterday(now),),
    ).fetchall()
    if not rows:
        return _NONE
    mine = [_what(*rest) for whose, *rest in rows if within(office, whose)]
    return Closures(
        frozenset(each for each in mine if not isinstance(each, Hours)),
        tuple(each for each in mine if isinstance(each, Hours)),
    )


def _in_force(connection: Connection, now: datetime) -> list[Closure]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM closures WHERE lifted_at IS NULL AND (day IS NULL OR day >= ?)"  # noqa: S608  constant
        " ORDER BY day IS NULL DESC, day, office, id",
        (_yesterday(now),),
    )
    return [_closure(row) for row in rows]


def _get(connection: Connection, number: int) -> Closure:
    row = connection.execute(f"SELECT {_COLUMNS} FROM closures WHERE id = ?", (number,)).fetchone()  # noqa: S608
    if row is None:
        raise UnknownClosure(number)
    return _closure(row)


def _add(connection: Connection, office: str, what: date | Hours, reason: str, by: str, now: datetime) -> Closure:
    if not isinstance(what, Hours) and what.isoformat() < _yesterday(now):
        raise RefusedByRule(f"{what} has passed; name a day that is to come")
    values = (None, *_of_hours(what)) if isinstance(what, Hours) else (what.isoformat(), None, None, None)
    cursor = connection.execute(
        "INSERT INTO closures (office, day, starts, ends, weekdays, reason, added_by, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (office, *values, reason, by, to_micros(now)),
    )
    made = _get(connection, int(cursor.lastrowid or 0))
    _tell(connection, "calendar.closed", made, by, now)
    return made


def _lift(connection: Connection, number: int, by: str, second_person: bool, now: datetime) -> Closure:  # noqa: FBT001
    found = _standing(connection, number)
    if second_person and found.lift_asked_by is None:
        connection.execute(
            "UPDATE closures SET lift_asked_by = ?, lift_asked_at = ? WHERE id = ?", (by, to_micros(now), number)
        )
        return _get(connection, number)
    if second_person and found.lift_asked_by == by:
        raise RefusedByRule(f"{by} asked for this; a second person lifts it")
    connection.execute("UPDATE closures SET lifted_by = ?, lifted_at = ? WHERE id = ?", (by, to_micros(now), number))
    _tell(connection, "calendar.opened", found, by, now)
    return _get(connection, number)


def _keep(connection: Connection, number: int, by: str, now: datetime) -> Closure:
    _standing(connection, number)
    connection.execute("UPDATE closures SET lift_asked_by = NULL, lift_asked_at = NULL WHERE id = ?", (number,))
    kept = _get(connection, number)
    _tell(connection, "calendar.kept", kept, by, now)
    return kept


def _standing(connection: Connection, number: int) -> Closure:
    found = _get(connection, number)
    if found.lifted_by is not None:
        raise RefusedByRule(f"{found.lifted_by} lifted this already")
    return found


def _tell(connection: Connection, kind: str, closure: Closure, by: str, now: datetime) -> None:
    payload = {"id": closure.id, "office": closure.office, "what": written(closure.what), "reason": closure.reason}
    emit(connection, now, kind, payload=payload | {"by": by})


def written(what: date | Hours) -> str:
    """A closure as a person writes it: `2026-11-24`, `18:00 to 08:00 on mon, tue`."""
    if not isinstance(what, Hours):
        return what.isoformat()
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    days = "every day" if len(what.days) == 7 else f"on {', '.join(names[each] for each in sorted(what.days))}"
    return f"{what.start:%H:%M} to {what.end:%H:%M} {days}"


def _of_hours(hours: Hours) -> tuple[str, str, str]:
    return f"{hours.start:%H:%M}", f"{hours.end:%H:%M}", "".join(map(str, sorted(hours.days)))


def _what(day: str | None, starts: str | None, ends: str | None, weekdays: str | None) -> date | Hours:
    if day is not None:
        return date.fromisoformat(day)
    return Hours(time.fromisoformat(starts or ""), time.fromisoformat(ends or ""), frozenset(map(int, weekdays or "")))


def _closure(row: tuple[Any, ...]) -> Closure:
    number, office, day, starts, ends, weekdays, reason, added_by, added_at, asked_by, asked_at, lifted_by = row
    what = _what(day, starts, ends, weekdays)
    return Closure(
        number, office, what, reason, added_by, from_micros(added_at), asked_by, from_micros(asked_at), lifted_by
    )


def _yesterday(now: datetime) -> str:
    """No zone is a whole day behind ours: a day before it has passed everywhere."""
    return (now - timedelta(days=1)).date().isoformat()
