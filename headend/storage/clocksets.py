"""Clocks that were set, at most one a day and meter, each with its event; and those that are too far off to be."""

from datetime import datetime

from headend.meters.events import Severity
from headend.scheduler.ports import ClockSet
from headend.storage.events import emit
from headend.storage.profilerows import Visit
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.workitems import WorkKind, close_of_meter, open_of_meter


def last_set(connection: Connection, serial: str) -> datetime | None:
    """When a meter's clock was last set by us."""
    row = connection.execute(
        "SELECT c.at FROM clock_sets c JOIN meters m ON m.id = c.meter WHERE m.serial = ?", (serial,)
    ).fetchone()
    return None if row is None else from_micros(row[0])


def note_clock_set(connection: Connection, visit: Visit, done: ClockSet) -> None:
    """Write what was done to a clock, or that a person must look at it."""
    meter = visit.meter
    payload: dict[str, object] = {
        "before_s": done.before,
        "after_s": done.after,
        "note": done.note,
        "office": meter.office,
    }
    if done.after is None:
        if open_of_meter(connection, meter, WorkKind.CLOCK_OFF, done.note, done.at):
            payload["severity"] = Severity.MAJOR
            emit(connection, done.at, "clock.off", meter=meter.serial, consumer_no=meter.consumer_no, payload=payload)
        return
    connection.execute(
        "INSERT INTO clock_sets (meter, at, before_s, after_s) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (meter) DO UPDATE SET at = excluded.at, before_s = excluded.before_s, after_s = excluded.after_s",
        (meter.id, to_micros(done.at), done.before, done.after),
    )
    close_of_meter(connection, meter, WorkKind.CLOCK_OFF, "its clock was set", done.at)
    payload["severity"] = Severity.INFO
    emit(connection, done.at, "clock.set", meter=meter.serial, consumer_no=meter.consumer_no, payload=payload)
