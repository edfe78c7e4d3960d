"""Work that is not tried again by itself, one line a meter, with the first cause."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from headend.scheduler.ports import Ours, Outcome
from headend.scheduler.steering import GivenUp
from headend.storage.events import as_json, emit
from headend.storage.inventory import find_meter, known
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

_SELECT: Final = (
    "SELECT m.serial, g.tasks, g.outcome, g.first_cause, g.failures, g.first_at, g.at"
    " FROM given_up g JOIN meters m ON m.id = g.meter"
)
_IN_OFFICE: Final = "(:office = '' OR m.office = :office OR substr(m.office, 1, length(:office) + 1) = :office || '/')"


def entries(connection: Connection, office: str = "", limit: int = -1) -> list[GivenUp]:
    """What was given up in an office and all below it, the oldest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE {_IN_OFFICE} ORDER BY g.first_at, m.serial LIMIT :limit",
        {"office": office.strip("/"), "limit": limit},
    )
    return [_entry(row) for row in rows]


def give_up(connection: Connection, work: Sequence[GivenUp]) -> None:
    """Note work that was given up; an event for each meter at which nothing was before."""
    for each in work:
        meter = known(connection, each.meter)
        is_new = connection.execute("SELECT 1 FROM given_up WHERE meter = ?", (meter.id,)).fetchone() is None
        connection.execute(
            "INSERT INTO given_up (meter, tasks, outcome, first_cause, failures, first_at, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (meter) DO UPDATE SET tasks = excluded.tasks,"
            " outcome = excluded.outcome, failures = excluded.failures, at = excluded.at",
            (
                meter.id,
                as_json(each.tasks),
                each.outcome.value,
                each.first_cause,
                each.failures,
                to_micros(each.first_at),
                to_micros(each.at),
            ),
        )
        if is_new:
            payload = {"outcome": each.outcome, "first_cause": each.first_cause, "tasks": each.tasks}
            emit(
                connection,
                each.at,
                "collection.given_up",
                meter=meter.serial,
                consumer_no=meter.consumer_no,
                payload=payload | {"failures": each.failures, "office": meter.office},
            )


def took_up(connection: Connection, meters: Sequence[str]) -> None:
    """It is done after all."""
    connection.executemany(
        "DELETE FROM given_up WHERE meter = (SELECT id FROM meters WHERE serial = ?)", [(each,) for each in meters]
    )


def requeue(connection: Connection, meters: Sequence[str] | None) -> int:
    """Ask for work to be taken up again, at these meters or (None) at all; how many lines there were."""
    if meters is None:
        return connection.execute("UPDATE given_up SET requeued = 1").rowcount
    return sum(
        connection.execute("UPDATE given_up SET requeued = 1 WHERE meter = ?", (known(connection, each).id,)).rowcount
        for each in meters
    )


def requeued(connection: Connection, ours: Ours) -> tuple[GivenUp, ...]:
    """What somebody asked for again at meters of ours."""
    found = map(_entry, connection.execute(f"{_SELECT} WHERE g.requeued = 1").fetchall())
    return tuple(each for each in found if (meter := find_meter(connection, each.meter)) is not None and ours(meter))


def take_requeued(connection: Connection, ours: Ours) -> tuple[GivenUp, ...]:
    """What was asked for again at meters of ours, given out once."""
    found = requeued(connection, ours)
    connection.executemany(
        "UPDATE given_up SET requeued = 0 WHERE meter = (SELECT id FROM meters WHERE serial = ?)",
        [(each.meter,) for each in found],
    )
    return found


def _entry(row: tuple[Any, ...]) -> GivenUp:
    serial, tasks, outcome, first_cause, failures, first_at, at = row
    return GivenUp(
        meter=serial,
        tasks=msgspec.json.decode(tasks, type=tuple[str, ...]),
        outcome=Outcome(outcome),
        first_cause=first_cause,
        failures=failures,
        first_at=from_micros(first_at),
        at=from_micros(at),
    )
