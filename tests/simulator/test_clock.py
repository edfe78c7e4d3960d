from datetime import UTC, datetime
from itertools import pairwise

import pytest

from simulator.captures import Periodic
from simulator.clock import DAY_MS, Deviation, MeterClock, SimulatedTime, date_octets, month_start

NOON = int(datetime(2026, 3, 10, 6, 30, tzinfo=UTC).timestamp() * 1000)  # 12:00 in India
SHOWN = "07ea030a02" + "0c000000"


def ms(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("deviation", "octets"),
    [
        (Deviation.STANDARD, "feb600"),  # -330: the Blue Book's sign for India
        (Deviation.INVERTED, "014a00"),  # +330, as live meters send it
        (Deviation.UNSPECIFIED, "800000"),
    ],
)
def test_the_clock_codes_its_zone_in_either_sign_or_not_at_all(deviation, octets):
    clock = MeterClock(330, deviation)
    assert clock.octets(clock.local(NOON)).hex() == SHOWN + octets


@pytest.mark.parametrize("octets", ["feb600", "014a00", "800000"])
def test_setting_takes_local_time_in_any_coding_of_the_own_zone(octets):
    clock = MeterClock()
    clock.set(NOON + 600_000, bytes.fromhex(SHOWN + octets))
    assert clock.local(NOON + 600_000) == MeterClock().local(NOON)


def test_setting_converts_a_time_of_another_zone():
    clock = MeterClock()
    clock.set(NOON, bytes.fromhex("07ea030a02" + "06210000" + "000000"))  # 06:33 UTC
    assert clock.local(NOON) - MeterClock().local(NOON) == 180_000


@pytest.mark.parametrize(
    "octets",
    ["", "07ea030a02", "ffff030a020c000000feb600", "07ea0d0a020c000000feb600", "07ea030a02180000" + "00feb600"],
)
def test_setting_refuses_what_names_no_instant(octets):
    clock = MeterClock()
    with pytest.raises(ValueError, match=r".+"):
        clock.set(NOON, bytes.fromhex(octets))
    assert clock.local(NOON) == MeterClock().local(NOON)


def test_a_clock_drifts_from_when_it_was_set():
    clock = MeterClock(drift_ppm=1000)
    clock.shift(NOON, 5000)
    assert clock.local(NOON + 1_000_000) - MeterClock().local(NOON + 1_000_000) == 6000


def test_the_true_time_of_a_reading_comes_back_from_it():
    clock = MeterClock(drift_ppm=250)
    clock.shift(NOON, -90_000)
    at = NOON + 7_654_321
    assert abs(clock.true(clock.local(at), clock.settings[-1]) - at) <= 1


def test_simulated_time_runs_as_fast_as_asked():
    host = [5000.0]
    time = SimulatedTime(NOON, lambda: host[0], 5000.0, 60.0)
    host[0] += 1500
    assert time.now() == NOON + 90_000


def test_dates_have_their_day_of_the_week():
    assert date_octets(ms(2026, 3, 8) // DAY_MS).hex() == "07ea030807"


def test_a_month_starts_on_its_first_day():
    assert month_start(ms(2026, 3, 31) // DAY_MS) == ms(2026, 3, 1) // DAY_MS


def captures(clock, now, period=1_800_000, depth=10):
    return Periodic.until(clock, now, period, depth)


def test_captures_are_the_newest_multiples_of_the_period():
    held = captures(MeterClock(), NOON + 60_000)
    stamps = [row.stamp for row in held.entries(1, 10)]
    assert len(held) == 10
    assert stamps[-1] == MeterClock().local(NOON)
    assert {after - before for before, after in pairwise(stamps)} == {1_800_000}


def test_a_capture_at_this_very_moment_is_there():
    assert captures(MeterClock(), NOON).entries(10, 10)[0].at == NOON


def test_entries_beyond_the_buffer_are_left_out():
    held = captures(MeterClock(), NOON)
    assert held.entries(9, 99) == held.entries(9, 10)
    assert len(held.entries(11, 20)) == 0
    assert held.entries(0, 1) == held.entries(1, 1)


@pytest.mark.parametrize(("before", "after", "found"), [(0, 0, 1), (1, 1, 1), (-1, -1, 0), (1_800_000, 0, 2)])
def test_a_range_includes_both_its_ends(before, after, found):
    at = MeterClock().local(NOON) - 3_600_000
    assert len(captures(MeterClock(), NOON).between(at - before, at + after)) == found


def test_a_clock_that_was_set_leaves_the_rows_of_before_as_they_were():
    clock = MeterClock()
    rows_before = captures(clock, NOON).entries(1, 10)
    clock.shift(NOON + 60_000, 7_200_000)
    later = captures(clock, NOON + 3_600_000, depth=30)
    rows = later.entries(1, 30)
    assert set(rows_before) <= set(rows)
    # Two hours ahead from 12:01 on: 14:30 and 15:00 by the clock are 12:30 and 13:00 in truth.
    assert [row.stamp - row.at for row in rows[-2:]] == [19_800_000 + 7_200_000] * 2
    assert [row.at for row in rows[-2:]] == [NOON + 1_800_000, NOON + 3_600_000]
    assert len(later.between(rows[-3].stamp, rows[-2].stamp)) == 2


def test_a_clock_set_back_gives_the_same_stamp_twice():
    clock = MeterClock()
    clock.shift(NOON + 60_000, -1_800_000)
    held = captures(clock, NOON + 3_600_000)
    at_noon = held.between(MeterClock().local(NOON), MeterClock().local(NOON))
    assert [row.at for row in at_noon] == [NOON, NOON + 1_800_000]


def test_a_drifting_clock_still_stamps_at_multiples_of_the_period():
    clock = MeterClock(drift_ppm=300)
    clock.shift(NOON - 86_400_000, 0)
    rows = captures(clock, NOON).entries(1, 10)
    assert all(row.stamp % 1_800_000 == 0 for row in rows)
    assert all(abs(clock.local(row.at) - row.stamp) <= 1 for row in rows)
