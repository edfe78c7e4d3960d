"""What a push means: which push setup sent it, its values by name, the readings among them, and its alerts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from attrs import evolve, field, frozen

from headend.dlms.apdu import DataNotification, EventNotification
from headend.dlms.axdr import BitString, Data, Tag, plain
from headend.dlms.cosem import CaptureObject
from headend.dlms.errors import DecodeError
from headend.meters.clock import clock_to_utc
from headend.meters.events import status_events
from headend.meters.inventory import Meter
from headend.meters.model import Kind, MeterModel, Profile, ProfileColumn, Register
from headend.meters.reading import Reading
from headend.meters.scaling import as_text, read_register
from headend.session.vocabulary import Vocabulary

RECEIVED, ALERT, EVENT = "push.received", "push.alert", "push.event"
#: IS 15959: the word whose bits say what is wrong at the meter.
STATUS_WORD: Final = "0.0.94.91.18.255"
#: Beyond this the meter's clock is no date to keep a reading under: it is kept under ours.
MOST_DEVIATION: Final = timedelta(hours=1)
#: What of a text, and of how many values, goes into an event row: a meter may send anything.
LONGEST_TEXT: Final = 120
MOST_VALUES: Final = 64
#: The class of a push setup, whose attribute 1 names the setup in its own pushes.
_PUSH_SETUP: Final = 40
#: Where a push says who it comes from: among its first values.
_FIRST_VALUES: Final = 4

#: The newest reading by OBIS code: its exponent and unit are the scaler that the meter told at a visit.
Newest = Mapping[str, Reading]


@frozen
class PushRecord:
    """One push as the store keeps it, in one transaction. `counter` None where nothing proved it: then no readings."""

    meter: str
    received: datetime
    kind: str
    payload: Mapping[str, Any]
    counter: int | None = None
    readings: tuple[Reading, ...] = ()


@frozen
class PushMeaning:
    """What a push says. `unscaled`: a number came whose scaler no visit has learned yet."""

    setup: str | None
    alerts: tuple[str, ...]
    values: Mapping[str, Any]
    readings: tuple[Reading, ...] = field(default=())
    clock: datetime | None = None
    unscaled: bool = False


def sender_names(apdu: DataNotification | EventNotification) -> Iterator[str]:
    """What a push in clear may call its sender: the texts at its beginning. DecodeError for a body that is none."""
    if not isinstance(apdu, DataNotification):
        return
    body = apdu.body.decode()
    for item in _items(body)[:_FIRST_VALUES]:
        if isinstance(item.value, bytes | str):
            yield as_text(item)


def read_push(
    apdu: DataNotification | EventNotification, meter: Meter, model: MeterModel, newest: Newest, received: datetime
) -> PushMeaning:
    """The meaning of a push by the model of its meter. DecodeError for a body that can't be read."""
    zone = ZoneInfo(meter.time_zone)
    if isinstance(apdu, EventNotification):
        return _read_event(apdu, model, zone, newest, received)
    body = apdu.body.decode()
    items = _items(body)
    setup = _setup_of(model, items)
    if setup is None:
        values = {f"value_{number}": _shown(item) for number, item in enumerate(items[:MOST_VALUES], 1)}
        return PushMeaning(None, (), values, clock=_moment(apdu.date_time, zone))
    columns = tuple(zip(setup.columns, items, strict=True))
    clock = _clock(columns, zone) or _moment(apdu.date_time, zone)
    return _meaning(setup.name, columns, _Context(model, zone, newest, received), clock)


def _read_event(
    apdu: EventNotification, model: MeterModel, zone: ZoneInfo, newest: Newest, received: datetime
) -> PushMeaning:
    attribute = apdu.attribute
    captured = CaptureObject(attribute.class_id, attribute.instance, attribute.attribute)
    vocabulary = Vocabulary((model,))
    column = vocabulary.column(None, captured) or ProfileColumn(
        vocabulary.name(attribute.instance, attribute.attribute),
        attribute.instance,
        attribute.class_id,
        attribute.attribute,
    )
    clock = None if apdu.time is None else _moment(apdu.time, zone)
    return _meaning(None, ((column, apdu.data.decode()),), _Context(model, zone, newest, received), clock)


