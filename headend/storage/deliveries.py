"""The queue of messages to consumers: written with the notice, claimed before they are sent, settled afterwards."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from attrs import define

from headend.notify.manners import Manners
from headend.notify.model import ChannelKind, Notice, NoticeKind
from headend.notify.outgoing import (
    Away,
    Delivery,
    DeliveryState,
    Lane,
    Later,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptState,
    Refused,
    Taken,
)
from headend.session.ports import Now
from headend.storage.claiming import DAY, attempts_on, claim
from headend.storage.errors import UnknownDelivery
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.unreachable import arrived, did_not_arrive
from headend.storage.writer import Writer

_ROWS: Final = """
SELECT d.id, d.notice, a.consumer_no, a.office, n.kind, d.channel, d.language, d.state, d.attempts, d.sends, d.next_try,
       d.sent_at, d.sent_to, d.provider_id, d.error, n.at
FROM deliveries d JOIN notices n ON n.id = d.notice JOIN accounts a ON a.id = d.account
"""

#: A receipt is asked for again after this share of the time since the message was sent, so that old ones cost little.
_LOOK_AGAIN: Final = 4
_LONGEST_ERROR: Final = 200


@define(eq=False)
class Deliveries:
    """The queue, and what lists and receipts need of it. Implements the DeliveryQueue of `notify`."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def claim(self, lane: Lane, manners: Manners, limit: int) -> list[Outgoing]:
        """Due messages of a channel, each counted as an attempt first; what may not go out is put off or dropped."""
        if not await self._readers.run(lambda connection: _is_due(connection, lane.name, "queued", self._now())):
            return []
        return await self._writer.run(lambda connection: claim(connection, lane, manners, limit, self._now()))

    async def settle(self, message: Outgoing, outcome: Outcome, lane: Lane, manners: Manners) -> None:
        """Write down what became of an attempt; of one that has been settled already, nothing changes."""
        await self._writer.run(lambda connection: _settle(connection, message, outcome, lane, manners, self._now()))

    async def unconfirmed(self, lane: Lane, manners: Manners, limit: int) -> list[str]:
        """Provider ids to ask about now; a message whose receipt is overdue is repeated or failed instead."""
        if not await self._readers.run(lambda connection: _is_due(connection, lane.name, "sent", self._now())):
            return []
        return await self._writer.run(lambda connection: _unconfirmed(connection, lane, manners, limit, self._now()))

    async def receipt(self, channel: str, receipt: Receipt, manners: Manners) -> bool:
        """Take news of a message, however late; False when no send of that id is known."""
        return await self._writer.run(lambda connection: _receipt(connection, channel, receipt, manners, self._now()))

    async def channel_changed(self, channel: str, *, away: bool, reason: str) -> None:
        """Tell, as an event, that a channel's provider can't be reached, or can again."""
        kind, payload = "channel.away" if away else "channel.back", {"channel": channel, "reason": reason}
        await self._writer.run(lambda connection: emit(connection, self._now(), kind, payload=payload))

    async def delivery(self, delivery: int) -> Delivery:
        """One message; raises UnknownDelivery."""
        return await self._readers.run(lambda connection: _one(connection, delivery))

    async def text(self, delivery: int) -> str | None:
        """The words of a message."""
        return await self._readers.run(lambda connection: _text(connection, delivery))

    async def deliveries(
        self,
        *,
        consumer_no: str | None = None,
        office: str = "",
        state: DeliveryState | None = None,
        channel: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Messages, newest first: of one consumer, of an office and those below it, in a state, of a channel."""
        where = ["1 = 1"]
        values: list[str | int] = []
        for text, value in (("a.consumer_no = ?", consumer_no), ("d.state = ?", state), ("d.channel = ?", channel)):
            if value is not None:
                where.append(text)
                values.append(str(value))
        if office:
            where.append("(a.office = ? OR substr(a.office, 1, ?) = ?)")
            values += [office, len(office) + 1, f"{office}/"]
        query = f"{_ROWS} WHERE {' AND '.join(where)} ORDER BY d.id DESC LIMIT ?"
        return await self._readers.run(
            lambda connection: [_delivery(row) for row in connection.execute(query, (*values, limit))]
        )

    async def retry(self, delivery: int, by: str) -> Delivery:
        """Queue a message again that failed or was suppressed; one that is under way or has arrived is left alone."""
        return await self._writer.run(lambda connection: _retry(connection, delivery, by, self._now()))

    async def counts(self) -> list[tuple[str, str, int]]:
        """Channel, state, and how many messages stand there."""
        return await self._readers.run(
            lambda connection: connection.execute(
                "SELECT channel, state, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2"
            ).fetchall()
        )

    async def attempts_today(self, channel: str) -> int:
        """Attempts of the present day (UTC) on a channel."""
        day = to_micros(self._now()) // DAY
        return await self._readers.run(lambda connection: attempts_on(connection, channel, day))


def enqueue(connection: Connection, account: int, notice_id: int, notice: Notice) -> None:
    """Put a notice that has just been written into the queue, in the current transaction; into the inbox at once."""
    at = to_micros(notice.at)
    for route in notice.routes:
        online = route.kind is ChannelKind.INBOX
        connection.execute(
            "INSERT INTO deliveries (notice, account, channel, language, address, state, sends, next_try, sent_at,"
            " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                notice_id,
                account,
                route.channel,
                route.language,
                route.address,
                (DeliveryState.SENT if online else DeliveryState.QUEUED).value,
                int(online),
                None if online else at,
                at if online else None,
                at,
            ),
        )
        if online:
            connection.execute(
                "INSERT INTO inbox (notice, account, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (notice_id, account, at),
            )


def mark_delivered(connection: Connection, notice: int, at: datetime) -> None:
    """Note on a notice that it has reached its consumer, not before it was written; the first time stands."""
    connection.execute(
        "UPDATE notices SET delivered_at = coalesce(delivered_at, max(?, at)) WHERE id = ?", (to_micros(at), notice)
    )


def _is_due(connection: Connection, channel: str, state: str, now: datetime) -> bool:
    """Looked at by a reader first: an empty queue costs the writer nothing."""
    row = connection.execute(
        "SELECT 1 FROM deliveries WHERE channel = ? AND state = ? AND next_try <= ? LIMIT 1",
        (channel, state, to_micros(now)),
    ).fetchone()
    return row is not None


def _settle(
    connection: Connection, message: Outgoing, outcome: Outcome, lane: Lane, manners: Manners, now: datetime
) -> None:
    found = connection.execute(
        "SELECT 1 FROM deliveries WHERE id = ? AND state = 'queued' AND attempts = ? AND sends = ?",
        (message.delivery, message.attempt, message.send - 1),
    ).fetchone()
    if found is None:
        return
    match outcome:
        case Taken():
            _sent(connection, message, outcome.provider_id, lane, now)
        case Later() if message.attempt < manners.attempts:
            _again(connection, message.delivery, now + manners.retry_after(message.attempt), outcome.reason)
        case Later():
            _fail(connection, message.delivery, f"given up after {message.attempt} attempts: {outcome.reason}", now)
        case Away():
            connection.execute("UPDATE deliveries SET attempts = attempts - 1 WHERE id = ?", (message.delivery,))
            _again(connection, message.delivery, now, outcome.reason)
        case Refused():
            _fail(connection, message.delivery, outcome.reason, now)
            if outcome.bad_address:
                did_not_arrive(connection, message.delivery, manners, now)


def _sent(connection: Connection, message: Outgoing, provider_id: str | None, lane: Lane, now: datetime) -> None:
    at = to_micros(now)
    look = None if lane.look_s is None or provider_id is None else at + int(lane.look_s * 1_000_000)
    connection.execute(
        "UPDATE deliveries SET state = 'sent', sends = sends + 1, sent_at = ?, sent_to = ?, provider_id = ?,"
        " next_try = ?, error = NULL, changed_at = ? WHERE id = ?",
        (at, message.address, provider_id, look, at, message.delivery),
    )
    if provider_id is not None:
        connection.execute(
            "INSERT INTO delivery_sends (channel, provider_id, delivery, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (message.channel, provider_id, message.delivery, at),
        )


def _again(connection: Connection, delivery: int, at: datetime, reason: str) -> None:
    connection.execute(
        "UPDATE deliveries SET next_try = ?, error = ? WHERE id = ?", (to_micros(at), reason[:_LONGEST_ERROR], delivery)
    )


def _fail(connection: Connection, delivery: int, reason: str, now: datetime) -> None:
    connection.execute(
        "UPDATE deliveries SET state = 'failed', next_try = NULL, error = ?, changed_at = ? WHERE id = ?",
        (reason[:_LONGEST_ERROR], to_micros(now), delivery),
    )
    row = _one(connection, delivery)
    emit(
        connection,
        now,
        "notice.failed",
        consumer_no=row.consumer_no,
        payload={
            "delivery": row.id,
            "kind": row.kind,
            "channel": row.channel,
            "office": row.office,
            "sends": row.sends,
            "reason": row.error,
        },
    )


def _unconfirmed(connection: Connection, lane: Lane, manners: Manners, limit: int, now: datetime) -> list[str]:
    due = connection.execute(
        "SELECT id, provider_id, sent_at FROM deliveries"
        " WHERE channel = ? AND state = 'sent' AND next_try <= ? ORDER BY next_try LIMIT ?",
        (lane.name, to_micros(now), limit),
    ).fetchall()
    asked = []
    for delivery, provider_id, sent_at in due:
        age = now - from_micros(sent_at)
        if age > manners.receipt_within:
            _not_delivered(connection, delivery, "no receipt came", manners, now)
            continue
        again = now + max(timedelta(seconds=lane.look_s or 1.0), age / _LOOK_AGAIN)
        connection.execute("UPDATE deliveries SET next_try = ? WHERE id = ?", (to_micros(again), delivery))
        asked.append(provider_id)
    return asked


def _receipt(connection: Connection, channel: str, receipt: Receipt, manners: Manners, now: datetime) -> bool:
    row = connection.execute(
        "SELECT d.id, d.notice, d.state, d.provider_id FROM delivery_sends s JOIN deliveries d ON d.id = s.delivery"
        " WHERE s.channel = ? AND s.provider_id = ?",
        (channel, receipt.provider_id),
    ).fetchone()
    if row is None:
        return False
    delivery, notice, state, newest = row
    match receipt.state:
        case ReceiptState.DELIVERED if state != DeliveryState.DELIVERED:
            _delivered(connection, delivery, notice, now)
        case ReceiptState.FAILED if state == DeliveryState.SENT and newest == receipt.provider_id:
            if receipt.bad_address:
                _fail(connection, delivery, receipt.reason or "no such number", now)
                did_not_arrive(connection, delivery, manners, now)
            else:
                _not_delivered(connection, delivery, receipt.reason or "not delivered", manners, now)
        case _:
            pass
    return True


def _delivered(connection: Connection, delivery: int, notice: int, now: datetime) -> None:
    connection.execute(
        "UPDATE deliveries SET state = 'delivered', next_try = NULL, error = NULL, changed_at = ? WHERE id = ?",
        (to_micros(now), delivery),
    )
    mark_delivered(connection, notice, now)
    arrived(connection, delivery)
    row = _one(connection, delivery)
    emit(
        connection,
        now,
        "notice.delivered",
        consumer_no=row.consumer_no,
        payload={"delivery": row.id, "kind": row.kind, "channel": row.channel},
    )


def _not_delivered(connection: Connection, delivery: int, reason: str, manners: Manners, now: datetime) -> None:
    """A message that was taken has not arrived: it is sent again, or given up and counted against the number."""
    (sends,) = connection.execute("SELECT sends FROM deliveries WHERE id = ?", (delivery,)).fetchone()
    if sends <= manners.repeats:
        connection.execute(
            "UPDATE deliveries SET state = 'queued', attempts = 0, changed_at = ? WHERE id = ?",
            (to_micros(now), delivery),
        )
        _again(connection, delivery, now + manners.repeat_after, reason)
        return
    _fail(connection, delivery, f"sent {sends} times and never delivered: {reason}", now)
    did_not_arrive(connection, delivery, manners, now)


def _retry(connection: Connection, delivery: int, by: str, now: datetime) -> Delivery:
    row = _one(connection, delivery)
    if row.state in (DeliveryState.FAILED, DeliveryState.SUPPRESSED):
        connection.execute(
            "UPDATE deliveries SET state = 'queued', attempts = 0, next_try = ?, changed_at = ? WHERE id = ?",
            (to_micros(now), to_micros(now), delivery),
        )
        payload = {"delivery": delivery, "kind": row.kind, "channel": row.channel, "by": by}
        emit(connection, now, "notice.retried", consumer_no=row.consumer_no, payload=payload)
    return _one(connection, delivery)


def _one(connection: Connection, delivery: int) -> Delivery:
    row = connection.execute(f"{_ROWS} WHERE d.id = ?", (delivery,)).fetchone()
    if row is None:
        raise UnknownDelivery(delivery)
    return _delivery(row)


def _text(connection: Connection, delivery: int) -> str | None:
    row = connection.execute(
        "SELECT n.texts, d.language FROM deliveries d JOIN notices n ON n.id = d.notice WHERE d.id = ?", (delivery,)
    ).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=dict[str, str]).get(row[1])


def _delivery(row: tuple[object, ...]) -> Delivery:
    number, notice, consumer_no, office, kind, channel, language, state, attempts, sends, *rest = row
    next_try, sent_at, sent_to, provider_id, error, at = rest
    return Delivery(
        id=int(str(number)),
        notice=int(str(notice)),
        consumer_no=str(consumer_no),
        office=str(office),
        kind=NoticeKind(str(kind)),
        channel=str(channel),
        language=str(language),
        state=DeliveryState(str(state)),
        attempts=int(str(attempts)),
        sends=int(str(sends)),
        next_try=_moment(next_try),
        sent_at=_moment(sent_at),
        sent_to=None if sent_to is None else str(sent_to),
        provider_id=None if provider_id is None else str(provider_id),
        error=None if error is None else str(error),
        at=from_micros(int(str(at))),
    )


def _moment(value: object) -> datetime | None:
    return None if value is None else from_micros(int(str(value)))
