"""One push, written in one transaction with the invocation counter that it came under."""

from typing import Final

from headend.session.pushes import PushRecord
from headend.storage.events import emit
from headend.storage.inventory import Known, known
from headend.storage.profilerows import Visit
from headend.storage.registers import store_readings
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros

#: The role whose key and counter pushes are under.
PUSH_ROLE: Final = "push"

#: Readings need a visit that they came with; this one changes nothing of when the meter was last visited.
_PUSHED: Final = "pushed"

_COUNT: Final = """
INSERT INTO counters (meter, role, received) VALUES (?, ?, ?)
ON CONFLICT (meter, role) DO UPDATE SET received = excluded.received WHERE excluded.received > received
"""


def record_push(connection: Connection, push: PushRecord) -> bool:
    """Write a push, unless its counter is not above all before it: then nothing, and False. Raises UnknownMeter."""
    meter = known(connection, push.meter)
    if push.counter is not None and not _count(connection, meter, push.counter):
        return False
    if push.readings:
        store_readings(connection, _visit(connection, meter, push), push.readings)
    emit(connection, push.received, push.kind, meter=meter.serial, consumer_no=meter.consumer_no, payload=push.payload)
    return True


def _count(connection: Connection, meter: Known, counter: int) -> bool:
    """Whether the counter is new; it is from now on the largest."""
    return bool(connection.execute(_COUNT, (meter.id, PUSH_ROLE, counter)).rowcount)


def _visit(connection: Connection, meter: Known, push: PushRecord) -> Visit:
    at = to_micros(push.received)
    cursor = connection.execute(
        "INSERT INTO visits (meter, started, finished, outcome) VALUES (?, ?, ?, ?)", (meter.id, at, at, _PUSHED)
    )
    return Visit(int(cursor.lastrowid or 0), meter, push.received)
