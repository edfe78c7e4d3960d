from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.prepaid.ledger import Flag, balance, charge, running
from headend.prepaid.model import EnergyMark, EntryKind
from headend.prepaid.tariff import Slab, Tariff, flat

WHO = "10000000001"
START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLAT = flat("flat", 665)
SLABS = Tariff("slabs", (Slab(100_000, 665_000), Slab(200_000, 700_000), Slab(None, 800_000)))


def seen(wh, at=START, meter="X1"):
    return EnergyMark(meter, wh, at)


def amounts(charged, kind=None):
    return [entry.amount for entry in charged.entries if kind in (None, entry.kind)]


def test_the_first_value_of_a_meter_charges_nothing_and_becomes_the_mark():
    charged = charge(WHO, None, seen(123_450), FLAT)
    assert charged.entries == ()
    assert charged.flag is None
    assert (charged.mark.energy_wh, charged.mark.slab_period) == (123_450, "2026-03")


def test_one_kilowatt_hour_costs_its_rate_and_names_the_span():
    charged = charge(WHO, seen(1000), seen(2000, START + HOUR), FLAT)
    (entry,) = charged.entries
    assert (entry.kind, entry.amount, entry.reference) == (EntryKind.ENERGY, -665, "X1:1000-2000")
    assert (entry.at, entry.note) == (START + HOUR, "1000 Wh")
    assert charged.mark.energy_wh == 2000


def test_a_value_seen_twice_charges_nothing():
    first = charge(WHO, seen(1000), seen(2000, START + HOUR), FLAT)
    again = charge(WHO, first.mark, seen(2000, START + 2 * HOUR), FLAT)
    assert again.entries == ()
    assert again.flag is None


def test_less_than_a_paisa_is_carried_and_not_lost():
    first = charge(WHO, seen(0), seen(1, START + HOUR), FLAT)
    assert first.entries == ()
    assert first.mark.remainder == 665_000
    second = charge(WHO, first.mark, seen(2, START + 2 * HOUR), FLAT)
    assert amounts(second) == [-1]
    assert second.mark.remainder == 330_000


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (seen(999, START + HOUR), Flag.ROLL_BACK),
        (seen(2000, START + HOUR, "X2"), Flag.METER_CHANGED),
        (seen(2000, START - HOUR), Flag.TIME_BACKWARDS),
        (seen(2000, START + timedelta(days=40, seconds=1)), Flag.GAP),
        (seen(1000 + 61_001, START + HOUR), Flag.IMPLAUSIBLE),
        (seen(1000 + 2001, START), Flag.IMPLAUSIBLE),
    ],
)
def test_a_doubtful_value_is_flagged_and_not_billed(value, flag):
    mark = seen(1000)
    charged = charge(WHO, mark, value, FLAT)
    assert (charged.entries, charged.mark, charged.flag) == ((), mark, flag)


@pytest.mark.parametrize(
    "value",
    [
        seen(2000, START + timedelta(days=40)),
        seen(1000 + 61_000, START + HOUR),
        seen(1000 + 2000, START),
    ],
)
def test_a_value_just_within_the_limits_is_billed(value):
    assert charge(WHO, seen(1000), value, FLAT).flag is None


def test_slabs_count_the_energy_of_the_month():
    mark = EnergyMark("X1", 0, START, slab_period="2026-03", slab_wh=99_000)
    charged = charge(WHO, mark, seen(2000, START + HOUR), SLABS)
    assert amounts(charged) == [-(665 + 700)]
    assert (charged.mark.slab_period, charged.mark.slab_wh) == ("2026-03", 101_000)


def test_a_new_month_begins_with_the_first_slab():
    # 18:30 UTC is midnight in Ranchi: half of the span lies in April.
    before, after = datetime(2026, 3, 31, 17, 30, tzinfo=UTC), datetime(2026, 3, 31, 19, 30, tzinfo=UTC)
    mark = EnergyMark("X1", 0, before, slab_period="2026-03", slab_wh=150_000)
    charged = charge(WHO, mark, seen(4000, after), SLABS)
    assert amounts(charged) == [-(2 * 700 + 2 * 665)]
    assert (charged.mark.slab_period, charged.mark.slab_wh) == ("2026-04", 2000)


