from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from headend.notify.manners import Candidate, Drop, Earlier, Go, Manners, QuietHours, Wait, judge
from headend.notify.model import ChannelKind, NoticeKind

#: 11:30 in Ranchi.
NOON = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MANNERS = Manners()
MESSAGE = Candidate(NoticeKind.NEGATIVE, ChannelKind.SMS, NOON, "the balance is negative", "Asia/Kolkata", 0)


def said(hours_ago, kind=NoticeKind.LOW_BALANCE, text="something else"):
    return Earlier(kind, NOON - hours_ago * HOUR, text)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (NOON, None),
        (datetime(2026, 3, 4, 15, 29, tzinfo=UTC), None),  # 20:59
        (datetime(2026, 3, 4, 15, 30, tzinfo=UTC), datetime(2026, 3, 5, 2, 30, tzinfo=UTC)),  # 21:00 to 8:00
        (datetime(2026, 3, 4, 20, 0, tzinfo=UTC), datetime(2026, 3, 5, 2, 30, tzinfo=UTC)),  # 1:30
        (datetime(2026, 3, 5, 2, 29, tzinfo=UTC), datetime(2026, 3, 5, 2, 30, tzinfo=UTC)),
        (datetime(2026, 3, 5, 2, 30, tzinfo=UTC), None),
    ],
)
def test_nobody_is_disturbed_at_night_in_their_own_zone(now, until):
    expected = Go() if until is None else Wait(until, "quiet hours")
    assert judge(evolve(MESSAGE, at=now), MANNERS, now) == expected


def test_another_zone_has_another_night_and_a_wrong_one_is_the_houses():
    assert judge(evolve(MESSAGE, zone="America/New_York"), MANNERS, NOON).reason == "quiet hours"
    assert judge(evolve(MESSAGE, zone="Nowhere/At all"), MANNERS, NOON) == Go()
    assert judge(evolve(MESSAGE, zone=""), MANNERS, NOON) == Go()


def test_hours_within_a_day_are_quiet_too():
    siesta = evolve(MANNERS, quiet=QuietHours.parse("11:00-15:00"))
    assert judge(MESSAGE, siesta, NOON) == Wait(datetime(2026, 3, 4, 9, 30, tzinfo=UTC), "quiet hours")
    assert judge(MESSAGE, siesta, NOON - HOUR) == Go()


@pytest.mark.parametrize("text", ["21-8", "24:00-08:00", "21:00-21:00", "21:60-08:00", "x"])
def test_quiet_hours_that_make_no_sense_are_refused(text):
    with pytest.raises(ValueError, match="21:00-08:00"):
        QuietHours.parse(text)


def test_no_quiet_hours_is_possible():
    assert QuietHours.parse("") is None
    assert judge(evolve(MESSAGE, at=NOON + 12 * HOUR), evolve(MANNERS, quiet=None), NOON + 12 * HOUR) == Go()


@pytest.mark.parametrize("kind", sorted(MANNERS.urgent))
def test_what_is_urgent_goes_out_at_night_and_is_not_counted(kind):
    night = NOON + 12 * HOUR
    many = [Earlier(NoticeKind.NEGATIVE, night - n * HOUR, f"text {n}") for n in range(1, 10)]
    assert judge(evolve(MESSAGE, kind=kind, at=night, earlier=many), MANNERS, night) == Go()


@pytest.mark.parametrize("channel", [ChannelKind.WEBHOOK, ChannelKind.INBOX])
def test_what_rings_at_nobody_is_not_put_off(channel):
    night = NOON + 12 * HOUR
    message = evolve(MESSAGE, channel=channel, at=night, later={NoticeKind.RECHARGED}, earlier=[said(0)] * 20)
    assert judge(message, MANNERS, night) == Go()


def test_at_most_so_many_go_out_within_a_day():
    three = [said(20), said(10), said(5)]
    assert judge(evolve(MESSAGE, earlier=three), MANNERS, NOON) == Go()
    waiting = judge(evolve(MESSAGE, earlier=[*three, said(1)]), MANNERS, NOON)
    assert waiting.until == NOON + 4 * HOUR
    assert judge(evolve(MESSAGE, earlier=[*three, said(25)]), MANNERS, NOON) == Go()
    receipts = [said(n, NoticeKind.RECHARGED) for n in range(10)]
    assert judge(evolve(MESSAGE, earlier=receipts), MANNERS, NOON) == Go()


def test_the_same_words_are_not_said_twice():
    again = [said(11, text=MESSAGE.text)]
    assert judge(evolve(MESSAGE, earlier=again), MANNERS, NOON).reason.startswith("the same words")
    assert judge(evolve(MESSAGE, earlier=[said(12, text=MESSAGE.text)]), MANNERS, NOON) == Go()


@pytest.mark.parametrize(
    ("kind", "later", "sent"),
    [
        (NoticeKind.NEGATIVE, NoticeKind.RECHARGED, False),
        (NoticeKind.NEGATIVE, NoticeKind.NEGATIVE, False),
        (NoticeKind.NEGATIVE, NoticeKind.CUT_PLANNED, True),
        (NoticeKind.NEGATIVE, NoticeKind.CUT_DONE, True),
        (NoticeKind.LOW_BALANCE, NoticeKind.LOW_BALANCE_DAYS, False),
        (NoticeKind.LOW_BALANCE_DAYS, NoticeKind.NEGATIVE, False),
        (NoticeKind.CUT_PLANNED, NoticeKind.RECHARGED, False),
        (NoticeKind.CUT_PLANNED, NoticeKind.CUT_DONE, False),
        (NoticeKind.CUT_DONE, NoticeKind.RESTORED, False),
        (NoticeKind.CUT_DONE, NoticeKind.RECHARGED, True),
        (NoticeKind.RESTORED, NoticeKind.CUT_DONE, False),
        (NoticeKind.RECHARGED, NoticeKind.RECHARGED, True),
        (NoticeKind.NUMBER_CHANGED, NoticeKind.RECHARGED, True),
    ],
)
def test_what_is_no_longer_true_is_not_said(kind, later, sent):
    verdict = judge(evolve(MESSAGE, kind=kind, later={later}), MANNERS, NOON)
    assert verdict == Go() if sent else verdict == Drop(f"overtaken by a later notice ({later})")


def test_what_waited_for_too_long_is_not_sent():
    assert judge(evolve(MESSAGE, at=NOON - 24 * HOUR), MANNERS, NOON) == Go()
    assert judge(evolve(MESSAGE, at=NOON - 24.1 * HOUR), MANNERS, NOON) == Drop("too old to be sent")


def test_attempts_that_nobody_settled_are_used_up_too():
    verdict = judge(evolve(MESSAGE, attempts=5), MANNERS, NOON)
    assert verdict.failed
    assert judge(evolve(MESSAGE, attempts=4), MANNERS, NOON) == Go()


def test_pauses_double_up_to_the_longest():
    assert [MANNERS.retry_after(n).total_seconds() for n in (1, 2, 3, 7, 8, 1000)] == [30, 60, 120, 1800, 1800, 1800]
