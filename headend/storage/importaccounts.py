"""Consumers of a file against the store: what is new, what differs, what contradicts; and their way in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from headend.prepaid.model import EntryKind, NewEntry
from headend.storage.errors import Problem
from headend.storage.events import emit
from headend.storage.importconsumers import Consumer
from headend.storage.importing import Plan
from headend.storage.ledger import book
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros

_ADD: Final = """
INSERT INTO accounts (name, language, mobile, category, office, tariff, protected, balance_source,
  sanctioned_load, consumer_no, reconciled, converted_at, negative_since)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

#: The first entry of an account that was just added: its running balance is its amount.
_ADD_OPENING: Final = """
INSERT INTO ledger (account, kind, amount, reference, at, booked_at, note, balance)
SELECT id, ?, ?, 'opening', ?, ?, 'import', ? FROM accounts WHERE consumer_no = ?
"""

_KNOWN: Final = """
SELECT a.consumer_no, a.name, a.language, a.mobile, a.category, a.office, a.tariff, a.protected, a.balance_source,
  a.sanctioned_load, l.amount
FROM accounts a LEFT JOIN ledger l ON l.account = a.id AND l.kind = 'opening' AND l.reference = 'opening'
WHERE a.consumer_no IN
"""

_METERS_OF: Final = "SELECT consumer_no, serial FROM meters WHERE consumer_no IN"
_CONSUMERS_OF: Final = "SELECT serial, consumer_no FROM meters WHERE serial IN"

_CHANGE: Final = """
UPDATE accounts SET (name, language, mobile, category, office, tariff, protected, balance_source, sanctioned_load)
= (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE consumer_no = ?
"""

_LINK: Final = "UPDATE meters SET consumer_no = ? WHERE serial = ?"

#: Where a row of what is known holds the reason of a protection, and the sanctioned load.
_PROTECTED: Final = 6
_LOAD: Final = 8


@frozen
class Standing:
    """What the store holds of a consumer: the columns of the file in their order, opening balance, meter."""

    values: tuple[object, ...]
    opening: int | None
    meter: str | None


@frozen
class _Around:
    """Everything of the store that some lines of a file touch."""

    known: dict[str, Standing]
    consumer_of: dict[str, str | None]
    meter_of: dict[str, str]


def plan_consumers(connection: Connection, piece: Sequence[Consumer], by_load: frozenset[str]) -> Plan[Consumer]:
    """What these lines would do; `by_load`: the tariffs that charge by the sanctioned load, and so need one."""
    around = _around(connection, piece)
    problems: list[Problem] = []
    new: list[Consumer] = []
    changed: list[tuple[Consumer, Standing]] = []
    for line in piece:
        before = around.known.get(line.consumer_no)
        consumer = line if before is None else _with_known_load(line, before)
        problems += _problems(around, consumer, before, by_load)
        if before is None:
            new.append(consumer)
        elif _differs(consumer, before):
            changed.append((consumer, before))
    return Plan(tuple(problems), tuple(new), tuple(changed), len(piece) - len(new) - len(changed))


def write_consumers(connection: Connection, plan: Plan[Consumer], now: datetime) -> None:
    """Add and change accounts in the current transaction: what is new by a few statements, the rest one by one."""
    at = to_micros(now)
    connection.executemany(_ADD, [_row(consumer, at) for consumer in plan.new])
    openings = [
        (EntryKind.OPENING.value, consumer.opening, at, at, consumer.opening, consumer.consumer_no)
        for consumer in plan.new
        if consumer.opening is not None
    ]
    connection.executemany(_ADD_OPENING, openings)
    linked = [consumer for consumer in plan.new if consumer.meter is not None]
    connection.executemany(_LINK, [(consumer.consumer_no, consumer.meter) for consumer in linked])
    for consumer, before in plan.changed:
        _change(connection, consumer, before, now)


