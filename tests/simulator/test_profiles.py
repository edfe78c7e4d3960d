import pytest

from headend.dlms import axdr
from headend.dlms.cosem import CaptureObject, CosemDateTime, Obis, entry_access, range_access
from headend.dlms.cosem.references import SelectiveAccess
from headend.dlms.enumerations import DataAccessResult
from simulator.plan import MeterPlan

BLOCK, DAILY, BILLING, NOW, PLATE = (
    "1.0.99.1.0.255",
    "1.0.99.2.0.255",
    "1.0.98.1.0.255",
    "1.0.94.91.0.255",
    "0.0.94.91.10.255",
)
CLOCK = CaptureObject(8, Obis("0.0.1.0.0.255"), 2)
ENERGY = CaptureObject(3, Obis("1.0.1.29.0.255"), 2)


def time_octets(hour, minute=0, day=10, tail="feb600"):
    return axdr.octet_string(bytes.fromhex(f"07ea03{day:02x}ff{hour:02x}{minute:02x}0000{tail}"))


def between(start, end, columns=(), restricting=CLOCK):
    return range_access(start, end, restricting=restricting, columns=columns)


def test_the_instantaneous_profile_is_one_row_of_what_the_registers_say(bench):
    row = dict(zip(columns(bench, NOW), bench.read(7, NOW)[0], strict=True))
    for obis in ("1.0.12.7.0.255", "1.0.11.7.0.255", "1.0.1.7.0.255", "1.0.1.8.0.255", "1.0.9.8.0.255"):
        assert row[obis, 2] == bench.read(3, obis)
    assert row["1.0.1.6.0.255", 2] == bench.read(4, "1.0.1.6.0.255")
    assert row["1.0.1.6.0.255", 5] == bench.read(4, "1.0.1.6.0.255", 5)
    assert row["0.0.1.0.0.255", 2] == bench.read(8, "0.0.1.0.0.255")


def columns(bench, obis):
    return [(str(Obis(item[1])), item[2]) for item in bench.read(7, obis, 3)]


@pytest.mark.parametrize("obis", [NOW, BLOCK, DAILY, BILLING, PLATE])
def test_every_row_has_a_value_for_each_capture_object(bench, obis):
    rows = bench.read(7, obis)
    assert rows
    assert {len(row) for row in rows} == {len(columns(bench, obis))}


def test_block_rows_add_up_to_the_register(new_bench):
    bench = new_bench(MeterPlan(watts=2000))
    rows = bench.read(7, BLOCK, access=between(time_octets(0, 30), time_octets(0, 0, 11)))
    daily = bench.read(7, DAILY)
    assert len(rows) == 28  # up to 14:00; the rest of the day is not there yet
    bench.now.advance(hours=10)
    rows = bench.read(7, BLOCK, access=between(time_octets(0, 30), time_octets(0, 0, 11)))
    daily = bench.read(7, DAILY)
    assert len(rows) == 48
    used = sum(row[2] for row in rows)
    assert abs(used - 10 * (daily[-1][1] - daily[-2][1])) < 10


def test_a_row_is_the_same_whenever_and_however_it_is_read(bench):
    access = between(time_octets(9), time_octets(11))
    first = bench.read(7, BLOCK, access=access)
    bench.meter.set_demand(20_000)
    bench.now.advance(days=3, seconds=1234)
    assert bench.read(7, BLOCK, access=access) == first
    position = bench.read(7, BLOCK).index(first[0]) + 1
    assert bench.read(7, BLOCK, access=entry_access(position, position + 4)) == first


def test_a_range_includes_both_ends(bench):
    rows = bench.read(7, BLOCK, access=between(time_octets(9), time_octets(10)))
    assert [row[0][5:7].hex() for row in rows] == ["0900", "091e", "0a00"]


@pytest.mark.parametrize("tail", ["feb600", "014a00", "800000", "8000ff"])
def test_a_range_is_understood_in_either_sign_of_the_zone(bench, tail):
    access = between(time_octets(9, tail=tail), time_octets(10, tail=tail))
    assert len(bench.read(7, BLOCK, access=access)) == 3


def test_a_range_in_utc_is_converted(bench):
    access = between(time_octets(3, 30, tail="000000"), time_octets(4, 30, tail="000000"))
    assert [row[0][5:7].hex() for row in bench.read(7, BLOCK, access=access)] == ["0900", "091e", "0a00"]


def test_a_range_may_be_coded_as_date_time(bench):
    access = between(axdr.date_time(time_octets(9).value), axdr.date_time(time_octets(9).value))
    assert len(bench.read(7, BLOCK, access=access)) == 1


def test_an_empty_range_gives_no_rows(bench):
    assert bench.read(7, BLOCK, access=between(time_octets(10), time_octets(9))) == []
    assert bench.read(7, BLOCK, access=between(time_octets(10, day=30), time_octets(10, day=31))) == []


