"""The billing profile 1.0.98.1.0.255: a row at the start of each month, for the month that ended."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Tag
from simulator import quantities as q
from simulator.captures import Capture, Listed, monthly
from simulator.clock import DAY_MS, month_start
from simulator.demand import demand_between
from simulator.measurement import power_factor, volt_amperes
from simulator.profiles import Profile
from simulator.quantities import Quantity
from simulator.rows import Column, Value

if TYPE_CHECKING:
    from simulator.meter import Meter

_U32 = Tag.DOUBLE_LONG_UNSIGNED
ZONES = range(1, 9)

BILLING_DATE = Column(3, q.name("0.0.0.1.2"), 2, Tag.OCTET_STRING)
POWER_ON_OF_MONTH = Column(3, q.name("0.0.94.91.13"), 2, _U32)
AVERAGE_POWER_FACTOR = Quantity(
    q.name("1.0.13.0.0"), Tag.INTEGER, -2, q.NO_UNIT, lambda meter, _at: power_factor(meter.seed)
)


def _zone(code: str, whole: Quantity, zone: int) -> Quantity:
    # One tariff zone is in use: the first counts everything, the others stand still.
    value = whole.value if zone == 1 else lambda _meter, _at: 0
    return Quantity(q.name(code.format(zone)), _U32, whole.scaler, whole.unit, value)


ENERGY_ZONES = tuple(_zone("1.0.1.8.{}", q.ENERGY, zone) for zone in ZONES)
APPARENT_ZONES = tuple(_zone("1.0.9.8.{}", q.APPARENT_ENERGY, zone) for zone in ZONES)

BILLING_QUANTITIES = (AVERAGE_POWER_FACTOR, q.ENERGY, *ENERGY_ZONES, q.APPARENT_ENERGY, *APPARENT_ZONES)


def _months(meter: "Meter") -> Listed:
    return monthly(meter.clock, meter.now(), meter.plan.billing_depth)


def _rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    unused = (0,) * (len(ZONES) - 1)
    for capture in captures:
        end = meter.local(capture.at)
        energy = meter.consumption.energy(end)
        shown, apparent = q.energy_steps(energy), q.energy_steps(volt_amperes(meter.seed, energy))
        day = end // DAY_MS
        first = month_start(day - 1)
        watts, ended = demand_between(meter.consumption, first, day)
        when = meter.clock.octets(ended)
        yield (
            meter.clock.octets(capture.stamp),
            power_factor(meter.seed),
            *(shown, shown, *unused),
            *(apparent, apparent, *unused),
            *(watts, when),
            *(volt_amperes(meter.seed, watts), when),
            (day - first) * 1440,
        )


BILLING = Profile(
    q.name("1.0.98.1.0"),
    (
        BILLING_DATE,
        *(quantity.column for quantity in BILLING_QUANTITIES),
        *q.MAXIMUM_ACTIVE.columns,
        *q.MAXIMUM_APPARENT.columns,
        POWER_ON_OF_MONTH,
    ),
    _months,
    _rows,
    depth=lambda meter: meter.plan.billing_depth,
)
