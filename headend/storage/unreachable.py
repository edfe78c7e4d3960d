"""Numbers that text messages do not reach: counted per consumer, and listed for the office that can ask for another."""

from datetime import datetime
from typing import Final

from attrs import define, frozen

from headend.notify.manners import Manners
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import stored_account
from headend.storage.writer import Writer

_LISTED: Final = """
SELECT a.consumer_no, a.name, a.office, a.mobile, coalesce(c.undelivered, 0), c.listed_at
FROM accounts a LEFT JOIN contacts c ON c.account = a.id
WHERE (:all = 1 OR a.mobile IS NULL OR c.listed_at IS NOT NULL) AND (:office = '' OR a.office = :office
  OR substr(a.office, 1, :length) = :office || '/') AND a.consumer_no > :after
ORDER BY a.consumer_no LIMIT :limit
"""


@frozen
class Reach:
    """A consumer's number, and how many messages in a row did not reach it; `since`: it counts as not working."""

    consumer_no: str
    name: str
    office: str
    mobile: str | None
    undelivered: int
    since: datetime | None


@define(eq=False)
class Contacts:
    """How consumers can be reached, and who can't."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def set_email(self, consumer_no: str, email: str | None, by: str) -> None:
        """Note a consumer's e-mail address, None to forget it; raises UnknownConsumer."""
        await self._writer.run(lambda connection: _set_email(connection, consumer_no, email, by, self._now()))

    async def without_number(self, office: str = "", after: str = "", limit: int = 1000) -> list[Reach]:
        """Consumers of an office, and of those below it, who have no working number; by number, after `after`."""
        return await self.consumers(office, after, limit, only_unreachable=True)

    async def consumers(
        self, office: str = "", after: str = "", limit: int = 1000, *, only_unreachable: bool = False
    ) -> list[Reach]:
        """Consumers of an office, and of those below it, and how they can be reached; by number, after `after`."""
        values: dict[str, str | int] = {
            "office": office,
            "length": len(office) + 1,
            "after": after,
            "limit": limit,
            "all": int(not only_unreachable),
        }
        return await self._readers.run(lambda connection: _reaches(connection, values))


def _reaches(connection: Connection, values: dict[str, str | int]) -> list[Reach]:
    return [
        Reach(consumer_no, name, office, mobile, undelivered, from_micros(since))
        for consumer_no, name, office, mobile, undelivered, since in connection.execute(_LISTED, values)
    ]


def _set_email(connection: Connection, consumer_no: str, email: str | None, by: str, now: datetime) -> None:
    account = stored_account(connection, consumer_no).id
    connection.execute(
        "INSERT INTO contacts (account, email) VALUES (?, ?)"
        " ON CONFLICT (account) DO UPDATE SET email = excluded.email",
        (account, email),
    )
    emit(connection, now, "consumer.email_changed", consumer_no=consumer_no, payload={"by": by, "known": bool(email)})


def did_not_arrive(connection: Connection, delivery: int, manners: Manners, now: datetime) -> None:
    """Count a message against the consumer's present number; after so many in a row the office is told, once."""
    row = connection.execute(
        "SELECT a.id, a.consumer_no, a.office, d.channel FROM deliveries d JOIN accounts a ON a.id = d.account"
        " WHERE d.id = ? AND d.address IS NULL AND (d.sent_to IS NULL OR d.sent_to = a.mobile)",
        (delivery,),
    ).fetchone()
    if row is None:
        return
    account, consumer_no, office, channel = row
    undelivered, listed_at = connection.execute(
        "INSERT INTO contacts (account, undelivered) VALUES (?, 1)"
        " ON CONFLICT (account) DO UPDATE SET undelivered = undelivered + 1 RETURNING undelivered, listed_at",
        (account,),
    ).fetchone()
    if listed_at is not None or undelivered < manners.undelivered_after:
        return
    connection.execute("UPDATE contacts SET listed_at = ? WHERE account = ?", (to_micros(now), account))
    payload = {"office": office, "channel": channel, "undelivered": undelivered}
    emit(connection, now, "consumer.unreachable", consumer_no=consumer_no, payload=payload)


def arrived(connection: Connection, delivery: int) -> None:
    """A message has reached the consumer's present number: it works."""
    connection.execute(
        "UPDATE contacts SET undelivered = 0, listed_at = NULL WHERE account = (SELECT a.id FROM deliveries d"
        " JOIN accounts a ON a.id = d.account WHERE d.id = ? AND d.address IS NULL AND d.sent_to = a.mobile)",
        (delivery,),
    )
