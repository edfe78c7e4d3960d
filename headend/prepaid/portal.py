"""What a consumer does in the portal, as values: codes, online payments, complaints, use, statements."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from attrs import field, frozen


@frozen
class LoginCode:
    """A one-time password on its way to the registered mobile of a consumer; it is nowhere kept."""

    id: int
    consumer_no: str
    name: str
    language: str
    mobile: str
    code: str = field(repr=False)


@frozen
class Bound:
    """At most `most` tries of one kind within `span`, a key; they come back evenly over the span."""

    what: str
    most: int
    span: timedelta


class Entry(StrEnum):
    """What a code was good for: in, in for the first time, or not."""

    FIRST = "first"
    AGAIN = "again"
    REFUSED = "refused"


@frozen
class Whereabouts:
    """The office of a consumer, and whether text messages reach them."""

    office: str
    reachable: bool


class PaymentState(StrEnum):
    """What is known of an online payment.

    `started`: sent to the gateway, which has not said anything yet; `disputed`: what it said contradicts itself.
    """

    STARTED = "started"
    PAID = "paid"
    FAILED = "failed"
    DISPUTED = "disputed"


#: Money that came is never taken back by a word of the gateway: `paid` goes nowhere but into dispute.
PAYMENT_MOVES: Final = {
    PaymentState.STARTED: frozenset({PaymentState.PAID, PaymentState.FAILED, PaymentState.DISPUTED}),
    # A gateway that gave up may find the money after all.
    PaymentState.FAILED: frozenset({PaymentState.PAID, PaymentState.DISPUTED}),
    PaymentState.PAID: frozenset[PaymentState](),
    PaymentState.DISPUTED: frozenset[PaymentState](),
}


@frozen
class OnlinePayment:
    """A recharge begun in the portal; `amount` in paise, `reference` the gateway's own number."""

    id: str
    consumer_no: str
    amount: int
    gateway: str
    state: PaymentState
    started_at: datetime
    settled_at: datetime | None
    reference: str | None
    reason: str | None


@frozen
class PaymentWord:
    """What a gateway says of a payment, its signature verified; `paid` False: it failed, for `reason`."""

    payment: str
    amount: int
    paid: bool
    reference: str
    reason: str = ""


class Subject(StrEnum):
    """What a complaint is about."""

    SUPPLY = "supply"
    BILL = "bill"
    RECHARGE = "recharge"
    METER = "meter"
    OTHER = "other"


@frozen
class Complaint:
    """What a consumer wrote to the office, and what the office answered when it closed it."""

    id: int
    consumer_no: str
    name: str
    office: str
    at: datetime
    subject: Subject
    text: str
    closed_at: datetime | None
    closed_by: str | None
    answer: str | None


@frozen
class Usage:
    """Energy and what it cost in a day, or in the month that begins with `day`."""

    day: date
    energy_wh: int
    paise: int


@frozen
class Line:
    """One line of a statement: entries of one kind, those of a day together; `at` the newest of them."""

    at: datetime
    kind: str
    amount: int
    balance: int
    reference: str
    note: str


@frozen
class Statement:
    """A month of the ledger: from `opening` through every line to `closing`, in paise; newest line first."""

    month: date
    opening: int
    closing: int
    lines: tuple[Line, ...]
    earlier: bool
