"""How long a meter is left alone after a visit that failed. Pure: the outcome, how often, and a meter's own spread."""

from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from attrs import frozen

from headend.scheduler.ports import Outcome

#: A wrong key or a wrong meter does not cure itself, and each try is a strike against a meter that counts them.
_HOPELESS: Final = frozenset({Outcome.REFUSED, Outcome.WRONG_METER})
_DOUBLINGS: Final = 20


@frozen
class BackoffRules:
    """First pause, longest pause, and the pause after `busy`, which tells that the meter is alive."""

    first: timedelta
    longest: timedelta
    busy: timedelta


#: Collection can wait: the meter keeps its profiles for weeks.
COLLECTION: Final = BackoffRules(timedelta(seconds=30), timedelta(hours=6), timedelta(seconds=15))
#: Somebody sits in the dark: tried again soon and for ever.
RELAY: Final = BackoffRules(timedelta(seconds=2), timedelta(minutes=5), timedelta(seconds=1))


@frozen
class Backoff:
    """A meter's standing: failures in a row, the first cause of them and when, and when it may be visited again."""

    failures: int
    outcome: Outcome
    first_error: str
    not_before: datetime
    first_at: datetime


def after_failure(
    earlier: Backoff | None, outcome: Outcome, error: str, meter: str, now: datetime, rules: BackoffRules
) -> Backoff:
    """The standing after one more failure: doubled each time, at once the longest for a refused key or a wrong meter.

    The pause is shortened by up to a quarter, by meter and count, so that meters that fell together don't return
    together.
    """
    failures = (earlier.failures if earlier else 0) + 1
    pause = _pause(outcome, failures, rules)
    spread = 1 - crc32(f"{meter}:{failures}".encode()) / 2**34
    first_error, first_at = (earlier.first_error, earlier.first_at) if earlier else (error, now)
    return Backoff(failures, outcome, first_error, now + pause * spread, first_at)


def _pause(outcome: Outcome, failures: int, rules: BackoffRules) -> timedelta:
    if outcome in _HOPELESS:
        return rules.longest
    if outcome is Outcome.BUSY:
        return rules.busy
    return min(rules.first * (1 << min(failures - 1, _DOUBLINGS)), rules.longest)
