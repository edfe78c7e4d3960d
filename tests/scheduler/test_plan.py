from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from fake_fleet import meter
from hypothesis import given
from hypothesis import strategies as st

from headend.scheduler.plan import Schedule, Window, due_slot, next_slot, slot_at

QUARTER = timedelta(minutes=15)


def utc(day, hour, minute=0, second=0, *, month=3):
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)


def test_slots_begin_at_local_midnight():
    daily = Schedule("daily", timedelta(days=1))
    assert slot_at(daily, utc(4, 18, 29)) == utc(3, 18, 30)
    assert slot_at(daily, utc(4, 18, 30)) == utc(4, 18, 30)


def test_slots_follow_each_other_through_the_day():
    quarter = Schedule("quarter", QUARTER)
    assert slot_at(quarter, utc(4, 6, 7)) == utc(4, 6, 0)
    assert next_slot(quarter, utc(4, 6, 7)) == utc(4, 6, 15)
    assert next_slot(quarter, utc(4, 6, 15)) == utc(4, 6, 30)


def test_the_last_slot_of_a_day_is_cut_short_by_midnight():
    odd = Schedule("odd", timedelta(hours=5), time_zone="UTC")
    assert slot_at(odd, utc(4, 23)) == utc(4, 20)
    assert next_slot(odd, utc(4, 23)) == utc(5, 0)


def test_longer_periods_count_whole_days_and_do_not_depend_on_when_one_looks():
    weekly = Schedule("weekly", timedelta(days=7), time_zone="UTC")
    slots = {slot_at(weekly, utc(day, 12)) for day in range(1, 29)}
    assert len(slots) in (4, 5)
    gaps = {later - earlier for earlier, later in zip(sorted(slots), sorted(slots)[1:], strict=False)}
    assert gaps == {timedelta(days=7)}


def test_days_on_which_clocks_change_keep_their_slots_in_order():
    hourly = Schedule("hourly", timedelta(hours=1), time_zone="Europe/Berlin")
    moment, slots = utc(28, 20), []
    while moment < utc(29, 23, 1):
        slots.append(slot_at(hourly, moment))
        moment += timedelta(minutes=30)
    assert slots == sorted(slots)
    assert len(set(slots)) == 28


@given(
    st.integers(0, 365 * 86_400).map(lambda second: utc(1, 0, month=1) + timedelta(seconds=second)),
    st.integers(1, 86_400) | st.integers(1, 9).map(lambda days: days * 86_400),
    st.sampled_from(["Asia/Kolkata", "UTC", "Europe/Berlin", "Asia/Kathmandu"]),
)
def test_a_moment_lies_in_its_slot_and_the_next_slot_lies_after_it(moment, every, zone):
    schedule = Schedule("any", timedelta(seconds=every), time_zone=zone)
    slot, following = slot_at(schedule, moment), next_slot(schedule, moment)
    assert slot <= moment < following
    # A day on which clocks are put back is an hour longer.
    assert moment - slot < schedule.every + timedelta(hours=1)
    assert slot_at(schedule, slot) == slot
    assert slot_at(schedule, following) == following


def test_a_window_lets_slots_begin_in_its_local_hours_only():
    night = Schedule("night", timedelta(hours=1), window=Window(time(22), time(4)))
    assert due_slot(night, utc(4, 17, 0)) == utc(4, 16, 30)  # 22:00 in Ranchi
    assert due_slot(night, utc(4, 12, 0)) is None
    assert due_slot(night, utc(4, 22, 31)) is None  # 04:01
    day = Schedule("day", timedelta(hours=1), window=Window(time(9), time(17)), time_zone="UTC")
    assert due_slot(day, utc(4, 9)) == utc(4, 9)
    assert due_slot(day, utc(4, 17)) is None


def test_a_slot_that_is_too_late_is_given_up():
    schedule = Schedule("six", timedelta(hours=6), time_zone="UTC", catch_up=timedelta(minutes=30), jitter=QUARTER)
    assert due_slot(schedule, utc(4, 6, 45)) == utc(4, 6)
    assert due_slot(schedule, utc(4, 6, 46)) is None


def test_groups_choose_the_meters():
    assert Schedule("all", QUARTER).covers(meter(1))
    assert Schedule("some", QUARTER, groups=("a", "b")).covers(meter(1, group="b"))
    assert not Schedule("some", QUARTER, groups=("a",)).covers(meter(1, group="b"))


def test_offsets_are_fixed_and_spread():
    schedule = Schedule("spread", timedelta(hours=1), jitter=timedelta(minutes=30))
    offsets = [schedule.offset(f"M{number}") for number in range(1000)]
    assert offsets == [schedule.offset(f"M{number}") for number in range(1000)]
    assert all(timedelta(0) <= offset < timedelta(minutes=30) for offset in offsets)
    tenths = [sum(offset // timedelta(minutes=3) == tenth for offset in offsets) for tenth in range(10)]
    assert min(tenths) > 60


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": timedelta(0)},
        {"every": timedelta(days=1, seconds=1)},
        {"jitter": timedelta(minutes=16)},
        {"jitter": timedelta(seconds=-1)},
        {"tasks": ()},
    ],
)
def test_a_schedule_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="schedule q"):
        Schedule(**{"name": "q", "every": QUARTER, **wrong})


def test_an_unknown_zone_is_refused():
    with pytest.raises(ZoneInfoNotFoundError):
        Schedule("q", QUARTER, time_zone="Asia/Nowhere")
