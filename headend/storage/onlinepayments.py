"""Recharges begun in the portal, and every word that the payment gateway says about them."""

from datetime import datetime
from typing import Any, Final

from attrs import define

from headend.errors import HeadendError
from headend.prepaid.portal import PAYMENT_MOVES, OnlinePayment, PaymentState, PaymentWord
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import stored_account
from headend.storage.writer import Writer

_SELECT: Final = (
    "SELECT p.id, a.consumer_no, p.amount, p.gateway, p.state, p.started_at, p.settled_at, p.reference, p.reason"
    " FROM online_payments p JOIN accounts a ON a.id = p.account"
)


class UnknownPayment(HeadendError):  # noqa: N818  an answer, not a fault
    """No payment of that number was begun in the portal."""

    def __init__(self, payment: str) -> None:
        super().__init__(f"no payment {payment!r} was begun here")


@define(eq=False)
class OnlinePayments:
    """Online payments; booking the money is the ledger's business."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def start(self, payment: str, consumer_no: str, amount: int, gateway: str) -> OnlinePayment:
        """Note a payment before the consumer goes to the gateway; `amount` in paise."""
        return await self._writer.run(
            lambda connection: _start(connection, payment, consumer_no, amount, gateway, self._now())
        )

    async def payment(self, payment: str) -> OnlinePayment:
        """One payment; raises UnknownPayment."""
        return await self._readers.run(lambda connection: _get(connection, payment))

    async def of_consumer(self, consumer_no: str, limit: int = 100) -> list[OnlinePayment]:
        """The newest payments of a consumer, newest first."""
        return await self._readers.run(lambda connection: _of_consumer(connection, consumer_no, limit))

    async def settle(self, word: PaymentWord, state: PaymentState, reason: str = "") -> OnlinePayment:
        """Write down a word of the gateway and what it means; a state that can't follow changes nothing."""
        return await self._writer.run(lambda connection: _settle(connection, word, state, reason, self._now()))


def _start(
    connection: Connection, payment: str, consumer_no: str, amount: int, gateway: str, now: datetime
) -> OnlinePayment:
    account = stored_account(connection, consumer_no)
    connection.execute(
        "INSERT INTO online_payments (id, account, amount, gateway, state, started_at) VALUES (?, ?, ?, ?, ?, ?)",
        (payment, account.id, amount, gateway, PaymentState.STARTED.value, to_micros(now)),
    )
    return _get(connection, payment)


def _get(connection: Connection, payment: str) -> OnlinePayment:
    row = connection.execute(f"{_SELECT} WHERE p.id = ?", (payment,)).fetchone()
    if row is None:
        raise UnknownPayment(payment)
    return _payment(row)


def _of_consumer(connection: Connection, consumer_no: str, limit: int) -> list[OnlinePayment]:
    rows = connection.execute(
        f"{_SELECT} WHERE p.account = ? ORDER BY p.started_at DESC LIMIT ?",
        (stored_account(connection, consumer_no).id, limit),
    )
    return [_payment(row) for row in rows]


def _settle(
    connection: Connection, word: PaymentWord, state: PaymentState, reason: str, now: datetime
) -> OnlinePayment:
    before = _get(connection, word.payment)
    connection.execute(
        "INSERT INTO payment_words (payment, at, paid, amount, reference, reason, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (word.payment, to_micros(now), int(word.paid), word.amount, word.reference, word.reason, state.value),
    )
    if state not in PAYMENT_MOVES[before.state]:
        return before
    connection.execute(
        "UPDATE online_payments SET state = ?, settled_at = ?, reference = ?, reason = ? WHERE id = ?",
        (state.value, to_micros(now), word.reference, reason or word.reason, word.payment),
    )
    payload = {
        "payment_id": word.payment,
        "amount": before.amount,
        "said": word.amount,
        "reason": reason or word.reason,
    }
    emit(connection, now, f"payment.{state}", consumer_no=before.consumer_no, payload=payload)
    return _get(connection, word.payment)


def _payment(row: tuple[Any, ...]) -> OnlinePayment:
    payment, consumer_no, amount, gateway, state, started_at, settled_at, reference, reason = row
    return OnlinePayment(
        payment,
        consumer_no,
        amount,
        gateway,
        PaymentState(state),
        from_micros(started_at),
        from_micros(settled_at),
        reference,
        reason,
    )
