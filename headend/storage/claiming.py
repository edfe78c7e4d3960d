"""Claiming messages: in one transaction it is decided which go out now, and each of them is counted as an attempt."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from headend.notify.manners import Candidate, Drop, Earlier, Go, Manners, Wait, judge
from headend.notify.model import ChannelKind, NoticeKind
from headend.notify.outgoing import Lane, Outgoing
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: Longer than any channel takes for one message; after it, a message that nobody settled is due again.
LEASE: Final = timedelta(minutes=5)

#: Microseconds.
DAY: Final = 86_400_000_000

_DUE: Final = """
SELECT d.id, d.notice, d.account, d.language, d.address, d.attempts, d.sends, n.kind, n.key, n.at, n.texts,
       a.consumer_no, a.mobile, c.email, m.time_zone
FROM deliveries d JOIN notices n ON n.id = d.notice JOIN accounts a ON a.id = d.account
LEFT JOIN contacts c ON c.account = a.id LEFT JOIN meters m ON m.consumer_no = a.consumer_no
WHERE d.channel = ? AND d.state = 'queued' AND d.next_try <= ? ORDER BY d.next_try, d.id LIMIT ?
"""

#: More than a consumer gets in the longest span that a rule looks back.
_EARLIER: Final = """
SELECT n.kind, coalesce(d.sent_at, d.changed_at), n.texts, d.language
FROM deliveries d JOIN notices n ON n.id = d.notice
WHERE d.account = ? AND d.channel = ? AND d.id <> ?
  AND (d.sent_at IS NOT NULL OR (d.state = 'queued' AND d.attempts > 0))
ORDER BY d.id DESC LIMIT 50
"""

_texts = msgspec.json.Decoder(dict[str, str])


def claim(connection: Connection, lane: Lane, manners: Manners, limit: int, now: datetime) -> list[Outgoing]:
    """Messages that go out now, at most `limit`, and no more than the channel has attempts left today."""
    day = to_micros(now) // DAY
    left = limit if lane.a_day is None else min(limit, lane.a_day - attempts_on(connection, lane.name, day))
    claimed: list[Outgoing] = []
    # Looks at more than it may claim: what is put off or dropped must not stand in the way of the rest.
    for row in connection.execute(_DUE, (lane.name, to_micros(now), 10 * limit)).fetchall():
        if len(claimed) >= left:
            break
        message = _claim_one(connection, lane, manners, row, now)
        if message is not None:
            claimed.append(message)
    if claimed:
        connection.execute(
            "INSERT INTO channel_days (channel, day, attempts) VALUES (?, ?, ?)"
            " ON CONFLICT (channel, day) DO UPDATE SET attempts = attempts + excluded.attempts",
            (lane.name, day, len(claimed)),
        )
    return claimed


def _claim_one(
    connection: Connection, lane: Lane, manners: Manners, row: tuple[Any, ...], now: datetime
) -> Outgoing | None:
    delivery, notice, account, language, address, attempts, sends, kind, key, at, texts, consumer_no, *ways, zone = row
    text = _texts.decode(texts).get(language, "")
    candidate = Candidate(
        kind=NoticeKind(kind),
        channel=lane.kind,
        at=from_micros(at),
        text=text,
        zone=zone or "",
        attempts=attempts,
        earlier=tuple(_earlier(connection, account, lane.name, delivery)),
        later=_later(connection, account, notice),
    )
    match judge(candidate, manners, now):
        case Wait(until=until, reason=reason):
            connection.execute(
                "UPDATE deliveries SET next_try = ?, error = ? WHERE id = ?", (to_micros(until), reason, delivery)
            )
            return None
        case Drop(reason=reason, failed=failed):
            state = "failed" if failed or sends else "suppressed"
            connection.execute(
                "UPDATE deliveries SET state = ?, next_try = NULL, error = ?, changed_at = ? WHERE id = ?",
                (state, reason, to_micros(now), delivery),
            )
            return None
        case Go():
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1, next_try = ?, changed_at = ? WHERE id = ?",
                (to_micros(now + LEASE), to_micros(now), delivery),
            )
    mobile, email = ways
    own = {ChannelKind.SMS: mobile, ChannelKind.EMAIL: email}.get(lane.kind)
    return Outgoing(
        delivery=delivery,
        send=sends + 1,
        attempt=attempts + 1,
        channel=lane.name,
        kind=candidate.kind,
        key=key,
        language=language,
        consumer_no=consumer_no,
        at=candidate.at,
        text=text,
        address=address or own,
    )


def _earlier(connection: Connection, account: int, channel: str, but: int) -> Iterator[Earlier]:
    for kind, at, texts, language in connection.execute(_EARLIER, (account, channel, but)):
        yield Earlier(NoticeKind(kind), from_micros(at), _texts.decode(texts).get(language, ""))


def _later(connection: Connection, account: int, notice: int) -> frozenset[NoticeKind]:
    rows = connection.execute("SELECT DISTINCT kind FROM notices WHERE account = ? AND id > ?", (account, notice))
    return frozenset(NoticeKind(kind) for (kind,) in rows)


def attempts_on(connection: Connection, channel: str, day: int) -> int:
    """Attempts on a channel on a day (UTC, since 1970)."""
    row = connection.execute(
        "SELECT attempts FROM channel_days WHERE channel = ? AND day = ?", (channel, day)
    ).fetchone()
    return 0 if row is None else int(row[0])
