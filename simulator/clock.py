"""Time as a meter sees it: simulated time, the meter's own clock with offset and drift, and DLMS date-times."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from attrs import define, frozen

#: Milliseconds since 1970-01-01 UTC; a meter never sees any other time.
Now = Callable[[], int]

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSPECIFIED_DEVIATION = -0x8000


class Deviation(IntEnum):
    """How a meter codes its zone (Blue Book 4.1.6.1 counts minutes from local time to UTC: India is -330)."""

    STANDARD = -1
    INVERTED = 1
    UNSPECIFIED = 0


@frozen
class SimulatedTime:
    """Simulated milliseconds that run `factor` times as fast as the host's clock, from `start` on.

    `host_ms` is any steady host clock in milliseconds; `host_start` its value at `start`.
    """

    start: int
    host_ms: Callable[[], float]
    host_start: float
    factor: float = 1.0

    def now(self) -> int:
        """The simulated time in milliseconds."""
        return self.start + int((self.host_ms() - self.host_start) * self.factor)


@lru_cache(maxsize=1024)
def date_octets(day: int) -> bytes:
    """The five octets of a date, `day` counted from 1970-01-01 in local time."""
    date = (_EPOCH + timedelta(days=day)).date()
    return date.year.to_bytes(2, "big") + bytes((date.month, date.day, date.isoweekday()))


def month_start(day: int) -> int:
    """The first day of the month that `day` lies in, both counted from 1970-01-01."""
    return day - (_EPOCH + timedelta(days=day)).day + 1


class Setting(NamedTuple):
    """From true time `since` on, the clock was ahead by `offset` milliseconds, and drifts from there in ppm."""

    since: int
    offset: int
    drift: int = 0


@define(eq=False)
class MeterClock:
    """A clock that may be wrong: it was set, possibly several times, and it drifts.

    True time and readings are milliseconds UTC. `local` values are readings plus the zone: what the octets show.
    """

    zone_minutes: int = 330
    deviation: Deviation = Deviation.STANDARD
    drift_ppm: int = 0
    settings: tuple[Setting, ...] = (Setting(0, 0),)

    def local(self, true: int) -> int:
        """What the clock shows at `true`, in local milliseconds."""
        for setting in reversed(self.settings):
            if true >= setting.since:
                return self.shown(setting, true)
        return self.shown(self.settings[0], true)

    def true(self, local: int, setting: Setting) -> int:
        """The true time at which a clock under `setting` showed `local`."""
        since_setting = local - self.zone_minutes * 60_000 - setting.since - setting.offset
        return setting.since + since_setting * 1_000_000 // (1_000_000 + setting.drift)

    def octets(self, local: int) -> bytes:
        """The 12 octets of a date-time that shows `local`, to the hundredth."""
        return _octets(local // 10, self.zone_minutes, self.deviation)

    def octets_of(self, locals_: Sequence[int]) -> list[bytes]:
        """As `octets`, for many times."""
        zone, deviation = self.zone_minutes, self.deviation
        return [_octets(local // 10, zone, deviation) for local in locals_]

    def shift(self, true: int, offset: int) -> None:
        """Put the clock `offset` milliseconds ahead of true time, from `true` on; it drifts on from there."""
        kept = tuple(setting for setting in self.settings if setting.since < true)
        self.settings = (*kept, Setting(true, offset, self.drift_ppm))

    def set(self, true: int, octets: bytes) -> None:
        """Make the clock show `octets`, a date-time of 12 octets; ValueError if they name no instant."""
        self.shift(true, self.read(octets) - self.zone_minutes * 60_000 - true)

    def read(self, octets: bytes) -> int:
        """The local milliseconds that 12 octets mean; ValueError if they name no instant.

        A deviation of this zone, in either sign, or none at all, means local time; any other is converted in the
        sign of the standard.
        """
        shown = _shown(octets)
        deviation = int.from_bytes(octets[9:11], "big", signed=True)
        if deviation == _UNSPECIFIED_DEVIATION or abs(deviation) == abs(self.zone_minutes):
            return shown
        return shown + (deviation + self.zone_minutes) * 60_000

    def shown(self, setting: Setting, true: int) -> int:
        """What the clock shows at `true` under `setting`, in local milliseconds."""
        drift = (true - setting.since) * setting.drift // 1_000_000 if setting.drift else 0
        return true + setting.offset + drift + self.zone_minutes * 60_000


# Rows of a profile carry the same times at every meter, so nearly all of them were made before.
@lru_cache(maxsize=16_384)
def _octets(hundredths: int, zone_minutes: int, deviation: Deviation) -> bytes:
    day, rest = divmod(hundredths, DAY_MS // 10)
    seconds, hundredth = divmod(rest, 100)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    offset = _UNSPECIFIED_DEVIATION if deviation is Deviation.UNSPECIFIED else zone_minutes * deviation
    return date_octets(day) + bytes((hour, minute, second, hundredth)) + offset.to_bytes(2, "big", signed=True) + b"\0"


def _shown(octets: bytes) -> int:
    if len(octets) != 12:
        raise ValueError(f"a date-time has 12 octets, not {len(octets)}")
    hundredths = 0 if octets[8] == 0xFF else octets[8]
    year = int.from_bytes(octets[:2], "big")
    hour, minute, second = octets[5:8]
    moment = datetime(year, octets[2], octets[3], hour, minute, second, hundredths * 10_000, UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
