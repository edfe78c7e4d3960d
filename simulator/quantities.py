"""Everything the meter measures, once: name, coding, scaler, unit, value; registers and profiles come from it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from headend.dlms.axdr.values import Tag
from headend.dlms.cosem.obis import Obis
from simulator.measurement import measure, volt_amperes
from simulator.rows import Column

if TYPE_CHECKING:
    from simulator.meter import Meter

_REGISTER = 3
_EXTENDED_REGISTER = 4

#: Units of the Blue Book, table 4.
WATT, VOLT_AMPERE, WATT_HOUR, VOLT_AMPERE_HOUR = 27, 28, 30, 31
AMPERE, VOLT, HERTZ, NO_UNIT = 33, 35, 44, 255

Value = Callable[["Meter", int], int]


class Quantity(NamedTuple):
    """A register: `value` takes the meter and the true local time."""

    logical_name: bytes
    tag: Tag
    scaler: int
    unit: int
    value: Value

    @property
    def column(self) -> Column:
        """Its value, captured."""
        return Column(_REGISTER, self.logical_name, 2, self.tag)

    @property
    def scaler_column(self) -> Column:
        """Its scaler and unit, as a scaler profile captures them."""
        return Column(_REGISTER, self.logical_name, 3, self.tag)


class Demand(NamedTuple):
    """A maximum demand: an extended register with the time of the maximum."""

    logical_name: bytes
    unit: int
    factor: Callable[["Meter", int], int]

    @property
    def columns(self) -> tuple[Column, Column]:
        """The maximum and its time, captured."""
        value = Column(_EXTENDED_REGISTER, self.logical_name, 2, Tag.DOUBLE_LONG_UNSIGNED)
        return value, Column(_EXTENDED_REGISTER, self.logical_name, 5, Tag.OCTET_STRING)

    @property
    def scaler_column(self) -> Column:
        """Its scaler and unit."""
        return Column(_EXTENDED_REGISTER, self.logical_name, 3, Tag.DOUBLE_LONG_UNSIGNED)


def name(code: str) -> bytes:
    """The six octets of an OBIS code."""
    return Obis(code).octets


def energy_steps(energy: int) -> int:
    """Registers show energy in steps of 10 Wh, whatever was measured in mWh."""
    return energy // 10_000


_U16, _U32 = Tag.LONG_UNSIGNED, Tag.DOUBLE_LONG_UNSIGNED

VOLTAGE = Quantity(name("1.0.12.7.0"), _U16, -2, VOLT, lambda meter, at: measure(meter, at).voltage)
PHASE_CURRENT = Quantity(name("1.0.11.7.0"), _U16, -2, AMPERE, lambda meter, at: measure(meter, at).current)
NEUTRAL_CURRENT = Quantity(name("1.0.91.7.0"), _U16, -2, AMPERE, lambda meter, at: measure(meter, at).current)
POWER_FACTOR = Quantity(name("1.0.13.7.0"), Tag.INTEGER, -2, NO_UNIT, lambda meter, at: measure(meter, at).power_factor)
FREQUENCY = Quantity(name("1.0.14.7.0"), _U16, -1, HERTZ, lambda meter, at: measure(meter, at).frequency)
APPARENT = Quantity(name("1.0.9.7.0"), _U32, 0, VOLT_AMPERE, lambda meter, at: measure(meter, at).apparent)
ACTIVE = Quantity(name("1.0.1.7.0"), _U32, 0, WATT, lambda meter, at: measure(meter, at).active)
ENERGY = Quantity(name("1.0.1.8.0"), _U32, 1, WATT_HOUR, lambda meter, at: energy_steps(meter.consumption.energy(at)))
APPARENT_ENERGY = Quantity(
    name("1.0.9.8.0"),
    _U32,
    1,
    VOLT_AMPERE_HOUR,
    lambda meter, at: energy_steps(volt_amperes(meter.seed, meter.consumption.energy(at))),
)
EXPORTED = Quantity(name("1.0.2.8.0"), _U32, 1, WATT_HOUR, lambda _meter, _at: 0)
EXPORTED_APPARENT = Quantity(name("1.0.10.8.0"), _U32, 1, VOLT_AMPERE_HOUR, lambda _meter, _at: 0)

REGISTERS = (
    VOLTAGE,
    PHASE_CURRENT,
    NEUTRAL_CURRENT,
    POWER_FACTOR,
    FREQUENCY,
    APPARENT,
    ACTIVE,
    ENERGY,
    APPARENT_ENERGY,
    EXPORTED,
    EXPORTED_APPARENT,
)

MAXIMUM_ACTIVE = Demand(name("1.0.1.6.0"), WATT, lambda _meter, watts: watts)
MAXIMUM_APPARENT = Demand(name("1.0.9.6.0"), VOLT_AMPERE, lambda meter, watts: volt_amperes(meter.seed, watts))
