"""Time as a meter sees it: simulated time, the meter's own clock with offset and drift, and DLMS date-times."""

from collections.abc import Callable
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
    """From true time `since` on, the clock was ahead by `offset` milliseconds (and drifts from there)."""

    since: int
    offset: int


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
                return self._local(setting, true)
        return self._local(self.settings[0], true)

    def true(self, local: int, setting: Setting) -> int:
        """The true time at which a clock under `setting` showed `local`."""
        since_setting = local - self.zone_minutes * 60_000 - setting.since - setting.offset
        return setting.since + since_setting * 1_000_000 // (1_000_000 + self.drift_ppm)

    def octets(self, local: int) -> bytes:
        """The 12 octets of a date-time that shows `local`, to the hundredth."""
        day, rest = divmod(local, DAY_MS)
        seconds, millis = divmod(rest, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return date_octets(day) + bytes((hour, minute, second, millis // 10)) + self._zone_octets()

    def shift(self, true: int, offset: int) -> None:
        """Put the clock `offset` milliseconds ahead of true time, from `true` on."""
        kept = tuple(setting for setting in self.settings if setting.since < true)
        self.settings = (*kept, Setting(true, offset)) if kept else (Setting(0, offset),)

    def set(self, true: int, octets: bytes) -> None:
        """Make the clock show `octets`, a date-time of 12 octets; ValueError if they name no instant."""
        self.shift(true, read_local(octets) - self.zone_minutes * 60_000 - true)

    def _local(self, setting: Setting, true: int) -> int:
        drift = (true - setting.since) * self.drift_ppm // 1_000_000 if self.drift_ppm else 0
        return true + setting.offset + drift + self.zone_minutes * 60_000

    def _zone_octets(self) -> bytes:
        return _zone_octets(self.zone_minutes, self.deviation)


@lru_cache(maxsize=64)
def _zone_octets(zone_minutes: int, deviation: Deviation) -> bytes:
    minutes = _UNSPECIFIED_DEVIATION if deviation is Deviation.UNSPECIFIED else zone_minutes * deviation
    return minutes.to_bytes(2, "big", signed=True) + b"\x00"


def read_local(octets: bytes) -> int:
    """The local milliseconds that 12 octets show, whatever deviation they carry: meters here know one zone only.

    ValueError for wildcards, save in hundredths and day of week, and for what is no time at all.
    """
    if len(octets) != 12:
        raise ValueError(f"a date-time has 12 octets, not {len(octets)}")
    hundredths = 0 if octets[8] == 0xFF else octets[8]
    moment = datetime(
        int.from_bytes(octets[:2], "big"),
        octets[2],
        octets[3],
        octets[5],
        octets[6],
        octets[7],
        hundredths * 10_000,
        UTC,
    )
    return (moment - _EPOCH) // timedelta(milliseconds=1)
