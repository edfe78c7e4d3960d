from datetime import UTC, date, datetime, time, timedelta

import pytest

from headend.prepaid.calendar import ALWAYS_OPEN, Calendar, Closed, Hours, is_second_saturday

KOLKATA = "Asia/Kolkata"


def local(day, hour, minute=0):
    """A local time in Ranchi of March 2026 (the 1st is a Sunday)."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) - timedelta(hours=5, minutes=30)


def test_hours_over_midnight_belong_to_the_day_they_begin_on():
    weekend = Calendar(hours=(Hours(time(18), time(8), frozenset({6})),), days=frozenset(), second_saturdays=False)
    assert weekend.closed(local(1, 17, 59), KOLKATA) is None
    assert weekend.closed(local(1, 18), KOLKATA) is Closed.HOUR
    assert weekend.closed(local(2, 7, 59), KOLKATA) is Closed.HOUR
    assert weekend.closed(local(2, 8), KOLKATA) is None
    assert weekend.closed(local(2, 18), KOLKATA) is None
    assert weekend.closed(local(1, 7), KOLKATA) is None


def test_hours_within_a_day_are_closed_on_their_days_only():
    noon = Calendar(hours=(Hours(time(12), time(13), frozenset({2})),), days=frozenset(), second_saturdays=False)
    assert noon.closed(local(4, 12), KOLKATA) is Closed.HOUR
    assert noon.closed(local(4, 13), KOLKATA) is None
    assert noon.closed(local(4, 11, 59), KOLKATA) is None
    assert noon.closed(local(5, 12), KOLKATA) is None


def test_equal_ends_close_the_whole_day():
    shut = Calendar(hours=(Hours(time(0), time(0)),))
    assert all(shut.closed(local(4, hour), KOLKATA) is not None for hour in range(24))


def test_a_holiday_is_named_before_the_day_of_the_week():
    calendar = Calendar(holidays=frozenset({date(2026, 3, 1)}))
    assert calendar.closed(local(1, 12), KOLKATA) is Closed.HOLIDAY
    assert calendar.closed(local(8, 12), KOLKATA) is Closed.DAY


def test_second_saturdays():
    found = [day for day in range(1, 32) if is_second_saturday(date(2026, 3, day))]
    assert found == [14]
    assert is_second_saturday(date(2026, 8, 8))
    assert not is_second_saturday(date(2026, 8, 1))
    assert not is_second_saturday(date(2026, 8, 15))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (local(4, 12), local(4, 12)),
        (local(4, 20, 7), local(5, 8)),
        (local(7, 19), local(9, 8)),  # Saturday evening: Sunday is closed, and so is Monday until eight
    ],
)
def test_the_next_open_time_is_found_over_nights_and_sundays(now, expected):
    assert Calendar().next_open(now, KOLKATA) == expected


def test_where_nothing_is_ever_open_there_is_no_next_time():
    assert Calendar(days=frozenset(range(7))).next_open(local(4, 12), KOLKATA) is None
    assert Calendar().next_open(local(4, 12), "Asia/Nowhere") is None


def test_an_open_calendar_is_open_at_night_on_sundays():
    assert ALWAYS_OPEN.closed(local(1, 3), KOLKATA) is None
