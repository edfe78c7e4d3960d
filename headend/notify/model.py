"""A notice: what a consumer is told, in their language, and what is published to other systems."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen


class NoticeKind(StrEnum):
    """The event a consumer is told about."""

    LOW_BALANCE = "low_balance"
    NEGATIVE = "negative"
    CUT_PLANNED = "cut_planned"
    CUT_DONE = "cut_done"
    RECHARGED = "recharged"
    RESTORED = "restored"


@frozen
class Notice:
    """A notice to be written; `texts` maps language (`hi`, `en`) to the finished text, `key` makes it unique."""

    consumer_no: str
    kind: NoticeKind
    key: str
    at: datetime
    texts: dict[str, str]


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