def test_a_span_over_several_months_is_shared_out_by_time():
    tariff = Tariff("steps", (Slab(1000, 0), Slab(None, 1_000_000)), max_gap=timedelta(days=100))
    mark = EnergyMark("X1", 0, datetime(2026, 1, 31, 18, 30, tzinfo=UTC), slab_period="2026-01", slab_wh=5000)
    charged = charge(WHO, mark, seen(59_000, datetime(2026, 3, 31, 18, 30, tzinfo=UTC)), tariff)
    # 28 and 31 days, 1 kWh a day, of which the first of each month is free.
    assert amounts(charged) == [-(27_000 + 30_000)]
    # Midnight itself still closes March.
    assert charged.mark.slab_period == "2026-03"


def test_the_months_between_get_their_own_share_and_no_more():
    tariff = Tariff("steps", (Slab(1000, 0), Slab(None, 1_000_000)), max_gap=timedelta(days=200))
    mark = EnergyMark("X1", 0, datetime(2025, 11, 30, 18, 30, tzinfo=UTC), slab_period="2025-11")
    charged = charge(WHO, mark, seen(121_000, datetime(2026, 3, 31, 18, 30, tzinfo=UTC)), tariff)
    # December to March, 1 kWh a day, of which the first of each month is free; over the turn of the year.
    assert amounts(charged) == [-(30_000 + 30_000 + 27_000 + 30_000)]
    assert charged.mark.slab_wh == 31_000


def test_november_ends_with_november():
    tariff = Tariff("steps", (Slab(1000, 0), Slab(None, 1_000_000)))
    mark = EnergyMark("X1", 0, datetime(2025, 11, 20, 18, 30, tzinfo=UTC), slab_period="2025-11")
    charged = charge(WHO, mark, seen(20_000, datetime(2025, 12, 10, 18, 30, tzinfo=UTC)), tariff)
    # Ten days in each month, 1 kWh a day, of which the first of each month is free.
    assert amounts(charged) == [-(9_000 + 9_000)]
    assert (charged.mark.slab_period, charged.mark.slab_wh) == ("2025-12", 10_000)


def test_a_month_ends_at_local_midnight_to_the_second():
    tariff = Tariff("steps", (Slab(3600, 0), Slab(None, 1_000_000)))
    mark = EnergyMark("X1", 0, datetime(2026, 3, 31, 17, 30, tzinfo=UTC), slab_period="2026-03")
    charged = charge(WHO, mark, seen(7200, datetime(2026, 3, 31, 19, 30, tzinfo=UTC)), tariff)
    assert charged.entries == ()
    assert charged.mark.slab_wh == 3600


def test_the_duty_follows_the_booked_charge_and_carries_its_remainder():
    tariff = Tariff("duty", (Slab(None, 1_000_000),), duty=500)
    first = charge(WHO, seen(0), seen(10, START + HOUR), tariff)
    assert amounts(first, EntryKind.ENERGY) == [-10]
    assert amounts(first, EntryKind.DUTY) == []
    second = charge(WHO, first.mark, seen(20, START + 2 * HOUR), tariff)
    assert amounts(second, EntryKind.DUTY) == [-1]


