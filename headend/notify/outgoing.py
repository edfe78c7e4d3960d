"""A message on its way: what is handed to a channel, and what the channel says became of it."""

from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from headend.notify.model import ChannelKind, NoticeKind


class DeliveryState(StrEnum):
    """Where a message stands; the last three are final, but for a receipt that comes late."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


@frozen
class Outgoing:
    """One message for a channel. `delivery` is its row, `send` counts from 1: a repeat is another send.

    `address`: a mobile number or e-mail address as the account has it, None where there is none.
    """

    delivery: int
    send: int
    attempt: int
    channel: str
    kind: NoticeKind
    key: str
    language: str
    consumer_no: str
    at: datetime
    text: str = field(repr=False)
    address: str | None = field(repr=False)

    @property
    def reference(self) -> str:
        """The same over all attempts of a send, so that a provider can drop what it has taken already."""
        return f"headend-{self.channel}-{self.delivery}-{self.send}"


@frozen
class Taken:
    """The provider has it; its own id of the message, where it gives one."""

    provider_id: str | None


@frozen
class Later:
    """It was not taken, or nobody knows: to be tried again."""

    reason: str


@frozen
class Away:
    """The provider can't be reached, so nothing was sent; no fault of the message, and not counted against it."""

    reason: str


@frozen
class Refused:
    """It will never be taken; `bad_address` where the address is at fault."""

    reason: str
    bad_address: bool = False


Outcome = Taken | Later | Away | Refused


class ReceiptState(StrEnum):
    """What a provider says of a message it took."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen
class Receipt:
    """News of one message; `bad_address` where it failed since the number does not exist."""

    provider_id: str
    state: ReceiptState
    reason: str = ""
    bad_address: bool = False


@frozen
class Delivery:
    """A message as lists show it; `sent_to` is the address that was used last."""

    id: int
    notice: int
    consumer_no: str
    office: str
    kind: NoticeKind
    channel: str
    language: str
    state: DeliveryState
    attempts: int
    sends: int
    next_try: datetime | None
    sent_at: datetime | None
    sent_to: str | None
    provider_id: str | None
    error: str | None
    at: datetime


@frozen
class Lane:
    """A channel as the queue needs to know it.

    `a_day` bounds attempts in a day (None: no bound). `look_s`: seconds from a send to the first look for a receipt;
    None where no receipt will come.
    """

    name: str
    kind: ChannelKind
    a_day: int | None = None
    look_s: float | None = None
