"""What keeps data complete, through the store alone: gaps, flags, typed events, identities, clocks, captures."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from store_making import OFFICE, SERIAL, clock_reading, events_of, reading, rows, settle_in, visit

from headend.dlms.cosem import CaptureObject, ScalerUnit
from headend.meters.events import Severity
from headend.meters.reading import Column, ProfileRow, ProfileRows, Reading
from headend.scheduler.gaps import Periodic
from headend.scheduler.ports import ClockSet
from headend.session.shapes import Shape, ShapeKey

HALF_HOUR = timedelta(minutes=30)
BLOCK = Periodic("block_load", HALF_HOUR, 1680)
CODE = (Column("event", "0.0.96.11.4.255", 2, 0, ""),)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def house(store, tmp_path):
    await settle_in(store, tmp_path)
    return store


def logged(*events, profile="events_other"):
    made = tuple(ProfileRow(at, bytes(12), (code,)) for at, code in events)
    return ProfileRows(profile, CODE, made)


async def search(store, depth=None):
    found = await store.fleet.search_gaps([(SERIAL, [Periodic("block_load", HALF_HOUR, depth)])])
    return found.get(SERIAL, ())


async def test_a_gap_is_found_once_and_filled_by_rows_that_are_flagged_as_late(house, clock):
    for first, count in ((0, 4), (6, 3)):
        await house.fleet.record_visit(visit(clock, profiles=(rows(MIDNIGHT + first * HALF_HOUR, count),)), None)
    (gap,) = await search(house)
    assert (gap.since, gap.until) == (MIDNIGHT + 4 * HALF_HOUR, MIDNIGHT + 5 * HALF_HOUR)
    assert await search(house) == (gap,)
    late = rows(gap.since, 2)
    await house.fleet.record_visit(visit(clock, backfilled=(late,), filled=(gap.id,)), None)
    assert await search(house) == ()
    assert (await house.fleet.gap_counts()).filled == 1
    flagged = await house.fleet.flags(SERIAL, "block_load", MIDNIGHT, clock.now)
    assert flagged == {(row.time, "late") for row in late.rows}


async def test_a_gap_that_the_meter_has_nothing_for_is_asked_for_twice_and_then_known(house, clock):
    for first in (0, 6):
        await house.fleet.record_visit(visit(clock, profiles=(rows(MIDNIGHT + first * HALF_HOUR, 3),)), None)
    (gap,) = await search(house)
    await house.fleet.record_visit(visit(clock, filled=(gap.id,)), None)
    assert await search(house) == (gap,)
    await house.fleet.record_visit(visit(clock, filled=(gap.id,)), None)
    assert await search(house) == ()
    assert (await house.fleet.gap_counts()).absent == 1


async def test_a_gap_that_the_meter_has_overwritten_is_told_as_lost(house, clock):
    for first in (0, 6):
        await house.fleet.record_visit(visit(clock, profiles=(rows(MIDNIGHT + first * HALF_HOUR, 3),)), None)
    assert len(await search(house, depth=9)) == 1
    clock.forward(hours=3)
    assert await search(house, depth=9) == ()
    (event,) = await events_of(house, "gap.lost")
    assert event.meter == SERIAL


async def test_what_a_meter_may_hold_before_the_first_row_is_a_gap_until_it_was_asked_for(house, clock):
    await house.fleet.record_visit(visit(clock, backfilled=(rows(MIDNIGHT, 3),)), None)
    # One is the newest of twenty rows; it is six o'clock, so that what lies before eight is overwritten.
    (gap,) = await search(house, depth=20)
    assert (gap.since, gap.until) == (MIDNIGHT - 8 * HALF_HOUR, MIDNIGHT - HALF_HOUR)


async def test_rows_of_a_wrong_clock_are_kept_and_flagged(house, clock):
    late = clock_reading(clock, deviation=400.0)
    future = rows(clock.now + timedelta(hours=1), 1)
    await house.fleet.record_visit(visit(clock, clock=late, profiles=(rows(MIDNIGHT, 2), future)), None)
    flags = await house.fleet.flags(SERIAL, "block_load", MIDNIGHT, clock.now + timedelta(days=1))
    assert [flag for _, flag in sorted(flags)] == ["clock", "clock", "clock", "future"]
    assert len((await house.fleet.rows(SERIAL, "block_load", MIDNIGHT, clock.now + timedelta(days=1)))[0].rows) == 3


async def test_an_event_has_a_start_and_an_end_and_is_told_to_its_office(house, clock):
    begun, over = clock.now - timedelta(hours=2), clock.now - timedelta(hours=1)
    await house.fleet.record_visit(visit(clock, profiles=(logged((begun, 201)),)), None)
    (lasting,) = await house.meter_events.events(lasting=True)
    assert (lasting.name, lasting.severity, lasting.office, lasting.started_at) == (
        "magnet",
        Severity.CRITICAL,
        OFFICE,
        begun,
    )
    again = visit(clock, profiles=(logged((begun, 201), (over, 202)),))
    await house.fleet.record_visit(again, None)
    await house.fleet.record_visit(again, None)
    (event,) = await house.meter_events.events()
    assert (event.started_at, event.ended_at) == (begun, over)
    assert len(await events_of(house, "meter.event")) == 2
    ((item),) = await house.work.items()
    assert (item.kind, item.command, item.meter) == ("tamper", None, SERIAL)


async def test_an_end_without_a_start_is_an_end_alone_and_two_occurrences_have_an_end_each(house, clock):
    at = [clock.now - timedelta(hours=hours) for hours in (9, 8, 7, 6, 5)]
    codes = (202, 201, 202, 201, 202)
    await house.fleet.record_visit(visit(clock, profiles=(logged(*zip(at, codes, strict=True)),)), None)
    found = [(each.started_at, each.ended_at) for each in await house.meter_events.events()]
    assert sorted(found, key=lambda each: each[1]) == [(None, at[0]), (at[1], at[2]), (at[3], at[4])]


async def test_events_of_one_moment_are_all_kept_and_no_contradiction(house, clock):
    at = clock.now - timedelta(hours=1)
    log = logged((at, 201), (at, 202), (at, 203))
    for _ in range(2):
        await house.fleet.record_visit(visit(clock, profiles=(log,)), None)
    (piece,) = await house.fleet.rows(SERIAL, "events_other", at, clock.now)
    assert [row.values for row in piece.rows] == [(201,), (202,), (203,)]
    assert len(await house.meter_events.events()) == 2
    assert await events_of(house, "reading.conflict") == []


async def test_events_are_chosen_by_office_severity_meter_and_kind(house, clock):
    at = clock.now - timedelta(hours=1)
    await house.fleet.record_visit(visit(clock, profiles=(logged((at, 201), (at + timedelta(minutes=1), 205)),)), None)
    choose = house.meter_events.events
    assert [each.code for each in await choose(severity=Severity.MAJOR)] == [201]
    assert len(await choose(office="Ranchi")) == len(await choose(meter=SERIAL)) == 2
    assert await choose(office="Dhanbad") == await choose(meter="nobody") == []


async def test_an_event_without_a_name_is_kept_by_its_number(house, clock):
    await house.fleet.record_visit(visit(clock, profiles=(logged((clock.now, 237)),)), None)
    (event,) = await house.meter_events.events()
    assert (event.name, event.severity) == ("event 237", Severity.WARNING)


@pytest.mark.parametrize(("name", "kind"), [("firmware", "meter.firmware_changed"), ("serial", "meter.replaced")])
async def test_another_firmware_or_another_device_is_told_once(house, clock, name, kind):
    def told(value):
        return Reading(name, "1.0.0.2.0.255", value, "", clock.now)

    for value in ("one", "one", "two", "two"):
        await house.fleet.record_visit(visit(clock, readings=(told(value), reading(clock))), None)
        clock.forward(hours=1)
    (event,) = await events_of(house, kind)
    assert '"before":"one","after":"two"' in event.payload


async def test_a_clock_that_was_set_is_told_and_remembered(house, clock):
    assert await house.fleet.last_clock_set(SERIAL) is None
    await house.fleet.record_visit(visit(clock, clock_set=ClockSet(clock.now, 40.0, 0.2)), None)
    assert await house.fleet.last_clock_set(SERIAL) == clock.now
    (event,) = await events_of(house, "clock.set")
    assert '"before_s":40.0,"after_s":0.2' in event.payload


async def test_a_clock_that_is_too_far_off_is_one_item_of_work_until_it_is_set(house, clock):
    for _ in range(3):
        far = ClockSet(clock.now, 4000.0, None, "4000 s off")
        await house.fleet.record_visit(visit(clock, clock_set=far), None)
    (item,) = await house.work.items()
    assert (item.kind, item.command) == ("clock_off", None)
    assert len(await events_of(house, "clock.off")) == 1
    await house.fleet.record_visit(visit(clock, clock_set=ClockSet(clock.now, 40.0, 0.0)), None)
    assert await house.work.items() == []


async def test_what_a_meter_captures_is_known_after_a_restart_until_its_firmware_changes(opened, tmp_path):
    first = await opened(armed=False)
    await settle_in(first, tmp_path)
    captured = CaptureObject(3, "1.0.1.29.0.255", 2)
    shape = Shape((captured,), ((captured, ScalerUnit(1, 30)),), 1800)
    key = ShapeKey(SERIAL, "1.0", "block_load")
    await first.captures.save(key, shape)
    await first.close()
    second = await opened()
    assert await second.captures.load(key) == shape
    assert await second.captures.load(ShapeKey(SERIAL, "2.0", "block_load")) is None


async def test_the_period_that_a_meter_tells_goes_before_the_models(house, clock):
    quarter = timedelta(minutes=15)
    made = tuple(ProfileRow(MIDNIGHT + n * quarter, bytes(12), (1,)) for n in range(8))
    columns = (Column("e", "1.0.1.29.0.255", 2, 0, "Wh"),)
    await house.captures.save(ShapeKey(SERIAL, "1.0", "block_load"), Shape((), (), 900))
    kept = ProfileRows("block_load", columns, made[:3] + made[4:])
    await house.fleet.record_visit(visit(clock, profiles=(kept,)), None)
    (gap,) = await search(house)
    assert (gap.since, gap.until) == (made[3].time, made[3].time)


async def test_a_number_in_a_nameplate_does_not_count_as_another_device(house, clock):
    plate = Reading("year", "0.0.96.1.4.255", Decimal(2024), "", clock.now)
    await house.fleet.record_visit(visit(clock, readings=(plate,)), None)
    await house.fleet.record_visit(visit(clock, readings=(plate,)), None)
    assert await events_of(house, "meter.replaced") == []
