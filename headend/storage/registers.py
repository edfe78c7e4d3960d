"""Single registers: every value once in a narrow table, and the newest of each beside it."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from headend.meters.reading import Reading
from headend.storage.profilerows import Visit, record_conflict
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

_READING: Final = "r.name, r.obis, r.unit, l.value, l.exponent, l.received, l.meter_time"


def store_readings(connection: Connection, visit: Visit, readings: Iterable[Reading]) -> None:
    """Add register values. The same value for the same time is known already; another one is a conflict."""
    for reading in readings:
        register = _register(connection, reading)
        value, exponent = scaled(reading.value)
        at = reading.meter_time or reading.received
        key = (visit.meter.id, register, to_micros(at))
        added = connection.execute(
            "INSERT INTO register_values (meter, register, at, value, exponent, visit) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (*key, value, exponent, visit.id),
        ).rowcount
        if not added and not _agrees(connection, visit, reading, key, at):
            continue
        _keep_newest(connection, visit.meter.id, register, (value, exponent), reading)


def latest(connection: Connection, meter: int) -> list[Reading]:
    """The newest value of each register of a meter, by name."""
    rows = connection.execute(
        f"SELECT {_READING} FROM latest l JOIN registers r ON r.id = l.register WHERE l.meter = ?"  # noqa: S608
        " ORDER BY r.name, r.obis",
        (meter,),
    )
    return [_reading(row) for row in rows]


def history(connection: Connection, meter: int, name: str, since: datetime, until: datetime) -> list[Reading]:
    """The values of a register with since <= time < until, oldest first; `meter_time` is what they are kept under."""
    rows = connection.execute(
        "SELECT r.name, r.obis, r.unit, v.value, v.exponent, s.finished, v.at FROM register_values v"
        " JOIN registers r ON r.id = v.register JOIN visits s ON s.id = v.visit"
        " WHERE v.meter = ? AND r.name = ? AND v.at >= ? AND v.at < ? ORDER BY v.at",
        (meter, name, to_micros(since), to_micros(until)),
    )
    return [_reading(row) for row in rows]


def scaled(value: Decimal | str) -> tuple[int | str, int | None]:
    """The value as integer and exponent of ten, or as text without exponent; a number too long for 64 bits as text."""
    if isinstance(value, str):
        return value, None
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # not a number, or infinite
        return str(value), None
    mantissa = int("".join(map(str, digits))) * (-1 if sign else 1)
    if abs(mantissa) >= 1 << 63:
        return str(mantissa), exponent
    return mantissa, exponent


def unscaled(value: int | str, exponent: int | None) -> Decimal | str:
    """What `scaled` was made from."""
    if exponent is None:
        return str(value)
    return Decimal(value).scaleb(exponent)


def _register(connection: Connection, reading: Reading) -> int:
    named = (reading.name, reading.obis, reading.unit)
    row = connection.execute("SELECT id FROM registers WHERE name = ? AND obis = ? AND unit = ?", named).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO registers (name, obis, unit) VALUES (?, ?, ?) RETURNING id", named
        ).fetchone()
    return int(row[0])


def _agrees(connection: Connection, visit: Visit, reading: Reading, key: tuple[int, int, int], at: datetime) -> bool:
    """Whether the value that is there says the same; a conflict is recorded when it does not."""
    kept = unscaled(
        *connection.execute(
            "SELECT value, exponent FROM register_values WHERE meter = ? AND register = ? AND at = ?", key
        ).fetchone()
    )
    if kept == reading.value:
        return True
    record_conflict(connection, visit, f"register:{reading.name}", at, str(kept), str(reading.value))
    return False


def _keep_newest(
    connection: Connection, meter: int, register: int, value: tuple[int | str, int | None], reading: Reading
) -> None:
    connection.execute(
        "INSERT INTO latest (meter, register, value, exponent, received, meter_time) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (meter, register) DO UPDATE SET (value, exponent, received, meter_time) ="
        " (excluded.value, excluded.exponent, excluded.received, excluded.meter_time)"
        " WHERE excluded.received >= received",
        (meter, register, *value, to_micros(reading.received), to_micros(reading.meter_time)),
    )


def _reading(row: tuple[Any, ...]) -> Reading:
    name, obis, unit, value, exponent, received, meter_time = row
    return Reading(name, obis, unscaled(value, exponent), unit, from_micros(received), from_micros(meter_time))
