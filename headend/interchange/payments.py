"""Payments as another system tells them: a JSON message with one payment, or with several in `payments`.

One payment: `{"payment_id": "UPI-1", "consumer_no": "10000000001", "amount_paise": 50000, "paid_at":
"2026-11-24T10:15:00+05:30", "channel": "UPI"}`; `paid_at` and `channel` may be left out, and fields that are not known
here are passed over. A payment that can't be read spoils no other one of the same message.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from attrs import frozen

#: A message longer than this, or with more payments, is refused whole; a sender splits it.
LONGEST_MESSAGE: Final = 1 << 20
MOST_PAYMENTS: Final = 1000
_LONGEST_TEXT: Final = 64


class MessageUnreadable(ValueError):  # noqa: N818  says what it is
    """The message as a whole is none of payments; nothing of it was booked."""


@frozen
class Payment:
    """One payment: `amount` in paise; `paid_at` when the consumer paid, None where the sender does not tell."""

    payment_id: str
    consumer_no: str
    amount: int
    paid_at: datetime | None
    channel: str


@frozen
class Unreadable:
    """A payment that can't be read: its id, where one can be made out, and the reason."""

    payment_id: str | None
    reason: str


@frozen
class Message:
    """The payments of a message in its order; `single`: it was one payment by itself."""

    payments: tuple[Payment | Unreadable, ...]
    single: bool


class _Row(msgspec.Struct):
    payment_id: str
    consumer_no: str
    amount_paise: int
    paid_at: datetime | None = None
    channel: str = ""


def read_message(body: bytes) -> Message:
    """The payments in `body`; MessageUnreadable for what is no message of payments."""
    if len(body) > LONGEST_MESSAGE:
        raise MessageUnreadable(f"a message has at most {LONGEST_MESSAGE} octets; send it in parts")
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageUnreadable(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MessageUnreadable("a message is a JSON object: one payment, or several in `payments`")
    if "payments" not in document:
        return Message((_payment(document),), single=True)
    rows = document["payments"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_PAYMENTS:
        raise MessageUnreadable(f"`payments` is a list of 1 to {MOST_PAYMENTS} payments")
    return Message(tuple(_payment(row) for row in rows), single=False)


def _payment(document: Any) -> Payment | Unreadable:  # noqa: ANN401  whatever JSON holds
    try:
        row = msgspec.convert(document, _Row)
    except msgspec.ValidationError as error:
        named = document.get("payment_id") if isinstance(document, dict) else None
        return Unreadable(named[:_LONGEST_TEXT] if isinstance(named, str) else None, str(error))
    if row.paid_at is not None and row.paid_at.tzinfo is None:
        return Unreadable(row.payment_id[:_LONGEST_TEXT], "paid_at has no zone; write 2026-11-24T10:15:00+05:30")
    channel = "".join(each for each in row.channel if each.isprintable())[:_LONGEST_TEXT]
    return Payment(row.payment_id, row.consumer_no, row.amount_paise, row.paid_at, channel)
