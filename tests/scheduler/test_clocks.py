"""When a meter's clock is set, and that it is read back."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fake_fleet import Denied, NobodyThere, meter
from hypothesis import given
from hypothesis import strategies as st

from headend.meters.reading import ClockReading
from headend.scheduler.clocks import Advice, ClockKeeper, ClockRules, advise

KOLKATA = ZoneInfo("Asia/Kolkata")
RULES = ClockRules()
#: A quarter of an hour begins; local time is 11:35:00 + 5 minutes into the interval that began at 11:30.
NOON = datetime(2026, 3, 4, 6, 5, tzinfo=UTC)


def reading(deviation, at=NOON):
    return ClockReading(at + timedelta(seconds=deviation), at, deviation, inverted_sign=False, raw=bytes(12))


@pytest.mark.parametrize(
    ("deviation", "advice"),
    [
        (14.9, Advice.LEAVE),
        (-14.9, Advice.LEAVE),
        (15.0, Advice.SET),
        (-120.0, Advice.SET),
        (599.0, Advice.WAIT),  # 11:44:59: within the last minute
        (-599.0, Advice.WAIT),  # over the boundary, to 11:25
        (601.0, Advice.TOO_FAR),
        (-86_400.0, Advice.TOO_FAR),
    ],
)
def test_a_clock_is_set_within_bounds_and_inside_an_interval(deviation, advice):
    assert advise(reading(deviation), KOLKATA, RULES) is advice


@given(st.integers(0, 86_400), st.floats(-700, 700))
def test_no_clock_is_ever_moved_over_a_boundary_or_in_the_last_minute(second, deviation):
    at = datetime(2026, 3, 4, tzinfo=UTC) + timedelta(seconds=second)
    found = reading(deviation, at)
    if advise(found, KOLKATA, RULES) is Advice.SET:
        # India's zone is 5:30, so that a quarter of an hour begins at the same moments as in UTC.
        places = [divmod(moment.timestamp(), 900) for moment in (found.meter_time, at)]
        assert places[0][0] == places[1][0]
        assert max(place for _, place in places) <= 840


def test_switched_off_no_clock_is_touched():
    assert advise(reading(60.0), KOLKATA, ClockRules(on=False)) is Advice.LEAVE


class Session:
    def __init__(self, *, takes=True, error=None):
        self.takes, self.error, self.written = takes, error, 0

    async def write_clock(self, like):
        self.written += 1
        if self.error is not None:
            raise self.error

    async def read_clock(self):
        return reading(0.3 if self.takes else 60.0)


def keeper(*, last=None, now=lambda: NOON):
    async def last_set(serial):
        return last

    return ClockKeeper(RULES, last_set, now)


def correct(keeper_, session, deviation=60.0):
    return asyncio.run(keeper_.correct(session, meter(1), reading(deviation)))


def test_a_set_clock_is_read_back():
    done = correct(keeper(), Session())
    assert (done.before, done.after, done.note) == (60.0, 0.3, "")
    assert correct(keeper(), Session(takes=False)).note == "it is still off"


def test_a_clock_is_set_once_a_day():
    session = Session()
    assert correct(keeper(last=NOON - timedelta(hours=23)), session) is None
    assert session.written == 0
    assert correct(keeper(last=NOON - timedelta(hours=24)), session) is not None


def test_a_meter_that_refuses_is_told_once_a_day_and_not_asked_again():
    one, session = keeper(), Session(error=Denied("read-write-denied"))
    assert correct(one, session).after is None
    assert correct(one, session) is None
    assert session.written == 1


def test_what_ends_the_visit_is_not_taken_for_a_refusal():
    with pytest.raises(NobodyThere):
        correct(keeper(), Session(error=NobodyThere("gone")))


def test_a_clock_too_far_off_is_told_and_left():
    session = Session()
    done = correct(keeper(), session, 4000.0)
    assert (done.after, session.written) == (None, 0)
    assert "+4000 s" in done.note


@pytest.mark.parametrize(
    "changes", [{"least": timedelta(0)}, {"most": timedelta(seconds=5)}, {"interval": timedelta(minutes=1)}]
)
def test_rules_under_which_no_clock_could_be_set_are_refused(changes):
    with pytest.raises(ValueError, match="must be"):
        ClockRules(**changes)
