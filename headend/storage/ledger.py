"""The ledger: entries are added and never changed, and the balance is their sum.

Each entry stores the running balance too, and a trigger refuses one that does not continue the last: two sums that must
agree, which `check` recomputes from the first entry.
"""

from datetime import datetime
from typing import Final

from attrs import define, frozen

from headend.prepaid.model import BalanceSource, EntryKind, NewEntry
from headend.storage.errors import EntryConflict, PaymentConflict, UnknownConsumer
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

_COLUMNS: Final = "id, kind, amount, reference, at, booked_at, note, balance"


_BOOKED_BEFORE: Final = "SELECT booked_at FROM ledger WHERE account = ? ORDER BY id DESC LIMIT 1 OFFSET 1"

_INSERT: Final = (
    "INSERT INTO ledger (account, kind, amount, reference, at, booked_at, note, balance)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@frozen
class Entry:
    """A booked entry; `amount` and the running `balance` after it in paise."""

    id: int
    consumer_no: str
    kind: EntryKind
    amount: int
    reference: str
    at: datetime
    booked_at: datetime
    note: str
    balance: int


@frozen
class Booking:
    """What became of an entry: the row, and whether it was there before."""

    entry: Entry
    repeated: bool


def book(connection: Connection, entry: NewEntry, booked_at: datetime) -> Booking:
    """Book an entry once. Raises PaymentConflict or EntryConflict when its reference is taken by something else."""
    account, source, negative_since = _account(connection, entry.consumer_no)
    earlier = _same(connection, account, entry)
    if earlier is not None:
        return Booking(earlier, repeated=True)
    balance = balance_of(connection, account) + entry.amount
    cursor = connection.execute(_INSERT, _values(account, entry, booked_at, balance))
    if source == "ledger":
        follow_sign(connection, account, negative_since, balance, min(entry.at, booked_at))
    booked = Entry(
        id=int(cursor.lastrowid or 0),
        consumer_no=entry.consumer_no,
        kind=entry.kind,
        amount=entry.amount,
        reference=entry.reference,
        at=entry.at,
        booked_at=booked_at,
        note=entry.note,
        balance=balance,
    )
    return Booking(booked, repeated=False)


@define
class End:
    """Where an account's ledger ends, as it was just read: moved on with each entry that is booked behind it."""

    account: int
    source: BalanceSource
    negative_since: int | None
    balance: int


def book_behind(connection: Connection, end: End, entry: NewEntry, booked_at: datetime) -> bool:
    """Book an entry of a visit behind `end`; False, and nothing is booked, where its reference is taken already."""
    balance = end.balance + entry.amount
    added = connection.execute(f"{_INSERT} ON CONFLICT DO NOTHING", _values(end.account, entry, booked_at, balance))
    if added.rowcount != 1:
        return False
    end.balance = balance
    if end.source is BalanceSource.LEDGER:
        since, at = end.negative_since, min(entry.at, booked_at)
        end.negative_since = follow_sign(connection, end.account, since, balance, at)
    return True


def balance_of(connection: Connection, account: int) -> int:
    """The balance of an account in paise: the running balance of its last entry, 0 before the first."""
    row = connection.execute(
        "SELECT balance FROM ledger WHERE account = ? ORDER BY id DESC LIMIT 1", (account,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def follow_sign(
    connection: Connection, account: int, negative_since: int | None, balance: int, at: datetime
) -> int | None:
    """Keep the time since which an account is below zero; what it is now.

    It is not before the entry ahead of the newest was booked: a clock that was set back must not lengthen the time in
    debt, since grace is counted from it.
    """
    if (balance < 0) == (negative_since is not None):
        return negative_since
    since = None
    if balance < 0:
        before = connection.execute(_BOOKED_BEFORE, (account,)).fetchone()
        since = to_micros(at) if before is None else max(to_micros(at), int(before[0]))
    connection.execute("UPDATE accounts SET negative_since = ? WHERE id = ?", (since, account))
    return since


def entries_of(connection: Connection, consumer_no: str, limit: int) -> list[Entry]:
    """The newest entries of a consumer, newest first."""
    account, _, _ = _account(connection, consumer_no)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ledger WHERE account = ? ORDER BY id DESC LIMIT ?",  # noqa: S608  constant
        (account, limit),
    )
    return [_entry(consumer_no, row) for row in rows]


def _account(connection: Connection, consumer_no: str) -> tuple[int, str, int | None]:
    row: tuple[int, str, int | None] | None = connection.execute(
        "SELECT id, balance_source, negative_since FROM accounts WHERE consumer_no = ?", (consumer_no,)
    ).fetchone()
    if row is None:
        raise UnknownConsumer(consumer_no)
    return row


def _values(account: int, entry: NewEntry, booked_at: datetime, balance: int) -> tuple[int | str, ...]:
    at, booked = to_micros(entry.at), to_micros(booked_at)
    return (account, entry.kind.value, entry.amount, entry.reference, at, booked, entry.note, balance)


def _same(connection: Connection, account: int, entry: NewEntry) -> Entry | None:
    if entry.kind is EntryKind.RECHARGE:
        return _same_payment(connection, account, entry)
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM ledger WHERE account = ? AND kind = ? AND reference = ?",  # noqa: S608  constant
        (account, entry.kind.value, entry.reference),
    ).fetchone()
    if row is None:
        return None
    found = _entry(entry.consumer_no, row)
    if found.amount != entry.amount:
        raise EntryConflict(
            f"consumer {entry.consumer_no}: {entry.kind} {entry.reference} is booked with {found.amount} paise,"
            f" now it came with {entry.amount}"
        )
    return found


def _same_payment(connection: Connection, account: int, entry: NewEntry) -> Entry | None:
    row = connection.execute(
        f"SELECT {_COLUMNS}, account FROM ledger WHERE reference = ? AND kind = 'recharge'",  # noqa: S608  constant
        (entry.reference,),
    ).fetchone()
    if row is None:
        return None
    *columns, owner = row
    if owner != account:
        raise PaymentConflict(f"payment {entry.reference} is already booked for another consumer; nothing was booked")
    found = _entry(entry.consumer_no, tuple(columns))
    if found.amount != entry.amount:
        raise PaymentConflict(
            f"payment {entry.reference} is already booked with {found.amount} paise, not {entry.amount};"
            " nothing was booked"
        )
    return found


def _entry(consumer_no: str, row: tuple[int, str, int, str, int, int, str, int]) -> Entry:
    entry_id, kind, amount, reference, at, booked_at, note, balance = row
    return Entry(
        entry_id,
        consumer_no,
        EntryKind(kind),
        amount,
        reference,
        from_micros(at),
        from_micros(booked_at),
        note,
        balance,
    )
