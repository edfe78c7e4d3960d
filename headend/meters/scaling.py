"""Raw register values to values with a unit: exact decimals, never floats."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from headend.dlms.axdr import BitString, Data, Tag
from headend.dlms.cosem import ScalerUnit
from headend.dlms.errors import DecodeError
from headend.meters.clock import clock_to_utc
from headend.meters.model import Kind, MeterModel, Money, Register
from headend.meters.reading import Reading

_TEXT_AS_OCTETS_ABOVE = 0x1F


def scale(raw: float, scaler: int | ScalerUnit = 0) -> Decimal:
    """Value of raw x 10**scaler, exact for integers; a meter's float is taken by its shortest decimal text.

    DecodeError for a float that is no number: it must not become a balance.
    """
    exponent = scaler.scaler if isinstance(scaler, ScalerUnit) else scaler
    value = Decimal(repr(+raw))
    if not value.is_finite():
        raise DecodeError(f"a register holds {raw}")
    return value.scaleb(exponent)


def balance_paise(raw: int, money: Money) -> int:
    """A money amount of the meter's, as integer paise."""
    return raw * 100 if money is Money.RUPEES else raw


def read_register(
    model: MeterModel,
    register: Register,
    value: Data,
    received: datetime,
    zone: ZoneInfo,
    *,
    scaler: ScalerUnit | None = None,
    capture_time: Data | None = None,
) -> Reading:
    """The reading in a register's attribute; `scaler` as the meter told it, `capture_time` of an extended register.

    A time becomes text (UTC, ISO 8601) and is the reading's meter time. DecodeError where the value is of another
    kind than the model says, or where a number's scaler is known to neither meter nor model.
    """
    when = _moment(capture_time, zone) if capture_time else None
    shown: Decimal | str
    unit = ""
    match register.kind:
        case Kind.NUMBER:
            shown, unit = _number(model, register, value, scaler)
        case Kind.TIME:
            when = _moment(value, zone)
            shown = when.isoformat() if when else _octets(value, register).hex()
        case Kind.TEXT:
            shown = as_text(value)
        case Kind.OCTETS:
            shown = _octets(value, register).hex()
    return Reading(register.name, str(register.obis), shown, unit, received, when)


def as_text(value: Data) -> str:
    """A name or number that a meter sends as a string of any type; hex where its octets are no printable text."""
    if isinstance(value.value, str):
        return value.value
    if isinstance(value.value, bytes):
        octets = value.value.rstrip(b"\x00")
        printable = octets.isascii() and all(octet > _TEXT_AS_OCTETS_ABOVE for octet in octets)
        return octets.decode("ascii") if printable else value.value.hex()
    if isinstance(value.value, int):
        return str(value.value)
    raise DecodeError(f"{value.tag.label} is no text")


def _number(model: MeterModel, register: Register, value: Data, told: ScalerUnit | None) -> tuple[Decimal, str]:
    if not isinstance(value.value, int | float):
        raise DecodeError(f"{register.name} is {value.tag.label}, not a number")
    fixed = model.exponent(register)
    if fixed is None and told is None and register.class_id != 1:
        raise DecodeError(f"{register.name} has no known scaler")
    exponent = fixed if fixed is not None else (told.scaler if told else 0)
    unit = told.unit_name if told and told.unit_name else register.unit
    return scale(value.value, exponent), unit


def _moment(value: Data, zone: ZoneInfo) -> datetime | None:
    if not isinstance(value.value, bytes) or len(value.value) != 12:
        return None
    stated = clock_to_utc(value.value, zone)
    return stated.utc if stated else None


def _octets(value: Data, register: Register) -> bytes:
    if isinstance(value.value, bytes):
        return value.value
    if value.tag is Tag.BIT_STRING and isinstance(value.value, BitString):
        return value.value.octets
    raise DecodeError(f"{register.name} is {value.tag.label}, not octets")
