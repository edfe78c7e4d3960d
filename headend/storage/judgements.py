"""Writing a judgement: ledger entries, energy mark, notices, command, and the decision with its facts."""

from datetime import datetime
from typing import Final

from attrs import frozen

from headend.commands.journal import RefusedByRule
from headend.commands.model import Command, NewCommand
from headend.notify.model import Notice
from headend.prepaid.caps import Caps
from headend.prepaid.model import Account, EnergyMark, NewEntry
from headend.prepaid.policy import Decision, Verdict
from headend.scheduler.ports import Judgement
from headend.storage.deliveries import enqueue
from headend.storage.errors import EntryConflict, PaymentConflict
from headend.storage.events import as_json, emit
from headend.storage.inventory import meter_id
from headend.storage.ledger import End, book, book_behind
from headend.storage.requesting import request
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.views import StoredAccount

#: Each of these is kept as a row of its own; the others are counted while they repeat.
_MOVES_A_RELAY: Final = (Verdict.DISCONNECT, Verdict.RECONNECT)


#: Row id, verdict and reason of a decision.
Newest = tuple[int, str, str] | None


@frozen
class Before:
    """Where an account's ledger and decisions end, as this transaction has read them."""

    end: End
    decision: Newest


def apply(
    connection: Connection,
    caps: Caps,
    stored: StoredAccount,
    judgement: Judgement,
    now: datetime,
    before: Before | None = None,
) -> Command | None:
    """Write everything that a judgement asks for; the command that now stands, if it asked for one.

    `before` spares reading what was read in this transaction already.
    """
    account = stored.account
    for entry in judgement.entries:
        # What can't be booked without a further look is left to who takes one.
        if before is None or not book_behind(connection, before.end, entry, now):
            _book(connection, account, entry, now)
    if judgement.mark is not None:
        _move_mark(connection, stored, judgement.mark)
    for notice in judgement.notices:
        write_notice(connection, stored.id, account, notice)
    for flag in judgement.flags:
        emit(connection, now, flag, meter=account.meter, consumer_no=account.consumer_no)
    command = _request(connection, caps, account, judgement.command, now)
    newest = _newest(connection, stored.id) if before is None else before.decision
    _record_decision(connection, stored, judgement.decision, newest, command, now)
    return command


def moves_a_relay(decision: Decision) -> bool:
    """Whether a decision is kept as a row of its own, however often it repeats."""
    return decision.verdict in _MOVES_A_RELAY


def write_notice(connection: Connection, account_id: int, account: Account, notice: Notice) -> None:
    """Write a notice once, with the messages it becomes; its event carries the texts to whoever else tells them."""
    added = connection.execute(
        "INSERT INTO notices (account, kind, key, at, texts) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (account_id, notice.kind.value, notice.key, to_micros(notice.at), as_json(notice.texts)),
    ).fetchone()
    if added is not None:
        enqueue(connection, account_id, added[0], notice)
        emit(
            connection,
            notice.at,
            "notice.written",
            meter=account.meter,
            consumer_no=account.consumer_no,
            payload={
                "kind": notice.kind,
                "key": notice.key,
                "language": account.language,
                "mobile": account.mobile,
                "texts": notice.texts,
            },
        )


def _book(connection: Connection, account: Account, entry: NewEntry, now: datetime) -> None:
    try:
        book(connection, entry, now)
    except (EntryConflict, PaymentConflict) as conflict:
        # What the visit learned must not be lost over it; a person looks at the incident.
        emit(
            connection,
            now,
            "ledger.conflict",
            meter=account.meter,
            consumer_no=entry.consumer_no,
            payload={"kind": entry.kind, "reference": entry.reference, "amount": entry.amount, "error": str(conflict)},
        )


def _move_mark(connection: Connection, stored: StoredAccount, mark: EnergyMark) -> None:
    ours = stored.meter_id if mark.meter == stored.account.meter else None
    connection.execute(
        "INSERT INTO energy_marks (meter, energy_wh, at, remainder, duty_remainder, slab_period, slab_wh)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (meter) DO UPDATE SET"
        " (energy_wh, at, remainder, duty_remainder, slab_period, slab_wh) = (excluded.energy_wh, excluded.at,"
        " excluded.remainder, excluded.duty_remainder, excluded.slab_period, excluded.slab_wh)",
        (
            meter_id(connection, mark.meter) if ours is None else ours,
            mark.energy_wh,
            to_micros(mark.at),
            mark.remainder,
            mark.duty_remainder,
            mark.slab_period,
            mark.slab_wh,
        ),
    )


def _request(
    connection: Connection, caps: Caps, account: Account, new: NewCommand | None, now: datetime
) -> Command | None:
    if new is None:
        return None
    try:
        return request(connection, caps, new)
    except RefusedByRule as refusal:
        emit(
            connection,
            now,
            "command.refused",
            meter=new.meter,
            consumer_no=account.consumer_no,
            payload={"target": new.target, "cause": new.cause, "reason": str(refusal)},
        )
        return None


def _record_decision(
    connection: Connection,
    stored: StoredAccount,
    decision: Decision,
    newest: Newest,
    command: Command | None,
    now: datetime,
) -> None:
    if not moves_a_relay(decision) and newest is not None and newest[1:] == _said(decision):
        connection.execute(
            "UPDATE decisions SET last_at = ?, times = times + 1 WHERE id = ?", (to_micros(now), newest[0])
        )
        return
    would = getattr(decision, "would", None)
    connection.execute(
        "INSERT INTO decisions (account, at, verdict, reason, facts, would, command, last_at, times)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            stored.id,
            to_micros(now),
            *_said(decision),
            as_json(decision.facts),
            would,
            command.id if command is not None else None,
            to_micros(now),
        ),
    )
    emit(
        connection,
        now,
        f"decision.{decision.verdict.value}",
        meter=stored.account.meter,
        consumer_no=stored.account.consumer_no,
        payload={"reason": decision.reason, "would": would, "command": command.id if command is not None else None},
    )


def _newest(connection: Connection, account: int) -> Newest:
    row: Newest = connection.execute(
        "SELECT id, verdict, reason FROM decisions WHERE account = ? ORDER BY id DESC LIMIT 1", (account,)
    ).fetchone()
    return row


def _said(decision: Decision) -> tuple[str, str]:
    return decision.verdict.value, decision.reason.value
