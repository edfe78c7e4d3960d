"""Corrections and reversals: asked for by one person, booked when another one approves."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from headend.commands.journal import RefusedByRule
from headend.prepaid.model import EntryKind, NewEntry
from headend.storage.errors import EntryConflict, UnknownCorrection
from headend.storage.events import emit
from headend.storage.ledger import Booking, book
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import stored_account

_SELECT: Final = (
    "SELECT c.id, a.consumer_no, c.kind, c.amount, c.reverses, c.reason, c.proposed_by, c.proposed_at, c.state,"
    " c.decided_by, c.decided_at, c.entry FROM corrections c JOIN accounts a ON a.id = c.account"
)


class CorrectionState(StrEnum):
    """Where a correction stands; what is approved is booked."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"


@frozen
class Correction:
    """A correction (or, with `reverses`, the reversal of that ledger entry) of `amount` paise."""

    id: int
    consumer_no: str
    kind: EntryKind
    amount: int
    reverses: int | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    state: CorrectionState
    decided_by: str | None
    decided_at: datetime | None
    entry: int | None


def propose(
    connection: Connection, consumer_no: str, amount: int, reason: str, by: str, now: datetime, /
) -> Correction:
    """Ask for a correction of `amount` paise, positive in the consumer's favour."""
    account = stored_account(connection, consumer_no).id
    return _insert(connection, account, EntryKind.CORRECTION, amount, None, reason, by, now)


def propose_reversal(
    connection: Connection, consumer_no: str, entry: int, reason: str, by: str, now: datetime, /
) -> Correction:
    """Ask for the reversal of one entry. Raises EntryConflict for one of another account, or that is reversed."""
    account = stored_account(connection, consumer_no).id
    row = connection.execute(
        "SELECT kind, amount FROM ledger WHERE id = ? AND account = ?", (entry, account)
    ).fetchone()
    if row is None:
        raise EntryConflict(f"consumer {consumer_no} has no ledger entry {entry}")
    kind, amount = row
    if kind == EntryKind.REVERSAL or not amount:
        raise EntryConflict(f"entry {entry} is a reversal or nothing; propose a correction instead")
    taken = connection.execute(
        "SELECT id, state FROM corrections WHERE reverses = ? AND state <> 'rejected'", (entry,)
    ).fetchone()
    if taken is not None:
        raise EntryConflict(f"entry {entry} has a reversal already: number {taken[0]}, {taken[1]}")
    return _insert(connection, account, EntryKind.REVERSAL, -amount, entry, reason, by, now)


def approve(
    connection: Connection, number: int, by: str, now: datetime, *, second_person: bool = True
) -> tuple[Correction, Booking]:
    """Book what was asked for. Raises RefusedByRule when it is decided, or by the person who asked for it."""
    found = _undecided(connection, number)
    if second_person and by == found.proposed_by:
        raise RefusedByRule(f"{by} asked for correction {number}; a second person approves it")
    reference = f"correction:{number}" if found.reverses is None else f"entry:{found.reverses}"
    entry = NewEntry(found.consumer_no, found.kind, found.amount, reference, now, found.reason)
    booking = book(connection, entry, now)
    return _decide(connection, found, CorrectionState.APPROVED, by, now, booking.entry.id), booking


def reject(connection: Connection, number: int, by: str, now: datetime) -> Correction:
    """Turn down what was asked for; whoever asked may do so too."""
    return _decide(connection, _undecided(connection, number), CorrectionState.REJECTED, by, now, None)


def corrections(connection: Connection, *, undecided: bool, limit: int) -> list[Correction]:
    """Corrections, newest first."""
    where = "WHERE c.state = 'proposed'" if undecided else ""
    return [_correction(row) for row in connection.execute(f"{_SELECT} {where} ORDER BY c.id DESC LIMIT ?", (limit,))]


def _insert(
    connection: Connection,
    account: int,
    kind: EntryKind,
    amount: int,
    reverses: int | None,
    reason: str,
    by: str,
    now: datetime,
    /,
) -> Correction:
    cursor = connection.execute(
        "INSERT INTO corrections (account, kind, amount, reverses, reason, proposed_by, proposed_at, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'proposed')",
        (account, kind.value, amount, reverses, reason, by, to_micros(now)),
    )
    made = _get(connection, int(cursor.lastrowid or 0))
    _announce(connection, made, by, now)
    return made


def _decide(
    connection: Connection, found: Correction, state: CorrectionState, by: str, now: datetime, entry: int | None
) -> Correction:
    connection.execute(
        "UPDATE corrections SET state = ?, decided_by = ?, decided_at = ?, entry = ? WHERE id = ?",
        (state.value, by, to_micros(now), entry, found.id),
    )
    decided = _get(connection, found.id)
    _announce(connection, decided, by, now)
    return decided


def _undecided(connection: Connection, number: int) -> Correction:
    found = _get(connection, number)
    if found.state is not CorrectionState.PROPOSED:
        raise RefusedByRule(f"correction {number} is {found.state} by {found.decided_by} already")
    return found


def _get(connection: Connection, number: int) -> Correction:
    row = connection.execute(f"{_SELECT} WHERE c.id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownCorrection(number)
    return _correction(row)


def _announce(connection: Connection, correction: Correction, by: str, now: datetime) -> None:
    emit(
        connection,
        now,
        f"correction.{correction.state}",
        consumer_no=correction.consumer_no,
        payload={
            "id": correction.id,
            "kind": correction.kind,
            "amount": correction.amount,
            "reverses": correction.reverses,
            "reason": correction.reason,
            "proposed_by": correction.proposed_by,
            "by": by,
            "entry": correction.entry,
        },
    )


def _correction(row: tuple[Any, ...]) -> Correction:
    (number, consumer_no, kind, amount, reverses, reason, proposed_by, proposed_at, state, by, at, entry) = row
    return Correction(
        number,
        consumer_no,
        EntryKind(kind),
        amount,
        reverses,
        reason,
        proposed_by,
        from_micros(proposed_at),
        CorrectionState(state),
        by,
        from_micros(at),
        entry,
    )
