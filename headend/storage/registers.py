"""Single registers: what a meter showed, in a narrow table, and the newest of each beside it.

A value is written once: where a register shows what it showed before, the row that is there goes on to hold, and the
newest tells until when. So half of a fleet's registers, which seldom move, cost nothing a day.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from attrs import frozen

from headend.meters.reading import Reading
from headend.storage.profilerows import Visit, record_conflict
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

_INSERT: Final = """
INSERT INTO register_values (meter, register, at, value, exponent, visit) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""

_NEWEST: Final = """
INSERT INTO latest (meter, register, value, exponent, received, meter_time) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (meter, register) DO UPDATE SET (value, exponent, received, meter_time) =
  (excluded.value, excluded.exponent, excluded.received, excluded.meter_time)
WHERE excluded.received >= received
"""

#: One statement for all registers that a meter gave in one answer and that show what they showed before.
_SEEN_AGAIN: Final = """
UPDATE latest SET received = :received
WHERE meter = :meter AND register IN (SELECT value FROM json_each(:registers)) AND received < :received
"""

_NEWEST_OF: Final = """
SELECT r.name, r.obis, r.unit, r.id, l.value, l.exponent, l.received, l.meter_time
FROM latest l JOIN registers r ON r.id = l.register WHERE l.meter = ?
"""

#: Name, OBIS and unit of a register; its id and the newest value: number, exponent, received, capture time.
_Name = tuple[str, str, str]
_Newest = Sequence[Any]

Newest = dict[_Name, _Newest]

_READING: Final = "r.name, r.obis, r.unit, l.value, l.exponent, l.received, l.meter_time"


@frozen
class _Value:
    """A reading as the narrow table keeps it: `key` is meter, register and time; the number is scaled."""

    reading: Reading
    at: datetime
    key: tuple[int, int, int]
    number: tuple[int | str, int | None]


def store_readings(connection: Connection, visit: Visit, readings: Sequence[Reading]) -> None:
    """Add register values. The same value for the same time is known already; another one is a conflict."""
    if readings:
        keep_readings(connection, visit, readings, newest_of(connection, visit.meter.id))


def keep_readings(connection: Connection, visit: Visit, readings: Sequence[Reading], before: Newest) -> None:
    """As `store_readings`, beside the newest values of the meter as they were just read."""
    values: list[_Value] = []
    held: list[_Value] = []
    for value in _values(connection, visit, readings, before):
        (held if _shows_the_same(before.get(_name(value.reading)), value) else values).append(value)
    if values:
        _add(connection, visit, values)
    if held:
        _see_again(connection, visit, held)


def _add(connection: Connection, visit: Visit, values: list[_Value]) -> None:
    changes = connection.total_changes
    connection.executemany(_INSERT, [(*value.key, *value.number, visit.id) for value in values])
    if connection.total_changes - changes != len(values):
        values = [value for value in values if _agrees(connection, visit, value)]
    connection.executemany(_NEWEST, [_newest(value) for value in values])


def newest_of(connection: Connection, meter: int) -> Newest:
    """The newest value of each register of a meter, as its row has it."""
    return {(name, obis, unit): rest for name, obis, unit, *rest in connection.execute(_NEWEST_OF, (meter,))}


def _name(reading: Reading) -> _Name:
    return reading.name, reading.obis, reading.unit


def _shows_the_same(before: _Newest | None, value: _Value) -> bool:
    """Whether the newest row says this already: the same number, of the same capture time where there is one."""
    if before is None:
        return False
    _, number, exponent, received, meter_time = before
    return (
        (number, exponent) == value.number
        and meter_time == to_micros(value.reading.meter_time)
        and received <= to_micros(value.reading.received)
    )


def _see_again(connection: Connection, visit: Visit, held: Iterable[_Value]) -> None:
    answers: dict[datetime, list[int]] = {}
    for value in held:
        answers.setdefault(value.reading.received, []).append(value.key[1])
    for received, registers in answers.items():
        parameters = {"received": to_micros(received), "meter": visit.meter.id}
        connection.execute(_SEEN_AGAIN, {**parameters, "registers": msgspec.json.encode(registers).decode()})


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
    plain = str(value)
    whole, _, fraction = plain.partition(".")
    try:
        mantissa, exponent = int(whole + fraction), -len(fraction)
    except ValueError:  # with an exponent, not a number, or infinite
        return _scaled_apart(value)
    return (mantissa, exponent) if abs(mantissa) < 1 << 63 else (str(mantissa), exponent)


def _scaled_apart(value: Decimal) -> tuple[int | str, int | None]:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
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


def _values(connection: Connection, visit: Visit, readings: Sequence[Reading], before: Newest) -> list[_Value]:
    known: dict[_Name, int] = {name: newest[0] for name, newest in before.items()}
    if any(_name(reading) not in known for reading in readings):
        # A fleet has some dozen registers: one look at all of them costs less than one a reading.
        known = {row[1:]: row[0] for row in connection.execute("SELECT id, name, obis, unit FROM registers")}
    values = []
    for reading in readings:
        named = _name(reading)
        if named not in known:
            known[named] = _new_register(connection, named)
        at = reading.meter_time or reading.received
        values.append(_Value(reading, at, (visit.meter.id, known[named], to_micros(at)), scaled(reading.value)))
    return values


def _new_register(connection: Connection, named: _Name) -> int:
    cursor = connection.execute("INSERT INTO registers (name, obis, unit) VALUES (?, ?, ?)", named)
    return int(cursor.lastrowid or 0)


def _agrees(connection: Connection, visit: Visit, value: _Value) -> bool:
    """Whether the value that is there says the same; a conflict is recorded when it does not."""
    row = connection.execute(
        "SELECT value, exponent FROM register_values WHERE meter = ? AND register = ? AND at = ?", value.key
    ).fetchone()
    kept = unscaled(*row)
    came = value.reading.value
    if kept == came:
        return True
    record_conflict(connection, visit, f"register:{value.reading.name}", value.at, str(kept), str(came))
    return False


def _newest(value: _Value) -> tuple[Any, ...]:
    meter, register, _ = value.key
    reading = value.reading
    return (meter, register, *value.number, to_micros(reading.received), to_micros(reading.meter_time))


def _reading(row: tuple[Any, ...]) -> Reading:
    name, obis, unit, value, exponent, received, meter_time = row
    return Reading(name, obis, unscaled(value, exponent), unit, from_micros(received), from_micros(meter_time))