def test_a_range_gives_the_chosen_columns_in_the_chosen_order(bench):
    whole = bench.read(7, BLOCK, access=between(time_octets(9), time_octets(10)))
    chosen = bench.read(7, BLOCK, access=between(time_octets(9), time_octets(10), (ENERGY, CLOCK)))
    assert chosen == [[row[2], row[0]] for row in whole]


def test_entries_count_from_one_and_zero_means_the_newest(bench):
    rows = bench.read(7, DAILY)
    assert len(rows) == 90
    assert bench.read(7, DAILY, access=entry_access(1, 1)) == rows[:1]
    assert bench.read(7, DAILY, access=entry_access(89, 0)) == rows[88:]
    assert bench.read(7, DAILY, access=entry_access(2, 4, 1, 2)) == [row[:2] for row in rows[1:4]]
    assert bench.read(7, DAILY, access=entry_access(90, 95, 2)) == [rows[-1][1:]]


def test_billing_is_restricted_by_its_own_date(bench):
    date = CaptureObject(3, Obis("0.0.0.1.2.255"), 2)
    access = between(time_octets(0, day=1), time_octets(0, day=2), restricting=date)
    rows = bench.read(7, BILLING, access=access)
    assert len(rows) == 1
    assert rows[0][0].hex().startswith("07ea03010700000000")
    assert rows[0][-1] == 28 * 1440


@pytest.mark.parametrize("obis", [BLOCK, DAILY, BILLING, NOW, PLATE])
def test_entries_in_use_are_what_a_whole_read_gives(bench, obis):
    assert bench.read(7, obis, 7) == len(bench.read(7, obis)) <= bench.read(7, obis, 8)


@pytest.mark.parametrize(("obis", "seconds"), [(BLOCK, 1800), (DAILY, 86_400), (NOW, 0)])
def test_the_capture_period_is_in_seconds(bench, obis, seconds):
    assert bench.read(7, obis, 4) == seconds


@pytest.mark.parametrize(("period", "rows"), [(900, 5), (1800, 3), (3600, 2)])
def test_the_period_of_the_plan_rules_the_rows(new_bench, period, rows):
    bench = new_bench(MeterPlan(block_period=period))
    found = bench.read(7, BLOCK, access=between(time_octets(9), time_octets(10)))
    assert len(found) == rows
    assert bench.read(1, "1.0.0.8.4.255") == period


@pytest.mark.parametrize(
    ("scalers", "profile"),
    [
        ("1.0.94.91.3.255", NOW),
        ("1.0.94.91.4.255", BLOCK),
        ("1.0.94.91.5.255", DAILY),
        ("1.0.94.91.6.255", BILLING),
        ("1.0.94.91.7.255", "0.0.99.98.4.255"),
    ],
)
def test_scaler_profiles_say_what_the_registers_say(bench, scalers, profile):
    rows = bench.read(7, scalers)
    assert len(rows) == 1
    captured = {item[1] for item in bench.read(7, profile, 3)}
    for definition, scaler_unit in zip(bench.read(7, scalers, 3), rows[0], strict=True):
        class_id, name, attribute, _ = definition
        assert attribute == 3
        assert name in captured
        assert scaler_unit == bench.read(class_id, name, 3)


@pytest.mark.parametrize(
    ("access", "result"),
    [
        (SelectiveAccess(3, axdr.null()), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (SelectiveAccess(1, axdr.null()), DataAccessResult.TYPE_UNMATCHED),
        (SelectiveAccess(2, axdr.structure(axdr.null())), DataAccessResult.TYPE_UNMATCHED),
        (between(axdr.unsigned(1), axdr.unsigned(2)), DataAccessResult.TYPE_UNMATCHED),
        (between(time_octets(25), time_octets(26)), DataAccessResult.OTHER_REASON),
        (between(time_octets(9), time_octets(10), restricting=ENERGY), DataAccessResult.OTHER_REASON),
        (
            between(time_octets(9), time_octets(10), (CaptureObject(3, Obis("1.0.9.9.9.255"), 2),)),
            DataAccessResult.OTHER_REASON,
        ),
    ],
)
def test_selections_that_make_no_sense_are_refused(bench, access, result):
    assert bench.read(7, BLOCK, access=access) is result


def test_only_buffers_know_selective_access(bench):
    refused = bench.read(3, "1.0.1.8.0.255", access=entry_access(1))
    assert refused is DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_the_nameplate_names_the_meter(bench):
    assert bench.read(7, PLATE)[0][:2] == [b"10000001", b"SIM10000001"]


def test_times_can_be_read_as_date_times(bench):
    stamp = bench.read(7, BLOCK, access=entry_access(480))[0][0]
    assert CosemDateTime(stamp).octets == stamp


def test_history_is_the_same_in_two_processes_worth_of_meters(new_bench):
    access = between(time_octets(9), time_octets(13))
    assert new_bench(number=5).octets(7, BLOCK, access=access) == new_bench(number=5).octets(7, BLOCK, access=access)
    assert new_bench(number=5).octets(7, BLOCK, access=access) != new_bench(number=6).octets(7, BLOCK, access=access)
