"""The block load profile 1.0.99.1.0.255 and the daily load profile 1.0.99.2.0.255."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Tag
from simulator import quantities as q
from simulator.captures import Capture, Periodic
from simulator.clock import DAY_MS
from simulator.measurement import power_factor, slot_voltages, volt_amperes
from simulator.profiles import CLOCK_COLUMN, Profile
from simulator.quantities import Quantity
from simulator.rows import Column, Value

if TYPE_CHECKING:
    from simulator.meter import Meter

_U16, _U32 = Tag.LONG_UNSIGNED, Tag.DOUBLE_LONG_UNSIGNED
_HOUR_MS = 3_600_000


def _captured(_meter: "Meter", _at: int) -> int:
    return 0


#: Values of an interval exist in the profile only; as registers they read zero.
AVERAGE_VOLTAGE = Quantity(q.name("1.0.12.27.0"), _U16, -2, q.VOLT, _captured)
BLOCK_IMPORT = Quantity(q.name("1.0.1.29.0"), _U32, 0, q.WATT_HOUR, _captured)
BLOCK_APPARENT = Quantity(q.name("1.0.9.29.0"), _U32, 0, q.VOLT_AMPERE_HOUR, _captured)
BLOCK_EXPORT = Quantity(q.name("1.0.2.29.0"), _U32, 0, q.WATT_HOUR, _captured)
BLOCK_EXPORT_APPARENT = Quantity(q.name("1.0.10.29.0"), _U32, 0, q.VOLT_AMPERE_HOUR, _captured)
AVERAGE_CURRENT = Quantity(q.name("1.0.11.27.0"), _U16, -2, q.AMPERE, _captured)
HEALTH = Column(1, q.name("0.0.96.10.1"), 2, Tag.UNSIGNED)

BLOCK_QUANTITIES = (
    AVERAGE_VOLTAGE,
    BLOCK_IMPORT,
    BLOCK_APPARENT,
    BLOCK_EXPORT,
    BLOCK_EXPORT_APPARENT,
    AVERAGE_CURRENT,
)
DAILY_QUANTITIES = (q.ENERGY, q.APPARENT_ENERGY, q.EXPORTED, q.EXPORTED_APPARENT)


def _blocks(meter: "Meter") -> Periodic:
    plan = meter.plan
    return Periodic.until(meter.clock, meter.now(), plan.block_period * 1000, plan.block_depth)


def _block_rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    # The one place of this simulator that runs by the million: whole columns are made at a time, not rows.
    period = meter.plan.block_period * 1000
    zone = meter.plan.zone_minutes * 60_000
    stamps = [capture.stamp for capture in captures]
    ends = [capture.at + zone for capture in captures]
    before, after = _borders(meter, ends, period)
    factor = power_factor(meter.seed)
    watt_hours = [end // 1000 - start // 1000 for start, end in zip(before, after, strict=True)]
    apparent = [
        end * 100 // factor // 1000 - start * 100 // factor // 1000 for start, end in zip(before, after, strict=True)
    ]
    voltages = slot_voltages(meter.seed, ends)
    per_hour = 10_000 * _HOUR_MS // period
    currents = [used * per_hour // voltage for used, voltage in zip(apparent, voltages, strict=True)]
    nothing = repeat(0)
    times = meter.clock.octets_of(stamps)
    return zip(times, voltages, watt_hours, apparent, nothing, nothing, currents, nothing, strict=False)


def _borders(meter: "Meter", ends: list[int], period: int) -> tuple[list[int], list[int]]:
    """The energies at the starts and at the ends of intervals; a start that is the end before it is looked up once."""
    if not ends or ends[-1] - ends[0] != (len(ends) - 1) * period:
        energies = meter.consumption.energies
        return energies([end - period for end in ends]), energies(ends)
    borders = meter.consumption.energies([ends[0] - period, *ends])
    return borders[:-1], borders[1:]


def _days(meter: "Meter") -> Periodic:
    return Periodic.until(meter.clock, meter.now(), DAY_MS, meter.plan.daily_depth)


def _daily_rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    for capture in captures:
        energy = meter.consumption.energy(meter.local(capture.at))
        apparent = volt_amperes(meter.seed, energy)
        yield meter.clock.octets(capture.stamp), q.energy_steps(energy), q.energy_steps(apparent), 0, 0


BLOCK_LOAD = Profile(
    q.name("1.0.99.1.0"),
    (CLOCK_COLUMN, *(quantity.column for quantity in BLOCK_QUANTITIES), HEALTH),
    _blocks,
    _block_rows,
    lambda meter: meter.plan.block_period,
    lambda meter: meter.plan.block_depth,
)
DAILY_LOAD = Profile(
    q.name("1.0.99.2.0"),
    (CLOCK_COLUMN, *(quantity.column for quantity in DAILY_QUANTITIES)),
    _days,
    _daily_rows,
    lambda _: DAY_MS // 1000,
    lambda meter: meter.plan.daily_depth,
)
