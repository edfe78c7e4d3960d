"""What processes ask of each other through the database: read requests, and who runs a schedule's slot."""

from datetime import datetime
from typing import Final

from headend.scheduler.ports import Ours, ReadRequest, ReadResult
from headend.storage.inventory import find_meter, meter_id
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: Slots are remembered so long; an older one is not run any more.
_SLOTS_KEPT_US: Final = 40 * 86_400 * 1_000_000


def ask(
    connection: Connection,
    meter: str,
    profile: str | None,
    since: datetime | None,
    until: datetime | None,
    requested_at: datetime,
) -> int:
    """Write a read request; its number."""
    cursor = connection.execute(
        "INSERT INTO read_requests (meter, profile, since, until, requested_at) VALUES (?, ?, ?, ?, ?)",
        (meter_id(connection, meter), profile, to_micros(since), to_micros(until), to_micros(requested_at)),
    )
    return int(cursor.lastrowid or 0)


def new(connection: Connection, ours: Ours) -> list[ReadRequest]:
    """Requests for meters of ours that nobody has taken yet, oldest first."""
    rows = connection.execute(
        "SELECT r.id, m.serial, r.profile, r.since, r.until, r.requested_at FROM read_requests r"
        " JOIN meters m ON m.id = r.meter WHERE r.done = 0 AND r.taken = 0 ORDER BY r.id"
    ).fetchall()
    return [
        ReadRequest(number, serial, profile, from_micros(since), from_micros(until), from_micros(requested_at))
        for number, serial, profile, since, until, requested_at in rows
        if (meter := find_meter(connection, serial)) is not None and ours(meter)
    ]


def take_new(connection: Connection, ours: Ours, token: int | None) -> list[ReadRequest]:
    """Requests for meters of ours that nobody has taken yet; now the process of `token` has."""
    found = new(connection, ours)
    connection.executemany(
        "UPDATE read_requests SET taken = 1, taken_by = ? WHERE id = ?", [(token, each.id) for each in found]
    )
    return found


def put_back(connection: Connection, token: int) -> None:
    """What a process took and did not live to answer, another one may take."""
    connection.execute(
        "UPDATE read_requests SET taken = 0, taken_by = NULL WHERE taken_by = ? AND taken = 1 AND done = 0", (token,)
    )


def finish(connection: Connection, request_id: int, result: ReadResult) -> None:
    """Answer a request; the first answer stands."""
    connection.execute(
        "UPDATE read_requests SET done = 1, body = ?, error = ?, exit_code = ? WHERE id = ? AND done = 0",
        (result.body, result.error, result.exit_code, request_id),
    )


def result_of(connection: Connection, request_id: int) -> ReadResult | None:
    """The answer of a request, None while there is none."""
    row = connection.execute(
        "SELECT body, error, exit_code FROM read_requests WHERE id = ? AND done = 1", (request_id,)
    ).fetchone()
    return None if row is None else ReadResult(*row)


def meter_of(connection: Connection, request_id: int) -> str | None:
    """The meter that a request asks for."""
    row = connection.execute(
        "SELECT m.serial FROM read_requests r JOIN meters m ON m.id = r.meter WHERE r.id = ?", (request_id,)
    ).fetchone()
    return None if row is None else str(row[0])


def abandon_taken(connection: Connection) -> None:
    """Answer the requests that a daemon took and did not live to finish, so that nobody waits for ever."""
    connection.execute(
        "UPDATE read_requests SET done = 1, error = 'the daemon was restarted while reading; ask again', exit_code = 1"
        " WHERE taken = 1 AND done = 0"
    )


def claim(connection: Connection, schedule: str, slot: datetime) -> bool:
    """True once for a schedule and slot."""
    at = to_micros(slot)
    whole, mark, shard = schedule.rpartition("#")
    if not mark:
        whole, shard = schedule, ""
    (newest,) = connection.execute("SELECT max(slot) FROM slots WHERE schedule = ?", (schedule,)).fetchone()
    if newest is not None and at <= newest - _SLOTS_KEPT_US:
        return False
    connection.execute("DELETE FROM slots WHERE schedule = ? AND slot <= ?", (schedule, at - _SLOTS_KEPT_US))
    added = connection.execute(
        "INSERT INTO slots (schedule, slot) VALUES (?, ?) ON CONFLICT DO NOTHING", (schedule, at)
    ).rowcount
    return bool(added) and not _begun_otherwise(connection, whole, shard, at)


def _begun_otherwise(connection: Connection, schedule: str, shard: str, at: int) -> bool:
    """Whether the slot was begun when the fleet was divided into another number of shards."""
    rows = connection.execute(
        "SELECT schedule FROM slots WHERE slot = ? AND (schedule = ? OR substr(schedule, 1, ?) = ?)",
        (at, schedule, len(schedule) + 1, f"{schedule}#"),
    )
    divisions = {other[len(schedule) :].partition("/")[2] for (other,) in rows}
    return bool(divisions - {shard.partition("/")[2]})
