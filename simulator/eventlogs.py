"""The event logs 0.0.99.98.0-6.255 as profiles."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Tag
from simulator import quantities as q
from simulator.captures import Capture, Listed
from simulator.events import Log
from simulator.instantaneous import TAMPER_COUNT
from simulator.measurement import measure
from simulator.profiles import CLOCK_COLUMN, Profile
from simulator.quantities import Quantity
from simulator.rows import Column, Value

if TYPE_CHECKING:
    from simulator.meter import Meter

#: Logs whose rows also hold what was measured at the event.
_MEASURED = frozenset((Log.VOLTAGE, Log.CURRENT, Log.OTHER))

EVENT_CURRENT = Quantity(
    q.name("1.0.94.91.14"), Tag.LONG_UNSIGNED, -2, q.AMPERE, lambda meter, at: measure(meter, at).current
)
EVENT_QUANTITIES = (EVENT_CURRENT, q.VOLTAGE, q.POWER_FACTOR, q.ENERGY)


def code_column(log: Log) -> Column:
    """The event code of `log`, 0.0.96.11.E.255."""
    return Column(1, bytes((0, 0, 96, 11, log, 255)), 2, Tag.LONG_UNSIGNED)


def sequence_column(log: Log) -> Column:
    """The sequence number of `log`, 0.0.96.15.E.255."""
    return Column(1, bytes((0, 0, 96, 15, log, 255)), 2, Tag.DOUBLE_LONG_UNSIGNED)


def _event_log(log: Log) -> Profile:
    columns: tuple[Column, ...] = (CLOCK_COLUMN, code_column(log))
    rows = _short_rows
    if log in _MEASURED:
        columns = (*columns, *(quantity.column for quantity in EVENT_QUANTITIES), TAMPER_COUNT)
        rows = _measured_rows
    return Profile(bytes((0, 0, 99, 98, log, 255)), columns, _held(log), rows, depth=lambda meter: meter.events.depth)


def _held(log: Log) -> Callable[["Meter"], Listed]:
    return lambda meter: Listed(meter.events.rows.get(log, ()))


def _short_rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    return ((meter.clock.octets(event.stamp), event.code) for event in captures)


def _measured_rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    for event in captures:
        sensed = measure(meter, meter.local(event.at))
        yield (
            meter.clock.octets(event.stamp),
            event.code,
            sensed.current,
            sensed.voltage,
            sensed.power_factor,
            q.energy_steps(event.energy),
            event.tampers,
        )


EVENT_LOGS = tuple(_event_log(log) for log in Log)