def _items(body: Data) -> Sequence[Data]:
    return body.value if body.tag in (Tag.STRUCTURE, Tag.ARRAY) else (body,)


def _setup_of(model: MeterModel, items: Sequence[Data]) -> Profile | None:
    """The push setup that names itself in the push, else the only one with so many values."""
    fitting = [each for each in model.pushes if len(each.columns) == len(items)]
    for each in fitting:
        named = [
            index
            for index, column in enumerate(each.columns)
            if column.class_id == _PUSH_SETUP and column.attribute == 1
        ]
        if named and items[named[0]].value == each.obis.octets:
            return each
    unnamed = [each for each in fitting if not any(column.class_id == _PUSH_SETUP for column in each.columns)]
    return unnamed[0] if len(unnamed) == 1 else None


@frozen
class _Context:
    model: MeterModel
    zone: ZoneInfo
    newest: Newest
    received: datetime


def _meaning(
    setup: str | None, columns: Sequence[tuple[ProfileColumn, Data]], context: _Context, clock: datetime | None
) -> PushMeaning:
    when = clock if clock is not None and abs(clock - context.received) <= MOST_DEVIATION else None
    alerts: tuple[str, ...] = ()
    values: dict[str, Any] = {}
    readings = []
    unscaled = False
    for column, item in columns[:MOST_VALUES]:
        if str(column.obis) == STATUS_WORD and isinstance(item.value, BitString | bytes):
            alerts = status_events(item.value)
        register = _register(context.model, column)
        scaled = None if register is None else _scaled(register, context)
        reading = None if scaled is None else _reading(scaled, item, context, when)
        unscaled = unscaled or (register is not None and scaled is None)
        values[column.name] = _shown(item) if reading is None else f"{reading.value} {reading.unit}".strip()
        if reading is not None:
            readings.append(reading)
    return PushMeaning(setup, alerts, values, tuple(readings), clock, unscaled)


def _register(model: MeterModel, column: ProfileColumn) -> Register | None:
    wanted = (column.obis, column.attribute)
    return next((each for each in model.registers if (each.obis, each.attribute) == wanted), None)


def _scaled(register: Register, context: _Context) -> Register | None:
    """The register with the scaler that is known for it; None for a number without one."""
    if register.kind is not Kind.NUMBER or context.model.exponent(register) is not None:
        return register
    known = context.newest.get(str(register.obis))
    if known is None or not isinstance(known.value, Decimal):
        return None
    exponent = known.value.as_tuple().exponent
    return evolve(register, unit=known.unit, scaler=exponent) if isinstance(exponent, int) else None


def _reading(register: Register, item: Data, context: _Context, when: datetime | None) -> Reading | None:
    try:
        found = read_register(context.model, register, item, context.received, context.zone)
    except DecodeError:
        return None
    return evolve(found, meter_time=when)


def _clock(columns: Sequence[tuple[ProfileColumn, Data]], zone: ZoneInfo) -> datetime | None:
    for column, item in columns:
        if column.class_id == 8 and isinstance(item.value, bytes):
            return _moment(item.value, zone)
    return None


def _moment(octets: bytes, zone: ZoneInfo) -> datetime | None:
    if len(octets) != 12:
        return None
    stated = clock_to_utc(octets, zone)
    return stated.utc if stated else None


def _shown(item: Data) -> Any:  # noqa: ANN401 - what JSON can hold
    """A value for an event row: short, and nothing but text, numbers and truth."""
    value = plain(item)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, bytes | str):
        return as_text(item)[:LONGEST_TEXT]
    if isinstance(value, BitString):
        return value.octets.hex()[:LONGEST_TEXT]
    return str(value)[:LONGEST_TEXT]
