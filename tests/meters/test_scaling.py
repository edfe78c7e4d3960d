from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from headend.dlms import axdr
from headend.dlms.axdr import BitString
from headend.dlms.cosem import ScalerUnit
from headend.dlms.errors import DecodeError
from headend.meters.events import status_events
from headend.meters.model import Money
from headend.meters.registry import shipped_models
from headend.meters.scaling import as_text, balance_paise, read_register, scale

KOLKATA = ZoneInfo("Asia/Kolkata")
NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
MODEL = shipped_models()["is15959-single-phase"]


@pytest.mark.parametrize(
    ("raw", "scaler", "value"),
    [
        (23451, -2, "234.51"),
        (1234, 1, "12340"),
        (-5, 0, "-5"),
        (0, -3, "0"),
        (2**64 - 1, -2, "184467440737095516.15"),
        (0.1, 0, "0.1"),
        (7, ScalerUnit(-1, 35), "0.7"),
    ],
)
def test_a_raw_value_scales_exactly(raw, scaler, value):
    assert scale(raw, scaler) == Decimal(value)


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_number_is_refused(raw):
    with pytest.raises(DecodeError):
        scale(raw)


def test_rupees_and_paise_give_the_same_paise():
    assert balance_paise(-12, Money.RUPEES) == balance_paise(-1200, Money.PAISE) == -1200


def read(name, value, **more):
    return read_register(MODEL, MODEL.register(name), value, NOW, KOLKATA, **more)


def test_a_register_is_scaled_as_the_meter_says():
    reading = read("energy_import", axdr.double_long_unsigned(4321), scaler=ScalerUnit(1, 30))
    assert (reading.name, reading.obis, reading.value, reading.unit) == (
        "energy_import",
        "1.0.1.8.0.255",
        Decimal(43210),
        "Wh",
    )
    assert (reading.received, reading.meter_time) == (NOW, None)


def test_a_balance_is_in_rupees_whatever_the_meter_counts_in():
    reading = read("balance", axdr.double_long(-1250))
    assert (reading.value, reading.unit) == (Decimal("-12.50"), "INR")


def test_a_register_without_a_known_scaler_is_refused():
    with pytest.raises(DecodeError, match="energy_import has no known scaler"):
        read("energy_import", axdr.double_long_unsigned(1))


@pytest.mark.parametrize("value", [axdr.null(), axdr.octet_string(b"12"), axdr.array(), axdr.visible_string("1")])
def test_a_register_that_is_no_number_is_refused(value):
    with pytest.raises(DecodeError, match="not a number"):
        read("voltage", value, scaler=ScalerUnit())


def test_a_time_register_gives_its_moment():
    reading = read("balance_time", axdr.octet_string(bytes.fromhex("07ea0b18020c1e00ff014a00")))
    assert reading.value == "2026-11-24T07:00:00+00:00"
    assert reading.meter_time == NOW


def test_a_time_register_without_a_moment_keeps_its_octets():
    reading = read("balance_time", axdr.octet_string(b"\xff" * 12))
    assert (reading.value, reading.meter_time) == ("ff" * 12, None)


def test_an_extended_register_keeps_its_capture_time():
    capture_time = axdr.octet_string(bytes.fromhex("07ea0b18020c1e00ff014a00"))
    reading = read("demand_max", axdr.double_long_unsigned(5), scaler=ScalerUnit(0, 27), capture_time=capture_time)
    assert reading.meter_time == NOW


def test_an_event_status_word_is_kept_as_hex():
    assert read("event_status", axdr.bit_string("1000000000000001")).value == "8001"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (axdr.octet_string(b"JBV0012345"), "JBV0012345"),
        (axdr.octet_string(b"JBV\x00\x00"), "JBV"),
        (axdr.octet_string(b"\x01\x02"), "0102"),
        (axdr.octet_string(b"\xff\xfe"), "fffe"),
        (axdr.visible_string("é"), "é"),
        (axdr.double_long_unsigned(7), "7"),
    ],
)
def test_a_serial_is_text_in_whatever_type_it_comes(value, text):
    assert as_text(value) == text
    assert read("serial", value).value == text


def test_a_structure_is_no_text():
    with pytest.raises(DecodeError):
        as_text(axdr.structure())


def test_event_status_bits_count_from_the_most_significant():
    assert status_events(BitString.of("0001" + "0" * 79 + "1" + "0" * 43 + "1")) == (
        "over-voltage",
        "cover opened",
        "bit 127",
    )
    assert status_events(bytes(16)) == ()