def _around(connection: Connection, piece: Sequence[Consumer]) -> _Around:
    numbers = tuple(consumer.consumer_no for consumer in piece)
    serials = tuple(consumer.meter for consumer in piece if consumer.meter is not None)
    meter_of = dict(connection.execute(f"{_METERS_OF} ({_marks(numbers)})", numbers).fetchall())
    inventory = connection.execute(f"{_CONSUMERS_OF} ({_marks(serials)})", serials)
    rows = connection.execute(f"{_KNOWN} ({_marks(numbers)})", numbers)
    known = {row[0]: Standing(tuple(row[1:-1]), row[-1], meter_of.get(row[0])) for row in rows}
    return _Around(known, dict(inventory.fetchall()), meter_of)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _problems(around: _Around, consumer: Consumer, before: Standing | None, by_load: frozenset[str]) -> list[Problem]:
    found = []
    wrong = None if consumer.meter is None else _wrong_link(around, consumer, consumer.meter)
    if wrong is not None:
        found.append(Problem(consumer.line, "meter", wrong))
    if consumer.load is None and consumer.tariff in by_load:
        reason = f"is missing, and the tariff {consumer.tariff} charges by it"
        found.append(Problem(consumer.line, "sanctioned_load", reason))
    opening = None if before is None else before.opening
    if opening is not None and consumer.opening not in (None, opening):
        reason = "another opening balance is booked; correct it by a ledger entry"
        found.append(Problem(consumer.line, "opening_balance", reason))
    return found


def _wrong_link(around: _Around, consumer: Consumer, meter: str) -> str | None:
    if meter not in around.consumer_of:
        return f"{meter} is not in the inventory; import the meters first"
    holder = around.consumer_of[meter]
    if holder not in (None, consumer.consumer_no):
        return f"{meter} already belongs to consumer {holder}"
    other = around.meter_of.get(consumer.consumer_no, meter)
    return None if other == meter else f"consumer {consumer.consumer_no} already has meter {other}"


def _differs(consumer: Consumer, before: Standing) -> bool:
    return (
        _values(consumer) != before.values
        or consumer.meter not in (None, before.meter)
        or (consumer.opening is not None and before.opening is None)
    )


def _with_known_load(consumer: Consumer, before: Standing) -> Consumer:
    known = None if consumer.tells_load else before.values[_LOAD]
    return evolve(consumer, load=known) if isinstance(known, int) else consumer


def _row(consumer: Consumer, at: int) -> tuple[object, ...]:
    # Nobody is cut on a balance that is not known: without an opening balance a ledger account is not reconciled.
    reconciled = consumer.opening is not None or consumer.balance_source == "meter"
    in_debt = consumer.balance_source == "ledger" and consumer.opening is not None and consumer.opening < 0
    return (*_values(consumer), consumer.consumer_no, int(reconciled), at, at if in_debt else None)


def _values(consumer: Consumer) -> tuple[object, ...]:
    return (
        consumer.name,
        consumer.language,
        consumer.mobile,
        consumer.category,
        consumer.office,
        consumer.tariff,
        consumer.protected,
        consumer.balance_source,
        consumer.load,
    )


def _change(connection: Connection, consumer: Consumer, before: Standing, now: datetime) -> None:
    values = _values(consumer)
    if before.values[_PROTECTED] != consumer.protected:
        payload = {"before": before.values[_PROTECTED], "after": consumer.protected, "by": "import"}
        emit(connection, now, "account.protected", consumer_no=consumer.consumer_no, payload=payload)
    if values != before.values:
        connection.execute(_CHANGE, (*values, consumer.consumer_no))
    if consumer.meter not in (None, before.meter):
        connection.execute(_LINK, (consumer.consumer_no, consumer.meter))
    if consumer.opening is not None and before.opening is None:
        entry = NewEntry(consumer.consumer_no, EntryKind.OPENING, consumer.opening, "opening", now, "import")
        book(connection, entry, now)
        connection.execute("UPDATE accounts SET reconciled = 1 WHERE consumer_no = ?", (consumer.consumer_no,))