def test_each_day_that_began_bears_its_part_of_the_fixed_charge():
    tariff = Tariff("fixed", (Slab(None, 0),), fixed=100_00)
    charged = charge(WHO, seen(0), seen(0, START + timedelta(days=2)), tariff)
    assert [(entry.reference, entry.amount) for entry in charged.entries] == [
        ("fixed:2026-03-05", -(100_00 * 5 // 31 - 100_00 * 4 // 31)),
        ("fixed:2026-03-06", -(100_00 * 6 // 31 - 100_00 * 5 // 31)),
    ]


def test_the_days_of_a_month_add_up_to_its_fixed_charge():
    tariff = Tariff("fixed", (Slab(None, 0),), fixed=100_01)
    first = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    charged = charge(WHO, seen(0, first), seen(0, first + timedelta(days=28)), tariff)
    assert sum(amounts(charged)) == -100_01


def test_the_balance_is_the_sum_and_runs_entry_by_entry():
    assert balance([100_00, -665, -35]) == 93_00
    assert running([100_00, -665, -35]) == [100_00, 93_35, 93_00]
    assert running([5], opening=10) == [15]
    assert running([]) == []


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=30), st.integers(1, 2_000_000))
def test_however_often_a_register_is_read_the_same_energy_costs_the_same(steps, rate):
    tariff = Tariff("any", (Slab(7_000, rate), Slab(None, rate * 2)), duty=350, fixed=99_99)
    values, at, wh = [seen(0)], START, 0
    for step in steps:
        at, wh = at + timedelta(hours=7), wh + step
        values.append(seen(wh, at))
    mark, booked = EnergyMark("X1", 0, START, slab_period="2026-03"), []
    for _, value in pairwise(values):
        charged = charge(WHO, mark, value, tariff)
        assert charged.flag is None
        booked += charged.entries
        mark = charged.mark
    assert len({(entry.kind, entry.reference) for entry in booked}) == len(booked)
    # All readings lie within one month, so the exact charge is a sum of two slabs.
    exact = min(wh, 7_000) * rate + max(wh - 7_000, 0) * rate * 2
    energy = -sum(entry.amount for entry in booked if entry.kind is EntryKind.ENERGY)
    duty = -sum(entry.amount for entry in booked if entry.kind is EntryKind.DUTY)
    assert energy * 1_000_000 + mark.remainder == exact
    assert duty * 1_000_000 + mark.duty_remainder == energy * 350 * 100
    at_once = charge(WHO, EnergyMark("X1", 0, START, slab_period="2026-03"), values[-1], tariff)
    assert -sum(amounts(at_once, EntryKind.ENERGY)) == energy
    assert -sum(amounts(at_once, EntryKind.FIXED)) == -sum(e.amount for e in booked if e.kind is EntryKind.FIXED)


@given(st.permutations([500, -20, 30, -700, 1]))
def test_the_order_of_independent_entries_does_not_matter(entries):
    assert balance(entries) == -189
    assert running(entries)[-1] == -189


BY_LOAD = Tariff("by load", (Slab(None, 665_000),), fixed=10_00, fixed_per_kw=100_00)


@pytest.mark.parametrize(("load", "month"), [(2000, 210_00), (1500, 160_00), (1, 10_10)])
def test_a_fixed_charge_by_kilowatts_of_sanctioned_load_adds_up_over_the_month(load, month):
    mark, start = seen(0, START.replace(day=1)), START.replace(day=1)
    for day in range(1, 31):
        charged = charge(WHO, mark, seen(0, start + timedelta(days=day)), BY_LOAD, load)
        mark = charged.mark
        month += sum(amounts(charged, EntryKind.FIXED))
    # The day on which the first value came is not charged: March has 31, and the first of them is missing.
    assert month == BY_LOAD.fixed_on(start.date(), load)


def test_without_a_sanctioned_load_such_a_tariff_charges_nothing_and_says_so():
    charged = charge(WHO, seen(1000), seen(2000, START + HOUR), BY_LOAD)
    assert (charged.flag, charged.entries, charged.mark) == (Flag.NO_LOAD, (), seen(1000))
    assert charge(WHO, seen(1000), seen(2000, START + HOUR), BY_LOAD, 1000).flag is None


def test_other_tariffs_do_not_ask_for_a_sanctioned_load():
    days = (seen(1000), seen(1000, START + timedelta(days=2)))
    tariff = Tariff("plain", FLAT.slabs, fixed=310_00)
    assert charge(WHO, *days, tariff).entries == charge(WHO, *days, tariff, 5000).entries
