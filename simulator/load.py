"""What a consumer draws: energy as a pure function of seed and time, so that any past row is computed on demand.

Energy is defined at the borders of half-hour slots and runs straight between them. A day's energy and each slot's
start carry noise that depends on the seed alone and is too small to ever turn the curve back. Nothing is summed up:
the register at any instant costs the same, however old the meter is.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from attrs import frozen

from simulator.clock import DAY_MS

SLOT_MS = 1_800_000
SLOTS = 48

#: Registers stood at zero on 2020-01-01 (local), well before any history that is asked for.
ORIGIN_DAY = 18_262

#: Relative draw of each half hour of a home: low at night, a morning rise, the evening peak from 19:00 to 19:30.
_SHAPE = (
    (10, 9, 8, 8, 8, 8, 8, 8, 9, 11, 14, 18),
    (22, 24, 23, 21, 19, 18, 17, 17, 16, 16, 17, 18),
    (19, 20, 20, 19, 18, 17, 17, 18, 20, 22, 25, 29),
    (34, 40, 56, 40, 38, 35, 32, 28, 24, 19, 15, 12),
)
_WEIGHTS = tuple(weight for quarter in _SHAPE for weight in quarter)
_TOTAL = sum(_WEIGHTS)
_CUMULATIVE = tuple(sum(_WEIGHTS[:slot]) for slot in range(SLOTS + 1))
#: No other slot can exceed this one, whatever the noise: its weight is ahead by more than twice the least weight.
PEAK_SLOT = _WEIGHTS.index(max(_WEIGHTS))
_LEAST = min(_WEIGHTS)


@lru_cache(maxsize=16_384)
def noise(seed: bytes, day: int) -> bytes:
    """64 octets of chance for one meter and one local day: 0-47 belong to the slots, 48 up to whoever needs some."""
    return blake2b(day.to_bytes(4, "big"), key=seed, digest_size=64).digest()


@lru_cache(maxsize=512)
def day_energies(seed: bytes, watts: int, day: int) -> tuple[int, ...]:
    """The energy in mWh from the origin to the start of each of a local day's slots."""
    start = _day_start(seed, watts, day)
    used = _day_start(seed, watts, day + 1) - start
    least = _least_step(watts)
    steps = zip(_CUMULATIVE, noise(seed, day), strict=False)
    return tuple([start + used * share // _TOTAL + least * chance // 320 for share, chance in steps][:SLOTS])


def _day_start(seed: bytes, watts: int, day: int) -> int:
    mean = watts * 24_000
    return mean * (day - ORIGIN_DAY) + mean * noise(seed, day)[48] // 640


def _in_day(watts: int, used: int, chance: bytes, slot: int) -> int:
    return used * _CUMULATIVE[slot] // _TOTAL + _least_step(watts) * chance[slot] // 320


def _least_step(watts: int) -> int:
    # A day has at least 0.6 of the mean, so no slot steps less than this; 0.8 of it as noise can't turn the curve back.
    return watts * 24_000 * 6 // 10 * _LEAST // _TOTAL


@frozen
class LoadCurve:
    """Energy in mWh since the origin; `watts` is the mean over all days, `flat` draws exactly that all the time."""

    seed: bytes
    watts: int
    flat: bool = False

    def energy(self, local: int) -> int:
        """The mWh drawn from the origin to `local`, local milliseconds; never falls."""
        if self.flat:
            return self.watts * (local - ORIGIN_DAY * DAY_MS) // 3600
        slot, rest = divmod(local, SLOT_MS)
        if rest == 0:  # a row's border: the other rows of that day will be asked for too
            return day_energies(self.seed, self.watts, slot // SLOTS)[slot % SLOTS]
        start = self.energy_at_slot(slot)
        return start + (self.energy_at_slot(slot + 1) - start) * rest // SLOT_MS

    def energies(self, locals_: Sequence[int]) -> list[int]:
        """As `energy`, for many times that mostly are borders of slots."""
        if self.flat:
            return [self.energy(local) for local in locals_]
        found = []
        current = -1
        of_day: tuple[int, ...] = ()
        for local in locals_:
            slot, rest = divmod(local, SLOT_MS)
            if rest:
                found.append(self.energy(local))
                continue
            day, slot = divmod(slot, SLOTS)
            if day != current:
                current, of_day = day, day_energies(self.seed, self.watts, day)
            found.append(of_day[slot])
        return found

    def energy_at_slot(self, slot: int) -> int:
        """The mWh drawn up to the start of `slot`, counted from 1970-01-01 local."""
        if self.flat:
            return self.energy(slot * SLOT_MS)
        day, of_day = divmod(slot, SLOTS)
        start = _day_start(self.seed, self.watts, day)
        used = _day_start(self.seed, self.watts, day + 1) - start
        return start + _in_day(self.watts, used, noise(self.seed, day), of_day)

    def milliwatts(self, local: int) -> int:
        """The power at `local`."""
        if self.flat:
            return self.watts * 1000
        slot = local // SLOT_MS
        return (self.energy_at_slot(slot + 1) - self.energy_at_slot(slot)) * 2

    def peak(self, day: int) -> tuple[int, int]:
        """The largest half-hour energy of `day` in mWh, and the local time at which that half hour ended."""
        ended = (day * SLOTS + PEAK_SLOT + 1) * SLOT_MS
        if self.flat:
            return self.watts * 500, ended
        used = _day_start(self.seed, self.watts, day + 1) - _day_start(self.seed, self.watts, day)
        before, after = (_in_day(self.watts, used, noise(self.seed, day), slot) for slot in (PEAK_SLOT, PEAK_SLOT + 1))
        return after - before, ended
