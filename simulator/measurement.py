"""What the meter's sensors say at an instant, derived from its consumption and its seed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.load import SLOT_MS, SLOTS, noise

if TYPE_CHECKING:
    from simulator.meter import Meter

NOMINAL_CENTIVOLTS = 23_000


class Measurement(NamedTuple):
    """Voltage and current in hundredths, power factor in hundredths, frequency in tenths, powers in W and VA."""

    voltage: int
    current: int
    power_factor: int
    frequency: int
    apparent: int
    active: int


def measure(meter: "Meter", local: int) -> Measurement:
    """The sensors at `local` (true local milliseconds)."""
    watts = meter.consumption.milliwatts(local) // 1000
    factor = power_factor(meter.seed)
    apparent = watts * 100 // factor
    voltage = slot_voltages(meter.seed, (local,))[0] + _ripple(local)
    return Measurement(voltage, apparent * 10_000 // voltage, factor, 500 + _ripple(local + 7) // 15, apparent, watts)


def power_factor(seed: bytes) -> int:
    """Hundredths, fixed for a meter: 0.90 to 0.99."""
    return 90 + seed[0] % 10


def slot_voltages(seed: bytes, ends: Sequence[int]) -> list[int]:
    """The mean voltage of the half hours that `ends` (local) end or lie in, in hundredths of a volt."""
    voltages = []
    current, chance = -1, b""
    for end in ends:
        day, slot = divmod((end - 1) // SLOT_MS, SLOTS)
        if day != current:
            current, chance = day, noise(seed, day)
        voltages.append(NOMINAL_CENTIVOLTS + (chance[slot] - 128) * 6)
    return voltages


def volt_amperes(seed: bytes, energy: int) -> int:
    """Apparent energy in mVAh that goes with `energy` in mWh."""
    return energy * 100 // power_factor(seed)


def _ripple(local: int) -> int:
    # Knuth's multiplicative hash of the second: -30 to 30, so that no two readings look painted.
    return (local // 1000 * 2_654_435_761 >> 7) % 61 - 30
