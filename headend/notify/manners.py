"""When a message may go out: not at night, not twice, not too many, not when it has been overtaken. Pure."""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from attrs import field, frozen

from headend.notify.model import ChannelKind, NoticeKind

#: Channels that ring at somebody; the others wait where they are until someone looks.
RINGING: Final = frozenset({ChannelKind.SMS, ChannelKind.EMAIL})

#: What makes a message pointless that has not gone out yet: a newer one of its own kind, or the event it warned of.
_OVERTAKEN_BY: Final = {
    kind: {kind, *others}
    for kind, others in {
        NoticeKind.LOW_BALANCE: {NoticeKind.LOW_BALANCE_DAYS, NoticeKind.NEGATIVE, NoticeKind.RECHARGED},
        NoticeKind.LOW_BALANCE_DAYS: {NoticeKind.LOW_BALANCE, NoticeKind.NEGATIVE, NoticeKind.RECHARGED},
        NoticeKind.NEGATIVE: {NoticeKind.RECHARGED},
        NoticeKind.CUT_PLANNED: {NoticeKind.RECHARGED, NoticeKind.CUT_DONE},
        NoticeKind.CUT_DONE: {NoticeKind.RESTORED},
        NoticeKind.RESTORED: {NoticeKind.CUT_DONE},
    }.items()
}

_HOUSE_ZONE: Final = "Asia/Kolkata"


@frozen
class QuietHours:
    """Hours of the day, in the consumer's zone, in which nobody is disturbed; they may span midnight."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From `21:00-08:00`; empty for none. ValueError for anything else."""
        if not text:
            return None
        found = re.fullmatch(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])", text)
        if found is None:
            raise ValueError(f"{text!r} is no span of hours such as 21:00-08:00")
        hours = [int(part) for part in found.groups()]
        if max(hours[0], hours[2]) > 23 or hours[:2] == hours[2:]:
            raise ValueError(f"{text!r} is no span of hours such as 21:00-08:00")
        return cls(time(hours[0], hours[1]), time(hours[2], hours[3]))

    def until(self, now: datetime, zone: str) -> datetime | None:
        """When the quiet that holds at `now` ends, None when it does not hold."""
        local = now.astimezone(_zone(zone))
        clock = local.time()
        inside = self.start <= clock < self.end if self.start < self.end else not self.end <= clock < self.start
        if not inside:
            return None
        day = local.date() if clock < self.end else local.date() + timedelta(days=1)
        return datetime.combine(day, self.end, local.tzinfo).astimezone(UTC)


@frozen
class Manners:
    """The rules of the house for messages. `urgent` kinds go out at any hour and are not counted.

    A send is tried `attempts` times, pausing `first_retry`, doubled up to `longest_retry`. One that is taken and does
    not arrive is sent again after `repeat_after`, `repeats` times; without a receipt within `receipt_within` it has
    not arrived. After `undelivered_after` messages in a row that did not arrive a consumer's number is not working.
    """

    quiet: QuietHours | None = QuietHours(time(21), time(8))
    urgent: frozenset[NoticeKind] = frozenset(
        {NoticeKind.RECHARGED, NoticeKind.RESTORED, NoticeKind.CUT_DONE, NoticeKind.NUMBER_CHANGED}
    )
    per_day: int = 4
    same_within: timedelta = timedelta(hours=12)
    valid_for: timedelta = timedelta(hours=24)
    attempts: int = 5
    first_retry: timedelta = timedelta(seconds=30)
    longest_retry: timedelta = timedelta(minutes=30)
    repeat_after: timedelta = timedelta(hours=6)
    repeats: int = 2
    receipt_within: timedelta = timedelta(hours=12)
    undelivered_after: int = 3

    def retry_after(self, attempts: int) -> timedelta:
        """The pause after so many failed attempts."""
        doubled: int = 2 ** min(max(attempts - 1, 0), 20)
        return min(self.first_retry * doubled, self.longest_retry)


@frozen
class Earlier:
    """A message of the same consumer and channel that went out, or is going out."""

    kind: NoticeKind
    at: datetime
    text: str = field(repr=False)


@frozen
class Candidate:
    """A message that is due: what it says, and what else went to this consumer on this channel in the last days.

    `later` holds the kinds of this consumer's newer notices; `attempts` those of this send.
    """

    kind: NoticeKind
    channel: ChannelKind
    at: datetime
    text: str = field(repr=False)
    zone: str
    attempts: int
    earlier: Sequence[Earlier] = ()
    later: Collection[NoticeKind] = ()


@frozen
class Go:
    """Send it now."""


@frozen
class Wait:
    """Not before `until`."""

    until: datetime
    reason: str


@frozen
class Drop:
    """It is not sent any more. `failed`: since sending it did not work, not since nobody needs it."""

    reason: str
    failed: bool = False


def judge(candidate: Candidate, manners: Manners, now: datetime) -> Go | Wait | Drop:
    """Whether a message that is due goes out now."""
    if candidate.attempts >= manners.attempts:
        return Drop(f"given up after {candidate.attempts} attempts; what became of the last is not known", failed=True)
    if candidate.channel not in RINGING:
        return Go()
    return _pointless(candidate, manners, now) or _untimely(candidate, manners, now) or Go()


def _pointless(candidate: Candidate, manners: Manners, now: datetime) -> Drop | None:
    overtaking = _OVERTAKEN_BY.get(candidate.kind, set()).intersection(candidate.later)
    if overtaking:
        return Drop(f"overtaken by a later notice ({', '.join(sorted(overtaking))})")
    if now - candidate.at > manners.valid_for:
        return Drop("too old to be sent")
    if any(now - one.at < manners.same_within and one.text == candidate.text for one in candidate.earlier):
        return Drop("the same words went out a short time ago")
    return None


def _untimely(candidate: Candidate, manners: Manners, now: datetime) -> Wait | None:
    if candidate.kind in manners.urgent:
        return None
    quiet = None if manners.quiet is None else manners.quiet.until(now, candidate.zone)
    if quiet is not None:
        return Wait(quiet, "quiet hours")
    day = timedelta(days=1)
    times = sorted(one.at for one in candidate.earlier if now - one.at < day and one.kind not in manners.urgent)
    if len(times) >= manners.per_day:
        return Wait(times[-manners.per_day] + day, f"{len(times)} messages went out within a day")
    return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(_HOUSE_ZONE)
