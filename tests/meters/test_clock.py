from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.errors import DecodeError
from headend.meters.clock import DeviationSign, clock_octets, clock_reading, clock_to_utc

KOLKATA = ZoneInfo("Asia/Kolkata")
VIENNA = ZoneInfo("Europe/Vienna")


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(
    ("sent", "sign"),
    [
        ("07ea0b18020c1e0000feb600", DeviationSign.BLUE_BOOK),  # -330
        ("07ea0b18020c1e00ff014a00", DeviationSign.INVERTED),  # +330, as a live meter sends it
        ("07ea0b18020c1e00ff800000", DeviationSign.UNSPECIFIED),
        ("07ea0b18ff0c1effffffff00"[:18] + "800000", DeviationSign.UNSPECIFIED),  # no weekday, no seconds
    ],
)
def test_a_quarter_to_seven_utc_is_read_whichever_sign_the_meter_uses(sent, sign):
    stated = clock_to_utc(octets(sent), KOLKATA)
    assert stated.utc == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert stated.sign is sign
    assert not stated.doubtful


def test_a_deviation_that_fits_the_zone_with_neither_sign_is_doubtful():
    stated = clock_to_utc(octets("07ea0b18020c1e0000000000"), KOLKATA)
    assert (stated.sign, stated.deviation, stated.doubtful) == (DeviationSign.UNEXPECTED, 0, True)
    assert stated.utc == datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("status", [0x01, 0x02, 0x04, 0x08, 0x81])
def test_a_meter_that_marks_its_own_time_is_doubted(status):
    assert clock_to_utc(octets("07ea0b18020c1e0000feb6") + bytes((status,)), KOLKATA).doubtful


@pytest.mark.parametrize("status", [0x00, 0x80, 0xFF])
def test_daylight_saving_and_an_unspecified_status_are_no_doubt(status):
    assert not clock_to_utc(octets("07ea0b18020c1e0000feb6") + bytes((status,)), KOLKATA).doubtful


@pytest.mark.parametrize(
    "sent",
    [
        "ffffffffffffffffff800000",
        "07eaff18020c1e0000feb600",  # any month
        "07ea0bfe020c1e0000feb600",  # last day of the month
        "07ea0b18ff181e0000feb600",  # hour 24
        "07ea021e020c1e0000feb600",  # 30 February
        "000001010100000000000000",  # year 0
    ],
)
def test_what_states_no_moment_is_none(sent):
    assert clock_to_utc(octets(sent), KOLKATA) is None


@pytest.mark.parametrize("size", [0, 4, 5, 11, 13])
def test_other_than_twelve_octets_are_a_decode_error(size):
    with pytest.raises(DecodeError, match="12 octets"):
        clock_to_utc(bytes(size), KOLKATA)


@pytest.mark.parametrize(("deviation", "hour"), [("ff88", 0), ("ffc4", 1), ("0078", 0), ("003c", 1)])
def test_in_the_repeated_hour_both_offsets_are_the_zones(deviation, hour):
    stated = clock_to_utc(octets(f"07ea0a19070200000{0}{deviation}00"), VIENNA)
    assert stated.utc == datetime(2026, 10, 25, hour, 0, tzinfo=UTC)
    assert stated.sign is not DeviationSign.UNEXPECTED


@pytest.mark.parametrize(("status", "hour"), [("80", 0), ("00", 0)])
def test_without_deviation_the_daylight_bit_or_the_first_offset_decides(status, hour):
    stated = clock_to_utc(octets(f"07ea0a190702000000{'8000'}{status}"), VIENNA)
    assert stated.utc == datetime(2026, 10, 25, hour, 0, tzinfo=UTC)


def test_the_first_and_last_moment_of_the_calendar_are_no_crash():
    assert clock_to_utc(octets("000101010100000000fc7c00"), KOLKATA) is None
    assert clock_to_utc(octets("270f0c1f05173b3b63038400"), KOLKATA) is None


@given(
    st.integers(86_400, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from([DeviationSign.BLUE_BOOK, DeviationSign.INVERTED]),
    st.sampled_from([KOLKATA, VIENNA]),
)
def test_what_is_written_to_a_clock_is_read_back(moment, sign, zone):
    stated = clock_to_utc(clock_octets(moment, zone, sign), zone)
    assert stated.utc == moment
    assert stated.sign is sign or not stated.deviation


def test_a_clock_may_be_written_without_deviation():
    sent = clock_octets(datetime(2026, 11, 24, 7, 0, tzinfo=UTC), KOLKATA, DeviationSign.UNSPECIFIED)
    assert sent.hex() == "07ea0b18020c1e0000800000"


def test_the_clocks_lead_is_measured_against_the_time_of_arrival():
    received = datetime(2026, 11, 24, 7, 0, tzinfo=UTC) - timedelta(seconds=90)
    reading = clock_reading(octets("07ea0b18020c1e00ff014a00"), received, KOLKATA)
    assert (reading.deviation, reading.inverted_sign) == (90.0, True)
    assert reading.raw.hex() == "07ea0b18020c1e00ff014a00"
    assert clock_reading(b"\xff" * 12, received, KOLKATA) is None
