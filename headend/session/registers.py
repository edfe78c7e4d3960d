"""Registers to readings: values in lists, scalers from the meter itself, asked for once per firmware."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from attrs import evolve

from headend.dlms.axdr import Data
from headend.dlms.cosem import CaptureObject, CosemAttribute, ScalerUnit
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import DecodeError
from headend.meters.clock import clock_to_utc
from headend.meters.model import MeterModel, Register
from headend.meters.reading import Reading
from headend.meters.scaling import as_text, balance_paise, read_register
from headend.session.balance import Balance
from headend.session.errors import BadValue
from headend.session.plans import Plan
from headend.session.ports import Now
from headend.session.services import Services, pairs
from headend.session.shapes import Shape

Values = Mapping[CosemAttribute, Data]


async def read_values(services: Services, plan: Plan) -> Values:
    """Every register of the model that the meter has and lets this role read."""
    results = await services.get_many(plan.registers)
    return dict(pairs(plan.registers.attributes, results))


async def read_scalers(services: Services, plan: Plan) -> Shape:
    """Scaler and unit of every register of the model that has them at the meter."""
    found: list[tuple[CaptureObject, ScalerUnit]] = []
    for attribute, value in pairs(plan.scalers.attributes, await services.get_many(plan.scalers)):
        scaler = scaler_of(value)
        if scaler is not None:
            found.append((CaptureObject(attribute.class_id, attribute.instance, 2), scaler))
    return Shape((), tuple(found), None)


def readings(model: MeterModel, values: Values, scalers: Shape, received: datetime, zone: ZoneInfo) -> list[Reading]:
    """The readings in `values`; a register without a usable value or without a scaler gives none."""
    told = {key.instance: scaler for key, scaler in scalers.scalers}
    found = []
    for register in model.registers:
        value = values.get(register.reference)
        reading = None if value is None else _reading(model, register, value, told.get(register.obis), received, zone)
        if reading is not None:
            found.append(reading)
    return _less_owed(model, found)


def _less_owed(model: MeterModel, found: list[Reading]) -> list[Reading]:
    """The balance less what is owed, where the model tells that apart; no balance where one of the two is missing."""
    prepaid = model.prepaid
    if prepaid is None or model.register(prepaid.owed) is None:
        return found
    owed = next((reading.value for reading in found if reading.name == prepaid.owed), None)
    kept = [reading for reading in found if reading.name != prepaid.balance]
    balance = next((reading for reading in found if reading.name == prepaid.balance), None)
    if balance is None or not isinstance(balance.value, Decimal) or not isinstance(owed, Decimal):
        return kept
    return [*kept, evolve(balance, value=balance.value - abs(owed))]


def firmware_of(model: MeterModel, values: Values) -> str:
    """The firmware as the meter shows it; empty where it shows none."""
    register = model.register("firmware")
    value = None if register is None else values.get(register.reference)
    if value is None:
        return ""
    try:
        return as_text(value)
    except DecodeError:
        return ""


async def read_balance(services: Services, plan: Plan, now: Now, zone: ZoneInfo) -> Balance | None:
    """The balance register in paise and the meter's date of it; None where the model or the meter has none."""
    model, batch, register = plan.model, plan.balance, plan.balance_register
    if batch is None or register is None or model.prepaid is None:
        return None
    amount, *rest = await services.get_many(batch)
    received = now()
    dated = rest.pop(0) if plan.balance_time is not None else None
    owed = rest.pop(0) if plan.owed is not None else None
    if isinstance(amount, DataAccessResult) or isinstance(owed, DataAccessResult):
        return None
    steps = _whole(services, amount) - (0 if owed is None else abs(_whole(services, owed)))
    when = None if isinstance(dated, DataAccessResult) else dated
    return Balance(balance_paise(steps, model.prepaid.money), received, _moment(when, zone))


def _whole(services: Services, amount: Data) -> int:
    # A bool is an int to Python, and no amount of money.
    if not isinstance(amount.value, int) or isinstance(amount.value, bool):
        raise BadValue(f"meter {services.serial}: the balance is {amount.tag.label}, not a whole number")
    return amount.value


def scaler_of(value: Data) -> ScalerUnit | None:
    """Scaler and unit in `value`, None where it holds none."""
    try:
        return ScalerUnit.from_data(value)
    except DecodeError:
        return None


def _reading(
    model: MeterModel,
    register: Register,
    value: Data,
    scaler: ScalerUnit | None,
    received: datetime,
    zone: ZoneInfo,
) -> Reading | None:
    try:
        return read_register(model, register, value, received, zone, scaler=scaler)
    except DecodeError:
        return None


def _moment(value: Data | None, zone: ZoneInfo) -> datetime | None:
    if value is None or not isinstance(value.value, bytes) or len(value.value) != 12:
        return None
    stated = clock_to_utc(value.value, zone)
    return stated.utc if stated else None
