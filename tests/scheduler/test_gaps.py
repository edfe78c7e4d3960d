from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from headend.scheduler.gaps import Gap, gaps, wraps_at

START = datetime(2026, 3, 4, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def at(number):
    return START + number * HALF_HOUR


def found(numbers, until):
    return [(each.since, each.until) for each in gaps("p", [at(n) for n in numbers], HALF_HOUR, at(0), at(until))]


def test_a_whole_day_has_no_gap():
    assert found(range(49), 48) == []


def test_gaps_at_the_beginning_in_the_middle_and_at_the_end():
    assert found([2, 3, 6], 8) == [(at(0), at(1)), (at(4), at(5)), (at(7), at(8))]
    assert found([], 3) == [(at(0), at(3))]


def test_a_row_beside_the_grid_stands_for_its_capture():
    times = [at(0), at(1) + timedelta(seconds=40), at(2), at(3) - timedelta(minutes=2), at(4)]
    assert gaps("p", times, HALF_HOUR, at(0), at(4)) == ()


def test_a_gap_knows_when_the_meter_overwrites_it():
    assert wraps_at(Gap("p", at(0), at(3)), 48, HALF_HOUR) == at(48)


@given(st.sets(st.integers(0, 60)), st.integers(0, 60))
def test_what_is_stored_and_the_gaps_are_together_every_capture_once(stored, until):
    missing = [
        since + n * HALF_HOUR
        for since, end in found(sorted(stored), until)
        for n in range((end - since) // HALF_HOUR + 1)
    ]
    held = [at(number) for number in stored if number <= until]
    assert sorted(missing + held) == [at(number) for number in range(until + 1)]
