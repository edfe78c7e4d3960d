"""Times as the database keeps them: integers, so that they compare, sort and pack well. Everything is UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HUNDREDTH: Final = timedelta(milliseconds=10)


@overload
def to_micros(moment: datetime) -> int: ...
@overload
def to_micros(moment: None) -> None: ...
def to_micros(moment: datetime | None) -> int | None:
    """Microseconds since 1970 UTC. A naive datetime is a mistake of the caller: TypeError."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


@overload
def from_micros(micros: int) -> datetime: ...
@overload
def from_micros(micros: None) -> None: ...
def from_micros(micros: int | None) -> datetime | None:
    """The aware UTC datetime of a stored time."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def to_hundredths(moment: datetime) -> int:
    """Hundredths of a second since 1970 UTC: what a meter's clock resolves, two octets shorter than microseconds."""
    return (moment - _EPOCH) // _HUNDREDTH


def from_hundredths(hundredths: int) -> datetime:
    """The aware UTC datetime of a stored capture time."""
    return _EPOCH + hundredths * _HUNDREDTH
