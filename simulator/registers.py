"""Registers and plain data of the meter: measured quantities, demands, counts and event codes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Tag
from simulator import octets
from simulator import quantities as q
from simulator.associations import HOME, UTILITY, Role
from simulator.billing import BILLING_QUANTITIES, POWER_ON_OF_MONTH
from simulator.clock import DAY_MS, month_start
from simulator.eventlogs import EVENT_CURRENT, code_column, sequence_column
from simulator.events import Log
from simulator.instantaneous import BILLING_COUNT, POWER_ON_MINUTES, PROGRAMMING_COUNT, TAMPER_COUNT
from simulator.intervals import BLOCK_QUANTITIES, HEALTH
from simulator.objects import Attribute, CosemObject, constant, cosem_object
from simulator.quantities import Demand, Quantity
from simulator.rows import Column

if TYPE_CHECKING:
    from simulator.meter import Meter

_MINUTE = 6
_CODED: dict[Tag, Callable[[int], bytes]] = {
    Tag.INTEGER: octets.integer,
    Tag.UNSIGNED: octets.unsigned,
    Tag.LONG_UNSIGNED: octets.long_unsigned,
    Tag.DOUBLE_LONG_UNSIGNED: octets.double_long_unsigned,
}
_SHOWN_AT_HOME = frozenset(item.logical_name for item in (q.ENERGY, q.VOLTAGE, q.ACTIVE, q.PHASE_CURRENT))


def registers() -> list[CosemObject]:
    """Every register (class 3) and demand (class 4)."""
    quantities = {item.logical_name: item for item in (*q.REGISTERS, *BLOCK_QUANTITIES, *BILLING_QUANTITIES)}
    quantities[EVENT_CURRENT.logical_name] = EVENT_CURRENT
    return [
        *map(_register, quantities.values()),
        _minutes(POWER_ON_MINUTES, lambda meter: meter.power_on_minutes(_now(meter))),
        _minutes(
            POWER_ON_OF_MONTH, lambda meter: (_now(meter) - month_start(_now(meter) // DAY_MS) * DAY_MS) // 60_000
        ),
        _demand(q.MAXIMUM_ACTIVE),
        _demand(q.MAXIMUM_APPARENT),
    ]


def counts() -> list[CosemObject]:
    """Plain data (class 1): counts, health, periods, event codes and sequence numbers, the status word."""
    return [
        data(TAMPER_COUNT.logical_name, lambda meter: octets.double_long_unsigned(meter.events.tampers)),
        data(BILLING_COUNT.logical_name, lambda meter: octets.double_long_unsigned(meter.billing_count(_now(meter)))),
        data(PROGRAMMING_COUNT.logical_name, lambda meter: octets.unsigned(meter.programming_count)),
        data(HEALTH.logical_name, lambda _: octets.unsigned(0)),
        data(q.name("0.0.94.91.18"), lambda meter: octets.bit_string(meter.events.status_word)),
        data(q.name("0.0.94.91.26"), lambda _: octets.bit_string(b"\xff" * 16)),
        data(q.name("1.0.0.8.0"), lambda _: octets.long_unsigned(1800)),
        data(q.name("1.0.0.8.4"), lambda meter: octets.long_unsigned(meter.plan.block_period)),
        *(_event_code(log) for log in Log),
        *(_sequence(log) for log in Log),
    ]


def data(name: bytes, read: Callable[["Meter"], bytes], readers: frozenset[Role] = UTILITY) -> CosemObject:
    """A data object (class 1) that is read only."""
    return cosem_object(1, name, {2: Attribute(read, readers)})


def _now(meter: "Meter") -> int:
    return meter.local(meter.now())


def _register(quantity: Quantity) -> CosemObject:
    coded, value = _CODED[quantity.tag], quantity.value
    readers = HOME if quantity.logical_name in _SHOWN_AT_HOME else UTILITY
    scaler_unit = octets.scaler_unit(quantity.scaler, quantity.unit)
    attributes = {
        2: Attribute(lambda meter: coded(value(meter, _now(meter))), readers),
        3: constant(scaler_unit, readers),
    }
    return cosem_object(3, quantity.logical_name, attributes)


def _minutes(column: Column, value: Callable[["Meter"], int]) -> CosemObject:
    attributes = {
        2: Attribute(lambda meter: octets.double_long_unsigned(value(meter)), UTILITY),
        3: constant(octets.scaler_unit(0, _MINUTE), UTILITY),
    }
    return cosem_object(column.class_id, column.logical_name, attributes)


def _demand(demand: Demand) -> CosemObject:
    def value(meter: "Meter") -> bytes:
        return octets.double_long_unsigned(demand.factor(meter, meter.maximum_demand(_now(meter))[0]))

    def captured(meter: "Meter") -> bytes:
        return octets.octet_string(meter.clock.octets(meter.maximum_demand(_now(meter))[1]))

    attributes = {
        2: Attribute(value, UTILITY),
        3: constant(octets.scaler_unit(0, demand.unit), UTILITY),
        4: constant(octets.NULL, UTILITY),
        5: Attribute(captured, UTILITY),
    }
    return cosem_object(4, demand.logical_name, attributes)


def _event_code(log: Log) -> CosemObject:
    return data(code_column(log).logical_name, lambda meter: octets.long_unsigned(meter.events.last_code(log)))


def _sequence(log: Log) -> CosemObject:
    name = sequence_column(log).logical_name
    return data(name, lambda meter: octets.double_long_unsigned(meter.events.sequence.get(log, 0)))
