import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from headend.meters.reading import ClockReading, Column, ProfileRow, ProfileRows, Reading, RelayState
from headend.scheduler.answers import profile_answer, registers_answer
from headend.session.balance import Balance

AT = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def test_registers_are_answered_with_clock_relay_and_balance():
    readings = (Reading("energy_import", "1.0.1.8.0.255", Decimal("123.450"), "kWh", AT, AT),)
    clock = ClockReading(AT, AT, deviation=-2.5, inverted_sign=True, raw=b"")
    relay = RelayState(connected=False, control_state=0, control_mode=4, read_at=AT)
    answer = json.loads(registers_answer("X1", readings, clock, relay, Balance(-1250, AT)))
    assert answer == {
        "meter": "X1",
        "clock": {"meter_time": AT.isoformat(), "deviation_s": -2.5},
        "relay": {"connected": False, "control_state": 0, "control_mode": 4},
        "balance_paise": -1250,
        "readings": [
            {
                "name": "energy_import",
                "obis": "1.0.1.8.0.255",
                "value": "123.450",
                "unit": "kWh",
                "meter_time": AT.isoformat(),
                "received": AT.isoformat(),
            }
        ],
    }


def test_a_number_is_never_written_with_an_exponent():
    readings = (Reading("energy_import", "1.0.1.8.0.255", Decimal("1.693408E+7"), "Wh", AT, AT),)
    answer = json.loads(registers_answer("X1", readings, None, None, None))
    assert answer["readings"][0]["value"] == "16934080"


def test_what_a_meter_does_not_have_is_null():
    answer = json.loads(registers_answer("X1", (), None, None, None))
    assert (answer["clock"], answer["relay"], answer["balance_paise"], answer["readings"]) == (None, None, None, [])


@pytest.mark.parametrize(
    ("value", "exponent", "text"),
    [
        (7, 0, "7"),
        (7, 3, "7000"),
        (23051, -2, "230.51"),
        (5, -2, "0.05"),
        (-5, -3, "-0.005"),
        (-12345, -2, "-123.45"),
        (0, -1, "0.0"),
        (2**63, -3, "9223372036854775.808"),
        ("text", -2, "text"),
        (b"\x00\xff", -2, "00ff"),
        (None, -2, None),
    ],
)
def test_profile_values_are_scaled_without_losing_a_digit(value, exponent, text):
    column = Column("voltage", "1.0.12.27.0.255", 2, exponent, "V")
    rows = ProfileRows("block_load", (column,), (ProfileRow(AT, b"", (value,)),))
    answer = json.loads(profile_answer("X1", rows))
    assert answer["columns"] == [{"name": "voltage", "obis": "1.0.12.27.0.255", "attribute": 2, "unit": "V"}]
    assert answer["rows"] == [{"time": AT.isoformat(), "values": [text]}]
