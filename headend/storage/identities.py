"""What a meter says of itself against what it said before: another firmware, another device in the same place."""

from collections.abc import Sequence
from typing import Final

from headend.meters.events import Severity
from headend.meters.reading import Reading
from headend.storage.events import emit
from headend.storage.profilerows import Visit
from headend.storage.registers import Newest
from headend.storage.sqlite import Connection

#: Registers of the nameplate whose change means something: the event, and how much it matters.
_TOLD: Final = {
    "firmware": ("meter.firmware_changed", Severity.WARNING),
    "serial": ("meter.replaced", Severity.MAJOR),
    "device_id": ("meter.replaced", Severity.MAJOR),
}


def compare(connection: Connection, visit: Visit, readings: Sequence[Reading], newest: Newest) -> None:
    """Write an event for each part of the identity that differs from the newest one that was stored."""
    told = {reading.name: str(reading.value) for reading in readings if reading.name in _TOLD}
    if not told:
        return
    before = {name: value for (name, _, _), (_, value, *_) in newest.items() if name in told}
    for name, value in told.items():
        if name not in before or str(before[name]) == value:
            continue
        kind, severity = _TOLD[name]
        emit(
            connection,
            visit.finished,
            kind,
            meter=visit.meter.serial,
            consumer_no=visit.meter.consumer_no,
            payload={
                "what": name,
                "before": str(before[name]),
                "after": value,
                "severity": severity,
                "office": visit.meter.office,
            },
        )
