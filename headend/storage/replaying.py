"""Stored decisions, read once from the oldest, for judging them again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from headend.prepaid.decision import Verdict
from headend.prepaid.policy import Policy
from headend.prepaid.replay import Comparison, Kept, compare
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

_SINCE: Final = (
    "SELECT d.id, a.consumer_no, d.at, d.verdict, d.reason, d.would, d.times, d.facts FROM decisions d"
    " JOIN accounts a ON a.id = d.account WHERE d.last_at >= ? ORDER BY d.id"
)


def decisions_since(connection: Connection, since: datetime) -> Iterator[Kept]:
    """Every decision that was made at or after `since`, oldest first."""
    for number, consumer_no, at, verdict, reason, would, times, facts in connection.execute(
        _SINCE, (to_micros(since),)
    ):
        kept_would = None if would is None else Verdict(would)
        yield Kept(number, consumer_no, from_micros(at), Verdict(verdict), reason, kept_would, times, facts)


def compare_since(connection: Connection, since: datetime, policy: Policy, *, automatic: bool) -> Comparison:
    """What `policy` would have decided on the facts of every decision since a moment."""
    return compare(decisions_since(connection, since), policy, automatic=automatic)
