"""The ledger as its owner reads it: a month line by line, use by day and by month; days are those of the meter's zone.

A statement goes by when something was booked, as the running balance does; use by when the meter showed it.
"""

from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import define, evolve

from headend.prepaid.portal import Line, Statement, Usage
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import StoredAccount, stored_account

#: What comes with every visit stands in a statement once a day.
_DAILY: Final = frozenset({"energy", "duty", "fixed"})
_LINES: Final = """
SELECT booked_at, kind, amount, balance, reference, note FROM ledger
WHERE account = ? AND booked_at >= ? AND booked_at < ? ORDER BY id DESC
"""
_USE: Final = """
SELECT at, kind, amount, note FROM ledger
WHERE account = ? AND at >= ? AND at < ? AND kind IN ('energy', 'duty', 'fixed') ORDER BY id
"""


@define(eq=False)
class Statements:
    """Statements and use of consumers; raises UnknownConsumer for a number that has no account."""

    _readers: Readers

    async def statement(self, consumer_no: str, month: date) -> Statement:
        """The ledger of the month that begins with `month`."""
        return await self._readers.run(lambda connection: _statement(connection, consumer_no, month))

    async def by_day(self, consumer_no: str, month: date) -> list[Usage]:
        """Use on each day of a month that has any, in order."""
        return await self._readers.run(lambda connection: _by_day(connection, consumer_no, month))

    async def by_month(self, consumer_no: str, last: date, count: int = 12) -> list[Usage]:
        """Use in each month that has any, of `count` months up to that of `last`, in order."""
        return await self._readers.run(lambda connection: _by_month(connection, consumer_no, last, count))

    async def recharges(self, consumer_no: str, limit: int = 50) -> list[Line]:
        """The newest recharges, newest first, whichever way they came."""
        return await self._readers.run(lambda connection: _recharges(connection, consumer_no, limit))

    async def receipt(self, consumer_no: str, payment: str) -> Line | None:
        """The ledger's line of one recharge, None where it is not booked for this consumer."""
        return await self._readers.run(lambda connection: _receipt(connection, consumer_no, payment))


def _statement(connection: Connection, consumer_no: str, month: date) -> Statement:
    stored = stored_account(connection, consumer_no)
    start, end = _span(stored, month, _next(month))
    rows = connection.execute(_LINES, (stored.id, start, end)).fetchall()
    before = connection.execute(
        "SELECT 1 FROM ledger WHERE account = ? AND booked_at < ? LIMIT 1", (stored.id, start)
    ).fetchone()
    if rows:
        opening, closing = rows[-1][3] - rows[-1][2], rows[0][3]
    else:
        opening = closing = _balance_at(connection, stored.id, start)
    return Statement(month, opening, closing, tuple(_lines(rows, ZoneInfo(stored.time_zone))), before is not None)


def _balance_at(connection: Connection, account: int, at: int) -> int:
    row = connection.execute(
        "SELECT balance FROM ledger WHERE account = ? AND booked_at < ? ORDER BY id DESC LIMIT 1", (account, at)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _lines(rows: list[Any], zone: ZoneInfo) -> list[Line]:
    """Newest first; entries that come with each visit are one line a day, unless something else happened between.

    Each line's balance is that of the line before it and its amount: who adds up finds no gap.
    """
    lines: list[Line] = []
    place: dict[tuple[str, date], int] = {}
    for at, kind, amount, balance, reference, note in rows:
        line = Line(from_micros(at), kind, amount, balance, reference, note)
        key = (kind, line.at.astimezone(zone).date())
        if kind not in _DAILY:
            place.clear()
        if kind not in _DAILY or key not in place:
            place[key] = len(lines)
            lines.append(line)
            continue
        day = lines[place[key]]
        energy = f"{_wh(day.note) + _wh(note)} Wh" if kind == "energy" else day.note
        lines[place[key]] = evolve(day, amount=day.amount + amount, note=energy)
    return _chained(lines)


def _chained(lines: list[Line]) -> list[Line]:
    """The balance after each line, reckoned back from the newest."""
    balance = lines[0].balance if lines else 0
    chained = []
    for line in lines:
        chained.append(evolve(line, balance=balance))
        balance -= line.amount
    return chained


def _by_day(connection: Connection, consumer_no: str, month: date) -> list[Usage]:
    stored = stored_account(connection, consumer_no)
    return _used(connection, stored, month, _next(month), 0)


def _by_month(connection: Connection, consumer_no: str, last: date, count: int) -> list[Usage]:
    stored = stored_account(connection, consumer_no)
    months = last.year * 12 + last.month - count
    first = date(months // 12, months % 12 + 1, 1)
    return _used(connection, stored, first, _next(last), 1)


def _used(connection: Connection, stored: StoredAccount, first: date, end: date, by_month: int) -> list[Usage]:
    zone = ZoneInfo(stored.time_zone)
    used: dict[date, Usage] = {}
    for at, kind, amount, note in connection.execute(_USE, (stored.id, *_span(stored, first, end))):
        day = from_micros(at).astimezone(zone).date()
        day = day.replace(day=1) if by_month else day
        sofar = used.get(day, Usage(day, 0, 0))
        energy = _wh(note) if kind == "energy" else 0
        used[day] = Usage(day, sofar.energy_wh + energy, sofar.paise - amount)
    return [used[day] for day in sorted(used)]


def _recharges(connection: Connection, consumer_no: str, limit: int) -> list[Line]:
    rows = connection.execute(
        "SELECT booked_at, kind, amount, balance, reference, note FROM ledger"
        " WHERE account = ? AND kind = 'recharge' ORDER BY id DESC LIMIT ?",
        (stored_account(connection, consumer_no).id, limit),
    )
    return [Line(from_micros(row[0]), *row[1:]) for row in rows]


def _receipt(connection: Connection, consumer_no: str, payment: str) -> Line | None:
    row = connection.execute(
        "SELECT booked_at, kind, amount, balance, reference, note FROM ledger"
        " WHERE account = ? AND kind = 'recharge' AND reference = ?",
        (stored_account(connection, consumer_no).id, payment),
    ).fetchone()
    return None if row is None else Line(from_micros(row[0]), *row[1:])


def _span(stored: StoredAccount, first: date, end: date) -> tuple[int, int]:
    zone = ZoneInfo(stored.time_zone)
    start, stop = (datetime.combine(day, time(0), zone) for day in (first, end))
    return to_micros(start), to_micros(stop)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _wh(note: str) -> int:
    number = note.partition(" ")[0]
    return int(number) if number.isdecimal() else 0
