"""Instalment plans: arrears leave the ledger when a plan is made, and come back part by part when they fall due."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from headend.prepaid.instalments import Instalment, schedule
from headend.prepaid.model import EntryKind, NewEntry
from headend.storage.errors import PlanRefused
from headend.storage.events import emit
from headend.storage.ledger import balance_of, book
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import StoredAccount, stored_account

_WAITING: Final = (
    "SELECT plan, number, amount FROM instalments WHERE account = ? AND entry IS NULL AND due_on < ?"
    " ORDER BY due_on, plan, number"
)


@frozen
class Plan:
    """A plan with its parts; `booked` of them have fallen due and stand in the ledger."""

    id: int
    consumer_no: str
    total: int
    made_by: str
    made_at: datetime
    reason: str
    parts: tuple[Instalment, ...]
    booked: int


def make_plan(
    connection: Connection, consumer_no: str, total: int, parts: tuple[int, date], why: tuple[str, str], now: datetime
) -> Plan:
    """Take `total` paise of arrears out of the ledger, to be paid in `parts` (how many, first due on).

    `why` is the reason and who made the plan. Raises PlanRefused for more than is owed or a first day that is past.
    """
    stored, (count, first), (reason, by) = stored_account(connection, consumer_no), parts, why
    owed = max(-balance_of(connection, stored.id), 0)
    if total > owed:
        raise PlanRefused(f"consumer {consumer_no} owes {owed} paise; a plan over {total} would lend money")
    if first < _today(stored, now):
        raise PlanRefused(f"the first instalment would fall due in the past, on {first}")
    try:
        made = schedule(total, count, first)
    except ValueError as error:
        raise PlanRefused(str(error)) from error
    (number,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM instalment_plans").fetchone()
    entry = NewEntry(consumer_no, EntryKind.ARREARS, total, f"plan:{number}", now, f"paid in {count} instalments")
    booked = book(connection, entry, now).entry.id
    connection.execute(
        "INSERT INTO instalment_plans (id, account, total, made_by, made_at, reason, entry)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, stored.id, total, by, to_micros(now), reason, booked),
    )
    connection.executemany(
        "INSERT INTO instalments (plan, number, due_on, amount, account) VALUES (?, ?, ?, ?, ?)",
        [(number, each.number, each.due_on.isoformat(), each.amount, stored.id) for each in made],
    )
    payload = {"plan": number, "total": total, "instalments": made, "reason": reason, "by": by}
    emit(connection, now, "account.instalments", consumer_no=consumer_no, payload=payload)
    return Plan(number, consumer_no, total, by, now, reason, made, 0)


def book_due(connection: Connection, stored: StoredAccount, now: datetime) -> int:
    """Book every instalment whose day has passed where the account is; how many."""
    waiting = connection.execute(_WAITING, (stored.id, _today(stored, now).isoformat())).fetchall()
    for plan, number, amount in waiting:
        reference = f"plan:{plan}:{number}"
        entry = NewEntry(stored.account.consumer_no, EntryKind.ARREARS, -amount, reference, now, "instalment due")
        booked = book(connection, entry, now).entry.id
        connection.execute("UPDATE instalments SET entry = ? WHERE plan = ? AND number = ?", (booked, plan, number))
    return len(waiting)


def plans_of(connection: Connection, consumer_no: str) -> list[Plan]:
    """The plans of a consumer, newest first."""
    account = stored_account(connection, consumer_no).id
    plans = connection.execute(
        "SELECT id, total, made_by, made_at, reason FROM instalment_plans WHERE account = ? ORDER BY id DESC",
        (account,),
    ).fetchall()
    return [
        Plan(number, consumer_no, total, by, from_micros(at), reason, *_parts(connection, number))
        for number, total, by, at, reason in plans
    ]


def _parts(connection: Connection, plan: int) -> tuple[tuple[Instalment, ...], int]:
    rows = connection.execute(
        "SELECT number, due_on, amount, entry FROM instalments WHERE plan = ? ORDER BY number", (plan,)
    ).fetchall()
    parts = tuple(Instalment(number, date.fromisoformat(due), amount) for number, due, amount, _ in rows)
    return parts, sum(entry is not None for *_, entry in rows)


def _today(stored: StoredAccount, now: datetime) -> date:
    return now.astimezone(ZoneInfo(stored.time_zone)).date()
