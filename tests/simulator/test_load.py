from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.clock import DAY_MS
from simulator.consumption import Consumption
from simulator.demand import MaximumDemand, demand_between, peak_so_far
from simulator.load import ORIGIN_DAY, SLOT_MS, SLOTS, LoadCurve

FIRST = ORIGIN_DAY * DAY_MS
curves = st.builds(LoadCurve, st.binary(min_size=8, max_size=8), st.integers(1, 60_000), st.booleans())
moments = st.integers(FIRST, FIRST + 4000 * DAY_MS)


@given(curves, moments, st.integers(0, 40 * DAY_MS))
def test_the_register_never_falls(curve, moment, later):
    assert curve.energy(moment) <= curve.energy(moment + later)


@given(curves, moments, st.lists(st.integers(1, 3 * SLOT_MS), min_size=1, max_size=20))
def test_energy_is_the_same_whichever_intervals_it_is_asked_in(curve, moment, steps):
    points = [moment]
    for step in steps:
        points.append(points[-1] + step)
    pieces = sum(curve.energy(after) - curve.energy(before) for before, after in pairwise(points))
    assert pieces == curve.energy(points[-1]) - curve.energy(moment)


@given(curves, st.integers(0, 4000 * SLOTS))
def test_a_row_border_costs_nothing_and_agrees_with_the_instant_beside_it(curve, slot):
    border = FIRST + slot * SLOT_MS
    at_border = curve.energy(border)
    assert at_border == curve.energy_at_slot(border // SLOT_MS)
    assert curve.energy(border - 1) <= at_border <= curve.energy(border + 1)


def test_the_same_seed_gives_the_same_history_and_another_seed_another_one():
    moment = FIRST + 900 * DAY_MS + 12_345_678
    assert LoadCurve(b"a" * 8, 400).energy(moment) == LoadCurve(b"a" * 8, 400).energy(moment)
    assert LoadCurve(b"a" * 8, 400).energy(moment) != LoadCurve(b"b" * 8, 400).energy(moment)


@pytest.mark.parametrize("flat", [False, True])
def test_the_mean_load_is_what_was_asked_for(flat):
    curve = LoadCurve(b"a" * 8, 500, flat)
    days = 1000
    mean = (curve.energy(FIRST + days * DAY_MS) - curve.energy(FIRST)) / (24_000 * days)
    assert abs(mean - 500) < 1


def test_a_flat_load_moves_the_register_by_ten_watt_hours_every_twelve_seconds_at_3_kw():
    curve = LoadCurve(b"a" * 8, 3000, flat=True)
    assert curve.energy(FIRST + 12_000) - curve.energy(FIRST) == 10_000


@given(curves, st.integers(0, 2000))
def test_no_half_hour_of_a_day_exceeds_its_peak(curve, day):
    day += ORIGIN_DAY
    halves = [
        curve.energy_at_slot(day * SLOTS + slot + 1) - curve.energy_at_slot(day * SLOTS + slot) for slot in range(SLOTS)
    ]
    energy, ended = curve.peak(day)
    assert energy == max(halves)
    assert halves[(ended - day * DAY_MS) // SLOT_MS - 1] == energy


def consumption(watts=1000, *, flat=True):
    return Consumption(LoadCurve(b"c" * 8, watts, flat))


def test_nothing_is_drawn_while_the_relay_is_open():
    supply, start = consumption(), FIRST + DAY_MS
    supply.supply(start, on=False)
    supply.supply(start + 3_600_000, on=True)
    assert supply.energy(start + 3_600_000) == supply.energy(start)
    assert supply.milliwatts(start + 1) == 0
    assert supply.energy(start + 7_200_000) - supply.energy(start) == 1_000_000
    assert supply.milliwatts(start + 3_600_001) == 1_000_000


def test_a_changed_load_counts_from_then_on_and_leaves_the_past_alone():
    supply, start = consumption(), FIRST + DAY_MS
    before = supply.energy(start - 1000)
    supply.demand_watts(start, 4000)
    assert supply.energy(start - 1000) == before
    assert supply.energy(start + 3_600_000) - supply.energy(start) == 4_000_000


def test_a_load_changed_while_the_relay_is_open_is_drawn_after_it_closes():
    supply, start = consumption(), FIRST + DAY_MS
    supply.supply(start, on=False)
    supply.demand_watts(start + 1000, 4000)
    assert supply.milliwatts(start + 2000) == 0
    supply.supply(start + 3000, on=True)
    assert supply.milliwatts(start + 4000) == 4_000_000


@pytest.mark.parametrize("hours", [3, 11, 19.5, 23])
def test_the_running_maximum_demand_is_the_largest_half_hour_so_far(hours):
    supply = consumption(flat=False)
    first = ORIGIN_DAY + 200
    now = first * DAY_MS + 5 * DAY_MS + int(hours * 3_600_000)
    ends = range(first * DAY_MS + SLOT_MS, now + 1, SLOT_MS)
    largest = max(supply.energy(end) - supply.energy(end - SLOT_MS) for end in ends)
    tracker = MaximumDemand()
    for step in range(first * DAY_MS, now, 7 * 3_600_000):
        tracker.of_month(supply, first, step)
    watts, ended = tracker.of_month(supply, first, now)
    assert watts == largest * 2 // 1000
    assert supply.energy(ended) - supply.energy(ended - SLOT_MS) == largest


def test_the_peak_of_a_day_with_a_changed_load_is_looked_for():
    supply, day = consumption(flat=False), ORIGIN_DAY + 300
    supply.demand_watts(day * DAY_MS + 3 * 3_600_000, 20_000)
    supply.supply(day * DAY_MS + 5 * 3_600_000, on=False)
    energy, ended = supply.peak(day)
    assert day * DAY_MS + 3 * 3_600_000 < ended <= day * DAY_MS + 5 * 3_600_000
    assert energy == supply.energy(ended) - supply.energy(ended - SLOT_MS)
    assert demand_between(supply, day, day + 1) == (energy * 2 // 1000, ended)


def test_before_the_first_half_hour_of_a_day_there_is_no_peak():
    assert peak_so_far(consumption(flat=False), ORIGIN_DAY, FIRST + 60_000) == (0, FIRST)
