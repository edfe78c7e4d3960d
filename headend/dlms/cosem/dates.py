"""COSEM date, time and date-time: octets first, meaning where they have one (Blue Book 4.1.6.1).

Any field may be a wildcard and meters put more into them than the standard allows, so the octets are kept and given
back as they came. Which sign a meter uses for its deviation is not known here: `headend.meters.clock` decides that.
"""

import struct
from datetime import UTC, datetime, timedelta

from attrs import field, frozen

from headend.dlms.errors import DecodeError, LocalError

UNSPECIFIED = 0xFF
YEAR_UNSPECIFIED = 0xFFFF
DEVIATION_UNSPECIFIED = -0x8000
#: Months: daylight saving ends, begins. Days of month: second last, last.
DST_END, DST_BEGIN = 0xFD, 0xFE
SECOND_LAST_DAY, LAST_DAY = 0xFD, 0xFE
#: Bits of the clock status (Blue Book 4.1.6.1).
STATUS_INVALID, STATUS_DOUBTFUL, STATUS_OTHER_BASE, STATUS_INVALID_STATUS, STATUS_DST = 0x01, 0x02, 0x04, 0x08, 0x80

#: Year to hundredths, without the day of week.
_MOMENT = struct.Struct(">HBBxBBBB")


def _exactly(size: int) -> "_Check":
    return _Check(size)


@frozen
class _Check:
    size: int

    def __call__(self, instance: object, _attribute: object, octets: bytes) -> None:
        if len(octets) != self.size:
            raise DecodeError(f"{type(instance).__name__} has {self.size} octets, not {len(octets)}")


@frozen
class CosemDate:
    """Five octets: year, month, day of month, day of week (1 Monday), each as sent, wildcards too."""

    octets: bytes = field(validator=_exactly(5), repr=lambda octets: octets.hex())

    @classmethod
    def of(cls, year: int, month: int, day: int, day_of_week: int = UNSPECIFIED) -> "CosemDate":
        """The date of these fields, 0xFFFF or 0xFF for any."""
        return cls(year.to_bytes(2, "big") + bytes((month, day, day_of_week)))

    @property
    def year(self) -> int:
        """Year; 65535 unspecified."""
        return int.from_bytes(self.octets[:2], "big")

    @property
    def month(self) -> int:
        """1 to 12; 253 and 254 where daylight saving ends and begins; 255 unspecified."""
        return self.octets[2]

    @property
    def day(self) -> int:
        """1 to 31; 253 second last, 254 last of the month; 255 unspecified."""
        return self.octets[3]

    @property
    def day_of_week(self) -> int:
        """1 Monday to 7 Sunday; 255 unspecified."""
        return self.octets[4]


@frozen
class CosemTime:
    """Four octets: hour, minute, second, hundredths, each as sent, 255 unspecified."""

    octets: bytes = field(validator=_exactly(4), repr=lambda octets: octets.hex())

    @classmethod
    def of(cls, hour: int, minute: int, second: int = 0, hundredths: int = UNSPECIFIED) -> "CosemTime":
        """The time of these fields, 0xFF for any."""
        return cls(bytes((hour, minute, second, hundredths)))

    @property
    def hour(self) -> int:
        """0 to 23; 255 unspecified."""
        return self.octets[0]

    @property
    def minute(self) -> int:
        """0 to 59; 255 unspecified."""
        return self.octets[1]

    @property
    def second(self) -> int:
        """0 to 59; 255 unspecified."""
        return self.octets[2]

    @property
    def hundredths(self) -> int:
        """0 to 99; 255 unspecified."""
        return self.octets[3]


@frozen
class CosemDateTime:
    """Twelve octets: date, time, deviation in minutes and clock status, each as sent."""

    octets: bytes = field(validator=_exactly(12), repr=lambda octets: octets.hex())

    @classmethod
    def of(cls, moment: datetime, *, deviation: int | None = None, status: int = 0) -> "CosemDateTime":
        """The local time of an aware `moment`; its deviation has the Blue Book's sign unless another is given.

        LocalError for a naive datetime: whose noon it means is not ours to guess.
        """
        offset = moment.utcoffset()
        if offset is None:
            raise LocalError("a naive datetime has no place on the meter's clock")
        minutes = -(offset // timedelta(minutes=1)) if deviation is None else deviation
        if not -0x8000 <= minutes <= 0x7FFF:
            raise LocalError(f"a deviation of {minutes} minutes")
        date = CosemDate.of(moment.year, moment.month, moment.day, moment.isoweekday()).octets
        time = bytes((moment.hour, moment.minute, moment.second, moment.microsecond // 10_000))
        return cls(date + time + minutes.to_bytes(2, "big", signed=True) + bytes((status,)))

    @property
    def date(self) -> CosemDate:
        """The first five octets."""
        return CosemDate(self.octets[:5])

    @property
    def time(self) -> CosemTime:
        """The four octets after the date."""
        return CosemTime(self.octets[5:9])

    @property
    def year(self) -> int:
        """Year; 65535 unspecified."""
        return int.from_bytes(self.octets[:2], "big")

    @property
    def month(self) -> int:
        """1 to 12; 253 and 254 where daylight saving ends and begins; 255 unspecified."""
        return self.octets[2]

    @property
    def day(self) -> int:
        """1 to 31; 253 second last, 254 last of the month; 255 unspecified."""
        return self.octets[3]

    @property
    def day_of_week(self) -> int:
        """1 Monday to 7 Sunday; 255 unspecified."""
        return self.octets[4]

    @property
    def hour(self) -> int:
        """0 to 23; 255 unspecified."""
        return self.octets[5]

    @property
    def minute(self) -> int:
        """0 to 59; 255 unspecified."""
        return self.octets[6]

    @property
    def second(self) -> int:
        """0 to 59; 255 unspecified."""
        return self.octets[7]

    @property
    def hundredths(self) -> int:
        """0 to 99; 255 unspecified."""
        return self.octets[8]

    @property
    def deviation(self) -> int:
        """Minutes as sent; -32768 unspecified. By the Blue Book UTC is local time plus this; some makers invert it."""
        return int.from_bytes(self.octets[9:11], "big", signed=True)

    @property
    def deviation_specified(self) -> bool:
        """Whether the deviation says anything."""
        return self.deviation != DEVIATION_UNSPECIFIED

    @property
    def status(self) -> int:
        """The clock status; 255 unspecified, else bits: invalid 1, doubtful 2, other base 4, daylight saving 128."""
        return self.octets[11]

    @property
    def local(self) -> datetime | None:
        """The wall time without a zone; None where a field is a wildcard or no such time exists.

        Unspecified seconds and hundredths count as 0: a capture time may leave them out.
        """
        year, month, day, hour, minute, second, hundredths = _MOMENT.unpack_from(self.octets)
        if second == UNSPECIFIED:
            second = 0
        microseconds = 0 if hundredths == UNSPECIFIED else hundredths * 10_000
        try:
            return datetime(year, month, day, hour, minute, second, microseconds)  # noqa: DTZ001 - wall time
        except ValueError:
            return None

    @property
    def utc_if_blue_book_sign(self) -> datetime | None:
        """UTC as local time plus deviation (Blue Book 4.1.6.1); None where either is unspecified."""
        local = self.local
        if local is None or not self.deviation_specified:
            return None
        try:
            return local.replace(tzinfo=UTC) + timedelta(minutes=self.deviation)
        except OverflowError:
            return None
