"""How the daemon and the house stand: what its processes tell every few seconds, and counts of the database itself.

Everything is read in one snapshot by a reader, so no screen and no scrape ever waits for the writer or holds it up.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from attrs import define, frozen

from headend.prepaid.model import Mode
from headend.scheduler.figures import Standing
from headend.session.ports import Now
from headend.storage.events import as_json
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.switches import all_modes, is_armed, is_killed
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

#: Seconds by which clocks are off, up to each bound; 60 s is what may be corrected by itself.
CLOCK_BOUNDS: Final = (10, 60, 300, 900)

#: A row that is older was told by a process that is gone or hangs.
FRESH: Final = timedelta(seconds=15)


@frozen
class ProcessStatus:
    """One process of the daemon, as it told itself at `at`.

    `permits` of which `kept` are for relay work; `values` and `rows` that its visits brought; `loop_lag` and
    `busiest_lag` in seconds: the last, and the worst of the last minute; `writing` waits for the writer; `broker` is
    None where none is configured; `keys` tells whether it holds the key-encryption key.
    """

    worker: int
    pid: int
    version: str
    started: datetime
    at: datetime
    standing: Standing
    failing: int
    permits: int
    kept: int
    values: int
    rows: int
    loop_lag: float
    busiest_lag: float
    writing: int
    shedding: bool
    keys: bool
    memory: int
    broker: bool | None = None


@frozen
class OpenCommands:
    """Open commands of one target and state: how many, and since when the oldest waits."""

    target: str
    state: str
    count: int
    oldest: datetime


@frozen
class Unpublished:
    """Event rows that a subscriber does not have yet; `oldest` is None when it has everything."""

    subscriber: str
    waiting: int
    oldest: datetime | None


@frozen
class Waiting:
    """Messages of a channel that are queued, or sent and not yet known to have arrived."""

    channel: str
    state: str
    count: int


@frozen
class House:
    """The house in numbers.

    `clocks` counts meters by the seconds that their clocks are off: up to each of CLOCK_BOUNDS, and beyond; meters
    whose clock was never read are in none.
    """

    at: datetime
    meters: int
    read_within_day: int
    never_read: int
    clocks: tuple[int, ...]
    commands: tuple[OpenCommands, ...]
    work: dict[str, int]
    messages: tuple[Waiting, ...]
    unpublished: tuple[Unpublished, ...]
    armed: bool
    kill_switch: bool
    modes: dict[str, Mode]


@define(eq=False)
class StatusBoard:
    """What the daemon tells of itself, and the house in numbers."""

    path: Path
    _writer: Writer
    _readers: Readers
    _now: Now

    async def tell(self, status: ProcessStatus) -> None:
        """Write how a process stands, over what it told before. StorageError when nothing can be written."""
        await self._writer.run(lambda connection: _tell(connection, status))

    async def forget(self, worker: int | None = None) -> None:
        """A process ends, or (None) a daemon begins and all that is there is of another one."""
        await self._writer.run(lambda connection: _forget(connection, worker))

    async def processes(self) -> tuple[ProcessStatus, ...]:
        """What the processes told last, fresh or not, by worker."""
        return await self._readers.run(_processes)

    async def house(self, subscribers: tuple[str, ...] = ()) -> House:
        """The house in numbers; `subscribers` are listed even when they have taken nothing yet."""
        return await self._readers.run(lambda connection: _house(connection, self._now(), subscribers))

    def writing(self) -> int:
        """Units of work that wait for the writer of this process."""
        return self._writer.waiting

    def octets(self) -> tuple[int, int]:
        """The size of the database file, and of the log beside it that is not yet part of it."""
        return _size(self.path), _size(self.path.with_name(f"{self.path.name}-wal"))


def _tell(connection: Connection, status: ProcessStatus) -> None:
    connection.execute(
        "INSERT INTO process_status (worker, at, body) VALUES (?, ?, ?)"
        " ON CONFLICT (worker) DO UPDATE SET at = excluded.at, body = excluded.body",
        (status.worker, to_micros(status.at), as_json(status)),
    )


def _forget(connection: Connection, worker: int | None) -> None:
    connection.execute("DELETE FROM process_status WHERE worker = coalesce(?, worker)", (worker,))


def _processes(connection: Connection) -> tuple[ProcessStatus, ...]:
    found = []
    for (body,) in connection.execute("SELECT body FROM process_status ORDER BY worker"):
        try:
            found.append(msgspec.json.decode(body, type=ProcessStatus))
        except msgspec.DecodeError:
            continue  # another version's, before or after an upgrade: it says nothing to this one
    return tuple(found)


def _house(connection: Connection, now: datetime, subscribers: tuple[str, ...]) -> House:
    (meters,) = connection.execute("SELECT count(*) FROM meters").fetchone()
    read, ever, clocks = _freshness(connection, now)
    return House(
        at=now,
        meters=meters,
        read_within_day=read,
        never_read=meters - ever,
        clocks=clocks,
        commands=_commands(connection),
        work=dict(connection.execute("SELECT kind, count(*) FROM work_items WHERE closed_at IS NULL GROUP BY kind")),
        messages=_messages(connection),
        unpublished=_unpublished(connection, subscribers),
        armed=is_armed(connection),
        kill_switch=is_killed(connection),
        modes=all_modes(connection),
    )


def _freshness(connection: Connection, now: datetime) -> tuple[int, int, tuple[int, ...]]:
    """Meters read within a day, meters ever read, and how far clocks are off: one pass over the states."""
    off = ", ".join(f"total(abs(clock_deviation) <= {bound})" for bound in CLOCK_BOUNDS)
    read, ever, known, *upto = connection.execute(
        f"SELECT total(last_done >= ?), count(last_done), count(clock_deviation), {off} FROM meter_state",  # noqa: S608
        (to_micros(now - timedelta(days=1)),),
    ).fetchone()
    bounds = [0, *map(int, upto), int(known)]
    return int(read), int(ever), tuple(after - before for before, after in pairwise(bounds))


def _commands(connection: Connection) -> tuple[OpenCommands, ...]:
    rows = connection.execute(
        "SELECT target, state, count(*), min(requested_at) FROM commands"
        " WHERE state IN ('requested', 'sending', 'unknown', 'quarantined') GROUP BY target, state ORDER BY 1, 2"
    )
    return tuple(OpenCommands(target, state, count, from_micros(oldest)) for target, state, count, oldest in rows)


def _messages(connection: Connection) -> tuple[Waiting, ...]:
    rows = connection.execute(
        "SELECT channel, state, count(*) FROM deliveries WHERE next_try IS NOT NULL GROUP BY channel, state"
    )
    return tuple(Waiting(*row) for row in rows)


def _unpublished(connection: Connection, subscribers: tuple[str, ...]) -> tuple[Unpublished, ...]:
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()
    cursors = dict.fromkeys(subscribers, 0) | dict(connection.execute("SELECT name, number FROM cursors"))
    return tuple(_behind(connection, name, cursor, int(last)) for name, cursor in sorted(cursors.items()))


def _behind(connection: Connection, name: str, cursor: int, last: int) -> Unpublished:
    row = connection.execute("SELECT at FROM events WHERE number > ? ORDER BY number LIMIT 1", (cursor,)).fetchone()
    return Unpublished(name, max(last - cursor, 0), None if row is None else from_micros(row[0]))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
