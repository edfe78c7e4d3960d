"""The instantaneous profile 1.0.94.91.0.255: one row, captured at the moment it is read."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Tag
from simulator import quantities as q
from simulator.captures import Capture, Listed
from simulator.measurement import measure, volt_amperes
from simulator.profiles import CLOCK_COLUMN, Profile
from simulator.rows import Column, Value

if TYPE_CHECKING:
    from simulator.meter import Meter

POWER_ON_MINUTES = Column(3, q.name("0.0.94.91.14"), 2, Tag.DOUBLE_LONG_UNSIGNED)
TAMPER_COUNT = Column(1, q.name("0.0.94.91.0"), 2, Tag.DOUBLE_LONG_UNSIGNED)
BILLING_COUNT = Column(1, q.name("0.0.0.1.0"), 2, Tag.DOUBLE_LONG_UNSIGNED)
PROGRAMMING_COUNT = Column(1, q.name("0.0.96.2.0"), 2, Tag.UNSIGNED)

COLUMNS = (
    CLOCK_COLUMN,
    *(quantity.column for quantity in (q.VOLTAGE, q.PHASE_CURRENT, q.NEUTRAL_CURRENT, q.POWER_FACTOR, q.FREQUENCY)),
    *(quantity.column for quantity in (q.APPARENT, q.ACTIVE, q.ENERGY, q.APPARENT_ENERGY)),
    *q.MAXIMUM_ACTIVE.columns,
    *q.MAXIMUM_APPARENT.columns,
    POWER_ON_MINUTES,
    TAMPER_COUNT,
    BILLING_COUNT,
    PROGRAMMING_COUNT,
    q.EXPORTED.column,
)


def _now(meter: "Meter") -> Listed:
    at = meter.now()
    return Listed([Capture(meter.clock.local(at), at)])


def _rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    for capture in captures:
        at = meter.local(capture.at)
        sensed = measure(meter, at)
        energy = meter.consumption.energy(at)
        watts, ended = meter.maximum_demand(at)
        when = meter.clock.octets(ended)
        yield (
            meter.clock.octets(capture.stamp),
            sensed.voltage,
            sensed.current,
            sensed.current,
            sensed.power_factor,
            sensed.frequency,
            sensed.apparent,
            sensed.active,
            q.energy_steps(energy),
            q.energy_steps(volt_amperes(meter.seed, energy)),
            watts,
            when,
            volt_amperes(meter.seed, watts),
            when,
            meter.power_on_minutes(at),
            meter.events.tampers,
            meter.billing_count(at),
            meter.programming_count,
            0,
        )


INSTANTANEOUS = Profile(q.name("1.0.94.91.0"), COLUMNS, _now, _rows)
