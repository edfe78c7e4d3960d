"""The nameplate profile as readings: one row without a time, each column a register by its name."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from headend.meters.model import Profile
from headend.meters.reading import Reading


def nameplate_readings(profile: Profile, values: Mapping[str, Any], received: datetime) -> tuple[Reading, ...]:
    """The values of a nameplate row that the model has a name for; texts that can't be printed as hex."""
    return tuple(
        Reading(column.name, str(column.obis), _shown(values[column.name]), column.unit, received)
        for column in profile.columns
        if values.get(column.name) is not None
    )


def _shown(value: object) -> Decimal | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if not isinstance(value, bytes):
        return str(value)
    text = value.rstrip(b"\0 ").decode("ascii", "replace")
    return text if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text else value.hex()
