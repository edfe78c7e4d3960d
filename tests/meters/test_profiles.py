from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from headend.dlms.cosem import CaptureObject, ScalerUnit
from headend.dlms.errors import DecodeError
from headend.meters.profiles import profile_reader, scalers_of
from headend.meters.reading import Column
from headend.meters.registry import shipped_models

KOLKATA = ZoneInfo("Asia/Kolkata")
MODEL = shipped_models()["is15959-single-phase"]
CLOCK = CaptureObject(8, "0.0.1.0.0.255", 2)
VOLTAGE = CaptureObject(3, "1.0.12.27.0.255", 2)
ENERGY = CaptureObject(3, "1.0.1.29.0.255", 2)
UNLISTED = CaptureObject(3, "1.0.3.29.0.255", 2)
HALF_PAST = bytes.fromhex("07ea0b18020c1e00ff014a00")


def reader(captured, scalers=None, **more):
    return profile_reader(MODEL, MODEL.profile("block_load"), captured, scalers or {}, KOLKATA, **more)


def test_columns_take_name_from_model_and_scaler_from_meter():
    found = reader([CLOCK, VOLTAGE, ENERGY, UNLISTED], {VOLTAGE: ScalerUnit(-2, 35), ENERGY: ScalerUnit(1, 30)})
    assert found.columns == (
        Column("voltage_average", "1.0.12.27.0.255", 2, -2, "V"),
        Column("energy_import_block", "1.0.1.29.0.255", 2, 1, "Wh"),
        Column("obis_1_0_3_29_0_255_2", "1.0.3.29.0.255", 2, 0, ""),
    )


def test_the_meters_order_counts_and_the_clock_may_stand_anywhere():
    rows = reader([ENERGY, CLOCK, VOLTAGE]).rows([(5, HALF_PAST, 23000)])
    assert [column.name for column in rows.columns] == ["energy_import_block", "voltage_average"]
    (row,) = rows.rows
    assert (row.time, row.clock, row.values) == (datetime(2026, 11, 24, 7, 0, tzinfo=UTC), HALF_PAST, (5, 23000))


def test_a_null_clock_is_one_period_after_the_row_before():
    rows = reader([CLOCK, ENERGY]).rows([(HALF_PAST, 1), (None, 2), (None, 3)])
    assert [row.time.strftime("%H:%M") for row in rows.rows] == ["07:00", "07:30", "08:00"]
    assert [row.clock for row in rows.rows] == [HALF_PAST, b"", b""]


def test_the_meters_own_period_wins():
    rows = reader([CLOCK, ENERGY], capture_period=900).rows([(HALF_PAST, 1), (None, 2)])
    assert rows.rows[1].time == datetime(2026, 11, 24, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize("clock", [None, b"\xff" * 12, b"", 5, b"\x00" * 5])
def test_a_row_without_a_moment_is_set_aside_and_those_after_it_are_not_guessed(clock):
    found = reader([CLOCK, ENERGY])
    raw = [(clock, 1), (None, 2), (HALF_PAST, 3)]
    assert [row.values for row in found.rows(raw).rows] == [(3,)]
    assert found.undated(raw) == ((clock, 1), (None, 2))


def test_without_a_period_a_null_clock_is_not_guessed():
    found = reader([CLOCK, ENERGY], capture_period=0)
    assert found.undated([(HALF_PAST, 1), (None, 2)]) == ((None, 2),)


def test_a_row_of_another_width_is_a_fault_of_the_meter():
    with pytest.raises(DecodeError, match="3 values where 2 are captured"):
        reader([CLOCK, ENERGY]).rows([(HALF_PAST, 1, 2)])


def test_a_profile_without_clock_is_refused():
    with pytest.raises(DecodeError, match="captures no clock"):
        reader([ENERGY])


def test_billing_rows_are_dated_by_their_billing_date():
    billing_date = CaptureObject(3, "0.0.0.1.2.255", 2)
    profile = MODEL.profile("billing")
    found = profile_reader(MODEL, profile, [billing_date, CaptureObject(3, "1.0.1.8.0.255", 2)], {}, KOLKATA)
    assert found.rows([(HALF_PAST, 9)]).rows[0].time.minute == 0


def test_the_same_object_captured_twice_has_two_names():
    assert [column.name for column in reader([CLOCK, ENERGY, ENERGY]).columns] == [
        "energy_import_block",
        "energy_import_block_2",
    ]


def test_floats_and_containers_are_kept_as_text():
    (row,) = reader([CLOCK, ENERGY, VOLTAGE]).rows([(HALF_PAST, 1.5, [1, 2])]).rows
    assert row.values == ("1.5", "[1, 2]")


def test_a_scaler_profile_tells_the_scalers_of_the_values():
    captured = [CaptureObject(3, "1.0.12.27.0.255", 3), CaptureObject(4, "1.0.1.29.0.255", 3), CLOCK]
    told = scalers_of(captured, ([-2, 35], (1, 30), HALF_PAST))
    assert told == {
        CaptureObject(3, "1.0.12.27.0.255", 2): ScalerUnit(-2, 35),
        CaptureObject(4, "1.0.1.29.0.255", 2): ScalerUnit(1, 30),
    }
    assert reader([CLOCK, VOLTAGE, ENERGY], told).columns[1].exponent == 1
