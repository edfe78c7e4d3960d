from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from store_making import COLUMNS, OFFICE, meter, rows, visit

from headend.meters.reading import Column, ProfileRow, ProfileRows
from headend.session.shapes import Shape, ShapeKey
from headend.storage.coverage import bounds, lacking

MODEL = "is15959-single-phase"
PERIODS = {MODEL: {"block_load": 1800}}
DAY = date(2026, 3, 1)
#: Midnight of that day in India, as UTC.
MIDNIGHT = datetime(2026, 2, 28, 18, 30, tzinfo=UTC)


@pytest.fixture
async def house(store, clock):
    """Two meters of one office behind a gateway, and one elsewhere, dialled directly."""
    clock.now = datetime(2026, 3, 3, tzinfo=UTC)
    await store.registry.add_meter(meter(1, lane="gateway-1"))
    await store.registry.add_meter(meter(2, lane="gateway-1"))
    await store.registry.add_meter(meter(3, office="Ranchi/Ranchi West/Doranda"))
    return store


async def brings(house, clock, number, *profiles):
    await house.fleet.record_visit(visit(clock, number, profiles=profiles), None)


def captures(*times, columns=COLUMNS):
    return ProfileRows("block_load", columns, tuple(ProfileRow(each, bytes(12), (1,) * len(columns)) for each in times))


async def test_the_captures_of_a_day_end_with_those_of_the_next_midnight(house, clock):
    await brings(house, clock, 1, rows(MIDNIGHT + timedelta(minutes=30), 48))
    await brings(house, clock, 2, rows(MIDNIGHT, 48))
    found = await house.completeness.day(DAY, PERIODS)
    assert [(each.meter, each.stored, each.expected) for each in found.missing] == [
        (meter(2).serial, 47, 48),
        (meter(3).serial, 0, 48),
    ]
    share = found.profiles["block_load"]
    assert (share.meters, share.complete, share.stored, share.expected) == (3, 1, 95, 144)


async def test_offices_and_lanes_have_their_own_share(house, clock):
    await brings(house, clock, 1, rows(MIDNIGHT + timedelta(minutes=30), 48))
    found = await house.completeness.day(DAY, PERIODS)
    assert found.offices["block_load", OFFICE].percent == 50.0
    assert found.lanes["block_load", "gateway-1"].percent == 50.0
    assert found.lanes["block_load", "(direct)"].percent == 0.0
    assert [key[1] for key, _ in lacking(found.lanes)] == ["(direct)", "gateway-1"]
    below = await house.completeness.day(DAY, PERIODS, "Ranchi/Ranchi East")
    assert below.profiles["block_load"].meters == 2


async def test_a_meter_is_measured_by_the_period_that_it_says_itself(house, clock):
    half = MIDNIGHT + timedelta(minutes=30)
    for number, period in ((1, 900), (2, None)):
        key = ShapeKey(meter(number).serial, "1.0", "block_load")
        await house.captures.save(key, Shape((), (), period))
    await brings(house, clock, 1, rows(half, 48))
    await brings(house, clock, 2, rows(half, 48))
    found = await house.completeness.day(DAY, PERIODS)
    assert [(each.meter, each.stored, each.expected) for each in found.missing] == [
        (meter(1).serial, 48, 96),
        (meter(3).serial, 0, 48),
    ]
    share = found.profiles["block_load"]
    assert (share.meters, share.complete, share.stored, share.expected) == (3, 1, 96, 192)


async def test_the_day_is_that_of_each_meters_zone(store, clock):
    clock.now = datetime(2026, 3, 3, tzinfo=UTC)
    await store.registry.add_meter(meter(1))
    await store.registry.add_meter(meter(2, time_zone="UTC"))
    for number in (1, 2):
        await brings(store, clock, number, rows(MIDNIGHT + timedelta(minutes=30), 48))
    found = await store.completeness.day(DAY, PERIODS)
    # 18:30 of the day is midnight in India; for a meter on UTC, 11 captures of the day are still to come by then.
    assert [(each.meter, each.stored, each.expected) for each in found.missing] == [(meter(2).serial, 37, 48)]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 3, 1), 24)])
async def test_a_day_on_which_clocks_change_has_its_own_length(store, clock, day, hours):
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    start, end = bounds(day, ZoneInfo("Europe/Berlin"))
    assert end - start == timedelta(hours=hours)
    await store.registry.add_meter(meter(1, time_zone="Europe/Berlin"))
    await brings(store, clock, 1, rows(start + timedelta(minutes=30), 2 * hours))
    found = await store.completeness.day(day, PERIODS)
    assert found.profiles["block_load"].expected == 2 * hours
    assert found.missing == []


async def test_two_rows_for_one_capture_count_once_whatever_their_columns(house, clock):
    other = (Column("voltage", "1.0.12.27.0.255", 2, -1, "V"),)
    half_past = MIDNIGHT + timedelta(minutes=30)
    await brings(house, clock, 1, captures(half_past, half_past + timedelta(seconds=40)))
    await brings(house, clock, 1, captures(half_past, half_past + timedelta(minutes=30), columns=other))
    found = await house.completeness.day(DAY, PERIODS)
    assert found.profiles["block_load"].stored == 2


async def test_of_the_present_day_only_what_is_past_is_expected(house, clock):
    clock.now = MIDNIGHT + timedelta(hours=2, minutes=10)
    found = await house.completeness.day(DAY, PERIODS)
    assert found.profiles["block_load"].expected == 3 * 4
    clock.now = MIDNIGHT - timedelta(days=1)
    found = await house.completeness.day(DAY, PERIODS)
    assert (found.profiles["block_load"].expected, found.profiles["block_load"].percent) == (0, 100.0)


async def test_a_daily_row_is_that_of_the_midnight_which_closes_the_day(house, clock):
    closing = ProfileRows("daily", COLUMNS, (ProfileRow(MIDNIGHT + timedelta(days=1), bytes(12), (1, 1)),))
    opening = ProfileRows("daily", COLUMNS, (ProfileRow(MIDNIGHT, bytes(12), (1, 1)),))
    await brings(house, clock, 1, closing)
    await brings(house, clock, 2, opening)
    found = await house.completeness.day(DAY, {MODEL: {"daily": 86_400}})
    assert [each.meter for each in found.missing] == [meter(2).serial, meter(3).serial]


async def test_meters_of_a_model_without_the_profile_are_told_apart(house):
    found = await house.completeness.day(DAY, {"another": {"block_load": 1800}})
    assert (found.unmeasured, found.profiles) == (3, {})
