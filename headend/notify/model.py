"""A notice: what a consumer is told, in their language, and what is published to other systems."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen


class NoticeKind(StrEnum):
    """The event a consumer is told about."""

    LOW_BALANCE = "low_balance"
    LOW_BALANCE_DAYS = "low_balance_days"
    NEGATIVE = "negative"
    CUT_PLANNED = "cut_planned"
    CUT_DONE = "cut_done"
    RECHARGED = "recharged"
    RESTORED = "restored"
    PRESS_BUTTON = "press_button"
    NUMBER_CHANGED = "number_changed"
    ONE_TIME_PASSWORD = "one_time_password"  # noqa: S105  a kind of message
    LOGIN_CODE = "login_code"


class ChannelKind(StrEnum):
    """How a notice reaches somebody: text message, online message, e-mail, or another system."""

    SMS = "sms"
    INBOX = "inbox"
    EMAIL = "email"
    WEBHOOK = "webhook"


@frozen
class Route:
    """One way out of a notice: a channel by name, and a language. `address` only where it is not the consumer's own."""

    channel: str
    kind: ChannelKind
    language: str
    address: str | None = None


@frozen
class Notice:
    """A notice to be written; `texts` maps language (`hi`, `en`) to the finished text, `key` makes it unique.

    `routes`: how it is to go out beside the event that every notice becomes.
    """

    consumer_no: str
    kind: NoticeKind
    key: str
    at: datetime
    texts: dict[str, str]
    routes: tuple[Route, ...] = ()


@frozen
class EventRow:
    """One thing that happened, numbered in the order of commit: what the console tails and what is published to others.

    `kind` is a dotted name (`relay.disconnected`, `command.requested`, `account.recharged`, `visit.failed`);
    `payload` JSON text.
    """

    number: int
    at: datetime
    kind: str
    meter: str | None
    consumer_no: str | None
    payload: str
