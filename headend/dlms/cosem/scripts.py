"""Value objects of what runs by itself: scripts (IC 9), calendar (20), monitors (21), schedules (22), limiter (71).

Blue Book 4.5.2 to 4.5.9.
"""

from typing import Annotated

from attrs import frozen

from headend.dlms.axdr import Data
from headend.dlms.cosem.dates import CosemDate, CosemDateTime, CosemTime
from headend.dlms.cosem.layout import (
    Record,
    anything,
    array_of,
    date,
    date_time,
    enum,
    i8,
    obis,
    octets,
    record,
    time,
    u8,
    u16,
    u32,
)
from headend.dlms.cosem.obis import Obis


@frozen
class ScriptAction(Record):
    """One step of a script: service 1 writes `parameter` to attribute `index`, service 2 calls method `index`."""

    service: Annotated[int, enum]
    class_id: Annotated[int, u16]
    instance: Annotated[Obis, obis]
    index: Annotated[int, i8]
    parameter: Annotated[Data, anything]


@frozen
class Script(Record):
    """One script of a script table (IC 9, attribute 2)."""

    identifier: Annotated[int, u16]
    actions: Annotated[tuple[ScriptAction, ...], array_of(record(ScriptAction))]


@frozen
class ScriptReference(Record):
    """action_item: a script table and which of its scripts (IC 21, 22, 71)."""

    instance: Annotated[Obis, obis]
    selector: Annotated[int, u16]


@frozen
class Season(Record):
    """One season of an activity calendar; `start` mostly has wildcards for the year."""

    name: Annotated[bytes, octets]
    start: Annotated[CosemDateTime, date_time]
    week: Annotated[bytes, octets]


@frozen
class Week(Record):
    """One week of an activity calendar: the day profile of each weekday."""

    name: Annotated[bytes, octets]
    monday: Annotated[int, u8]
    tuesday: Annotated[int, u8]
    wednesday: Annotated[int, u8]
    thursday: Annotated[int, u8]
    friday: Annotated[int, u8]
    saturday: Annotated[int, u8]
    sunday: Annotated[int, u8]


@frozen
class DayAction(Record):
    """What an activity calendar runs from `start` on."""

    start: Annotated[CosemTime, time]
    script_table: Annotated[Obis, obis]
    selector: Annotated[int, u16]


@frozen
class Day(Record):
    """One day profile of an activity calendar."""

    identifier: Annotated[int, u8]
    schedule: Annotated[tuple[DayAction, ...], array_of(record(DayAction))]


@frozen
class MonitoredValue(Record):
    """value_definition: the attribute that a monitor or limiter watches."""

    class_id: Annotated[int, u16]
    instance: Annotated[Obis, obis]
    attribute: Annotated[int, i8]


@frozen
class ThresholdActions(Record):
    """action_set: what runs when the value goes over, and when it goes under."""

    over: Annotated[ScriptReference, record(ScriptReference)]
    under: Annotated[ScriptReference, record(ScriptReference)]


@frozen
class ExecutionTime(Record):
    """One time of a single action schedule; wildcards repeat it."""

    time: Annotated[CosemTime, time]
    date: Annotated[CosemDate, date]


@frozen
class EmergencyProfile(Record):
    """When a limiter uses its emergency threshold; duration in seconds."""

    identifier: Annotated[int, u16]
    activation: Annotated[CosemDateTime, date_time]
    duration: Annotated[int, u32]
