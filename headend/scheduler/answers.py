"""Read requests answered as JSON: numbers as text, so that no digit is lost; times as ISO 8601 UTC; octets as hex."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from headend.meters.reading import ClockReading, ProfileRows, Reading, RelayState
from headend.session.balance import Balance


def registers_answer(
    meter: str,
    readings: tuple[Reading, ...],
    clock: ClockReading | None,
    relay: RelayState | None,
    balance: Balance | None,
) -> str:
    """Everything that a read by hand shows of a meter."""
    return _text(
        {
            "meter": meter,
            "clock": None if clock is None else {"meter_time": clock.meter_time, "deviation_s": clock.deviation},
            "relay": None if relay is None else _relay(relay),
            "balance_paise": None if balance is None else balance.paise,
            "readings": [_reading(reading) for reading in readings],
        }
    )


def profile_answer(meter: str, rows: ProfileRows) -> str:
    """The rows of a profile, scaled: value = stored integer x 10**exponent."""
    exponents = [column.exponent for column in rows.columns]
    return _text(
        {
            "meter": meter,
            "profile": rows.profile,
            "columns": [
                {"name": each.name, "obis": each.obis, "attribute": each.attribute, "unit": each.unit}
                for each in rows.columns
            ],
            "rows": [
                {"time": row.time, "values": [_scaled(*pair) for pair in zip(row.values, exponents, strict=True)]}
                for row in rows.rows
            ],
        }
    )


def _relay(relay: RelayState) -> dict[str, Any]:
    return {"connected": relay.connected, "control_state": relay.control_state, "control_mode": relay.control_mode}


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.name,
        "obis": reading.obis,
        "value": f"{reading.value:f}" if isinstance(reading.value, Decimal) else reading.value,
        "unit": reading.unit,
        "meter_time": reading.meter_time,
        "received": reading.received,
    }


def _scaled(value: int | str | bytes | None, exponent: int) -> str | None:
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, int):
        return value
    # Shifted as text: a float would round, and a Decimal could come out as 1E+3.
    if exponent >= 0:
        return str(value * 10**exponent)
    digits = str(abs(value)).rjust(1 - exponent, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:exponent]}.{digits[exponent:]}"


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, default=_encode, separators=(",", ":"))


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
