"""Online messages: what a consumer finds in the portal. Reading one proves that it has arrived."""

from datetime import datetime
from typing import Final

import msgspec
from attrs import define, frozen

from headend.notify.model import NoticeKind
from headend.session.ports import Now
from headend.storage.deliveries import mark_delivered
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import stored_account
from headend.storage.writer import Writer

_MESSAGES: Final = """
SELECT i.notice, n.kind, i.at, n.texts, i.read_at FROM inbox i JOIN notices n ON n.id = i.notice
WHERE i.account = ? ORDER BY i.notice DESC LIMIT ?
"""


@frozen
class OnlineMessage:
    """One message, `texts` by language; `read_at` None while nobody has looked at it."""

    notice: int
    kind: NoticeKind
    at: datetime
    texts: dict[str, str]
    read_at: datetime | None


@define(eq=False)
class Inbox:
    """The online messages of consumers. Raises UnknownConsumer for a number that has no account."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def messages(self, consumer_no: str, limit: int = 100) -> list[OnlineMessage]:
        """The newest messages, newest first."""
        return await self._readers.run(lambda connection: _messages(connection, consumer_no, limit))

    async def read(self, consumer_no: str, notice: int) -> bool:
        """The consumer has the message on the screen; False when it is not one of theirs."""
        return await self._writer.run(lambda connection: _read(connection, consumer_no, notice, self._now()))


def _messages(connection: Connection, consumer_no: str, limit: int) -> list[OnlineMessage]:
    account = stored_account(connection, consumer_no).id
    return [
        OnlineMessage(
            notice,
            NoticeKind(kind),
            from_micros(at),
            msgspec.json.decode(texts, type=dict[str, str]),
            from_micros(read_at),
        )
        for notice, kind, at, texts, read_at in connection.execute(_MESSAGES, (account, limit))
    ]


def _read(connection: Connection, consumer_no: str, notice: int, now: datetime) -> bool:
    account = stored_account(connection, consumer_no).id
    found = connection.execute(
        "UPDATE inbox SET read_at = coalesce(read_at, ?) WHERE notice = ? AND account = ?",
        (to_micros(now), notice, account),
    ).rowcount
    if not found:
        return False
    mark_delivered(connection, notice, now)
    # Of the channels only the inbox puts a message down as sent without a message id of a provider or an address.
    connection.execute(
        "UPDATE deliveries SET state = 'delivered', changed_at = ? WHERE notice = ? AND state = 'sent'"
        " AND sent_to IS NULL AND attempts = 0",
        (to_micros(now), notice),
    )
    return True
