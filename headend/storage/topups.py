"""The journal of top-ups on SQLite: written with the payment, moved under a guard, ended once."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from attrs import define

from headend.commands.journal import LocalStateError, RefusedByRule, SentByAnother
from headend.commands.model import State
from headend.commands.topup import Shown, TopUp
from headend.prepaid.model import BalanceSource
from headend.session.ports import Now
from headend.storage.errors import UnknownTopUp
from headend.storage.events import as_json, emit
from headend.storage.ledger import Entry
from headend.storage.readers import Readers
from headend.storage.senders import sent_by_another
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import StoredAccount
from headend.storage.writer import Writer

_SELECT: Final = (
    "SELECT t.id, m.serial, a.consumer_no, t.amount, t.marker, t.requested_at, t.state, t.changed_at, t.attempts,"
    " t.before, t.note FROM topups t JOIN meters m ON m.id = t.meter JOIN accounts a ON a.id = t.account"
)
_OPEN: Final = "t.state IN ('requested', 'sending', 'unknown', 'quarantined')"
#: From each state those that may follow.
_FOLLOW: Final = {
    State.REQUESTED: frozenset({State.SENDING}),
    State.SENDING: frozenset({State.CONFIRMED, State.REJECTED, State.UNKNOWN}),
    State.UNKNOWN: frozenset({State.CONFIRMED, State.REQUESTED, State.QUARANTINED}),
    State.QUARANTINED: frozenset({State.CONFIRMED, State.REQUESTED}),
}


@define(eq=False)
class SqliteTopUps:
    """TopUps on SQLite."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def open_for(self, meter: str) -> list[TopUp]:
        """Top-ups of a meter that have not ended, in the order of the payments."""
        return await self._readers.run(lambda connection: _select(connection, f"m.serial = ? AND {_OPEN}", (meter,)))

    async def begin(self, number: int, before: Shown, now: datetime) -> TopUp | None:
        """REQUESTED -> SENDING with what the meter shows; None when it stands elsewhere by now."""
        token = self._writer.token

        def unit(connection: Connection) -> TopUp | None:
            if _get(connection, number).state is not State.REQUESTED:
                return None
            connection.execute("UPDATE topups SET sender = ? WHERE id = ?", (token, number))
            return _move(connection, number, State.SENDING, "", now, as_json(before))

        return await self._writer.run(unit)

    async def settle(self, number: int, state: State, note: str, now: datetime) -> TopUp:
        """Move a top-up that is SENDING or UNKNOWN; raises LocalStateError, SentByAnother."""
        token = self._writer.token

        def unit(connection: Connection) -> TopUp:
            sending = _get(connection, number).state is State.SENDING
            if sending and (other := sent_by_another(connection, "topups", number, token)):
                raise SentByAnother(f"top-up {number} is being sent by worker {other[0]}, process {other[1]}")
            return _move(connection, number, state, note, now, None)

        return await self._writer.run(unit)

    async def of(self, consumer_no: str, limit: int = 50) -> list[TopUp]:
        """The top-ups of a consumer, newest first."""
        where = "a.consumer_no = ? ORDER BY t.id DESC LIMIT ?"
        return await self._readers.run(lambda connection: _select(connection, where, (consumer_no, limit)))

    async def decide(self, number: int, by: str, reason: str, *, applied: bool) -> TopUp:
        """A person says what became of a top-up that no reading can prove; raises RefusedByRule, UnknownTopUp."""

        def unit(connection: Connection) -> TopUp:
            found = _get(connection, number)
            if found.state is not State.QUARANTINED:
                raise RefusedByRule(f"top-up {number} is {found.state.value} and waits for nobody")
            state = State.CONFIRMED if applied else State.REQUESTED
            return _move(connection, number, state, f"{reason} (by {by})", self._now(), None)

        return await self._writer.run(unit)


def request_topup(connection: Connection, stored: StoredAccount, entry: Entry, now: datetime) -> None:
    """Write the top-up of a recharge that was just booked, for an account that its meter keeps."""
    if stored.account.balance_source is not BalanceSource.METER or stored.meter_id is None:
        return
    (newest,) = connection.execute("SELECT max(marker) FROM topups WHERE meter = ?", (stored.meter_id,)).fetchone()
    # A meter's clock resolves seconds: each top-up of a meter has one of its own.
    marker = now.astimezone(UTC).replace(microsecond=0)
    if newest is not None:
        marker = max(marker, from_micros(newest) + timedelta(seconds=1))
    cursor = connection.execute(
        "INSERT INTO topups (account, meter, entry, amount, marker, requested_at, state, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 'requested', ?)",
        (stored.id, stored.meter_id, entry.id, entry.amount, to_micros(marker), to_micros(now), to_micros(now)),
    )
    _announce(connection, _get(connection, int(cursor.lastrowid or 0)), now)


def _move(connection: Connection, number: int, state: State, note: str, now: datetime, before: str | None) -> TopUp:
    found = _get(connection, number)
    if state not in _FOLLOW.get(found.state, frozenset()):
        raise LocalStateError(f"top-up {number} is {found.state.value} and can't become {state.value}")
    connection.execute(
        "UPDATE topups SET state = ?, note = ?, changed_at = ?, before = coalesce(?, before), attempts = attempts + ?"
        " WHERE id = ? AND state = ?",
        (state.value, note, to_micros(now), before, state is State.SENDING, number, found.state.value),
    )
    moved = _get(connection, number)
    _announce(connection, moved, now)
    return moved


def _announce(connection: Connection, topup: TopUp, now: datetime) -> None:
    payload = {"id": topup.id, "amount": topup.amount, "attempts": topup.attempts, "note": topup.note}
    kind = f"topup.{topup.state.value}"
    emit(connection, now, kind, meter=topup.meter, consumer_no=topup.consumer_no, payload=payload)


def _get(connection: Connection, number: int) -> TopUp:
    found = _select(connection, "t.id = ?", (number,))
    if not found:
        raise UnknownTopUp(f"there is no top-up {number}")
    return found[0]


def _select(connection: Connection, where: str, parameters: tuple[Any, ...]) -> list[TopUp]:
    order = "" if "ORDER BY" in where else " ORDER BY t.id"
    return [_topup(row) for row in connection.execute(f"{_SELECT} WHERE {where}{order}", parameters)]


def _topup(row: tuple[Any, ...]) -> TopUp:
    number, serial, consumer_no, amount, marker, requested_at, state, changed_at, attempts, before, note = row
    return TopUp(
        number,
        serial,
        consumer_no,
        amount,
        from_micros(marker),
        from_micros(requested_at),
        State(state),
        from_micros(changed_at),
        attempts,
        None if before is None else msgspec.json.decode(before, type=Shown),
        note,
    )
