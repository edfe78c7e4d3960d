"""What went over the line in visits that officers asked to see.

Frames of a low-security association hold a password, and ciphered ones are as secret as their keys: they are sealed
under the key-encryption key, a few for each meter, and not for long.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from attrs import define, field, frozen

from headend.session.ports import Now
from headend.storage.inventory import meter_id
from headend.storage.kek import Kek, KekError
from headend.storage.readers import Readers
from headend.storage.requests import ask
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer
from headend.transport.recording import Piece, Recording

#: Traces are kept so long, and so many of a meter.
KEPT_FOR: Final = timedelta(days=7)
KEPT_OF_METER: Final = 5
#: An order that no visit took up in this time is forgotten.
_ORDER_LIFE: Final = timedelta(days=1)


@frozen
class StoredTrace:
    """A recorded visit; `cut` where it was longer than what is kept."""

    id: int
    request: int
    asked_by: str
    at: datetime
    octets: int
    cut: bool
    pieces: tuple[Piece, ...] = field(default=(), repr=False)


@define(eq=False)
class Traces:
    """Recorded visits. Without the key-encryption key nothing is recorded: KekError."""

    _writer: Writer
    _readers: Readers
    _kek: Kek | None
    _now: Now

    async def ask_read(self, serial: str, by: str) -> int:
        """Ask the daemon to read a meter and to record the visit; the number of the request. Raises UnknownMeter."""
        self._required()
        return await self._writer.run(lambda connection: _order(connection, serial, by, self._now()))

    async def wanted(self, requests: tuple[int, ...]) -> tuple[int, str] | None:
        """The first of these read requests whose visit is to be recorded, and who asked."""
        return await self._readers.run(lambda connection: _wanted(connection, requests))

    async def keep(self, serial: str, request: int, by: str, recording: Recording, at: datetime) -> None:
        """Keep what was recorded for a request; older traces than are kept go with it."""
        sealed = self._required().wrap(_packed(recording.pieces), _place(serial))
        row = (request, by, to_micros(at), recording.octets, int(recording.cut), sealed)
        await self._writer.run(lambda connection: _keep(connection, serial, row, self._now()))

    async def of_meter(self, serial: str) -> list[StoredTrace]:
        """The traces of a meter without their octets, newest first; raises UnknownMeter."""
        since = self._now() - KEPT_FOR
        return await self._readers.run(lambda connection: _of_meter(connection, serial, since))

    async def trace(self, serial: str, number: int) -> StoredTrace | None:
        """One trace of a meter with its octets."""
        since = self._now() - KEPT_FOR
        found = await self._readers.run(lambda connection: _one(connection, serial, number, since))
        if found is None:
            return None
        *row, sealed = found
        return _stored(row, _unpacked(self._required().unwrap(bytes(sealed), _place(serial))))

    async def of_request(self, request: int) -> int | None:
        """The number of the trace that was recorded for a request."""
        return await self._readers.run(lambda connection: _of_request(connection, request))

    async def purge(self) -> None:
        """Remove what is older than traces are kept; whoever acts on a trace leaves its audit row with this."""
        await self._writer.run(lambda connection: _purge(connection, self._now()))

    def _required(self) -> Kek:
        if self._kek is None:
            raise KekError("no visit is recorded without a key-encryption key: frames may hold secrets, and are sealed")
        return self._kek


def _order(connection: Connection, serial: str, by: str, now: datetime) -> int:
    connection.execute("DELETE FROM trace_orders WHERE asked_at < ?", (to_micros(now - _ORDER_LIFE),))
    request = ask(connection, serial, None, None, None, now)
    connection.execute(
        "INSERT INTO trace_orders (request, asked_by, asked_at) VALUES (?, ?, ?)", (request, by, to_micros(now))
    )
    return request


def _wanted(connection: Connection, requests: tuple[int, ...]) -> tuple[int, str] | None:
    for request in requests:
        row = connection.execute("SELECT asked_by FROM trace_orders WHERE request = ?", (request,)).fetchone()
        if row is not None:
            return request, str(row[0])
    return None


def _keep(connection: Connection, serial: str, row: tuple[Any, ...], now: datetime) -> None:
    meter = meter_id(connection, serial)
    connection.execute(
        "INSERT INTO visit_traces (meter, request, asked_by, at, octets, cut, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (meter, *row),
    )
    connection.execute("DELETE FROM trace_orders WHERE request = ?", (row[0],))
    _purge(connection, now)
    connection.execute(
        "DELETE FROM visit_traces WHERE meter = ? AND id NOT IN"
        " (SELECT id FROM visit_traces WHERE meter = ? ORDER BY id DESC LIMIT ?)",
        (meter, meter, KEPT_OF_METER),
    )


def _purge(connection: Connection, now: datetime) -> None:
    connection.execute("DELETE FROM visit_traces WHERE at < ?", (to_micros(now - KEPT_FOR),))


def _of_meter(connection: Connection, serial: str, since: datetime) -> list[StoredTrace]:
    rows = connection.execute(
        "SELECT id, request, asked_by, at, octets, cut FROM visit_traces WHERE meter = ? AND at >= ? ORDER BY id DESC",
        (meter_id(connection, serial), to_micros(since)),
    )
    return [_stored(row) for row in rows]


def _one(connection: Connection, serial: str, number: int, since: datetime) -> Any:  # noqa: ANN401  a row or None
    return connection.execute(
        "SELECT id, request, asked_by, at, octets, cut, sealed FROM visit_traces"
        " WHERE meter = ? AND id = ? AND at >= ?",
        (meter_id(connection, serial), number, to_micros(since)),
    ).fetchone()


def _of_request(connection: Connection, request: int) -> int | None:
    row = connection.execute("SELECT max(id) FROM visit_traces WHERE request = ?", (request,)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _stored(row: Any, pieces: tuple[Piece, ...] = ()) -> StoredTrace:  # noqa: ANN401  a row
    number, request, by, at, octets, cut = row
    return StoredTrace(number, request, by, from_micros(at), octets, bool(cut), pieces)


def _packed(pieces: list[Piece]) -> bytes:
    return msgspec.msgpack.encode([(each.at, each.line, each.sent, each.octets) for each in pieces])


def _unpacked(octets: bytes) -> tuple[Piece, ...]:
    found = msgspec.msgpack.decode(octets, type=list[tuple[float, int, bool, bytes]])
    return tuple(Piece(*each) for each in found)


def _place(serial: str) -> str:
    return f"trace/{serial}"
