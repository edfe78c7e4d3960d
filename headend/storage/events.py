"""Event rows: written in the transaction of what they tell, numbered in the order of commit, replayed at will."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from attrs import define

from headend.meters.events import Severity
from headend.notify.model import EventRow
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

_COLUMNS: Final = "number, at, kind, meter, consumer_no, payload"


def emit(
    connection: Connection,
    at: datetime,
    kind: str,
    *,
    meter: str | None = None,
    consumer_no: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Write an event in the current transaction; `payload` becomes a JSON object."""
    connection.execute(
        "INSERT INTO events (at, kind, meter, consumer_no, payload) VALUES (?, ?, ?, ?, ?)",
        (to_micros(at), kind, meter, consumer_no, as_json(payload or {})),
    )


def as_json(value: object) -> str:
    """JSON text of attrs values, datetimes, enums and plain values."""
    return msgspec.json.encode(value).decode()


@define(eq=False)
class Events:
    """The outbox: everything that happened, and how far each subscriber has come."""

    _writer: Writer
    _readers: Readers

    async def events(self, after: int, limit: int = 500) -> list[EventRow]:
        """Events with a number above `after`, in order, at most `limit`."""
        return await self._readers.run(lambda connection: _events_after(connection, after, limit))

    async def chosen(
        self,
        *,
        kind: str = "",
        meter: str = "",
        office: str = "",
        severity: Severity = Severity.INFO,
        after: int = 0,
        limit: int = 50,
    ) -> list[EventRow]:
        """The newest `limit` events above `after`, in order: of a kind or all `kind.*`, of a meter, an office and all
        below it, at least so severe (what names no severity counts as info).
        """  # noqa: D205  one filter after the other
        wanted = {"kind": kind, "meter": meter, "office": office.strip("/"), "after": after, "limit": limit}
        return await self._readers.run(lambda connection: _chosen(connection, wanted, severity))

    async def tell(self, at: datetime, kind: str, *, meter: str | None = None, payload: Mapping[str, Any]) -> None:
        """Write an event that belongs to no other change."""
        await self._writer.run(lambda connection: emit(connection, at, kind, meter=meter, payload=payload))

    async def last_number(self) -> int:
        """The number of the newest event, 0 when nothing has happened yet."""
        return await self._readers.run(_last_number)

    async def cursor(self, subscriber: str) -> int:
        """The number up to which a subscriber has everything, 0 at first."""
        return await self._readers.run(lambda connection: _cursor(connection, subscriber))

    async def set_cursor(self, subscriber: str, number: int) -> None:
        """Remember how far a subscriber has come; a lower number is ignored."""
        await self._writer.run(lambda connection: _advance(connection, subscriber, number))


def _chosen(connection: Connection, wanted: dict[str, Any], severity: Severity) -> list[EventRow]:
    conditions = ["e.number > :after"]
    conditions += ["(e.kind = :kind OR substr(e.kind, 1, length(:kind) + 1) = :kind || '.')"] if wanted["kind"] else []
    conditions += ["e.meter = :meter"] if wanted["meter"] else []
    if wanted["office"]:
        conditions.append(
            "EXISTS (SELECT 1 FROM meters m WHERE m.serial = e.meter AND (m.office = :office"
            " OR substr(m.office, 1, length(:office) + 1) = :office || '/'))"
        )
    if severity is not Severity.INFO:
        severe = [each.value for each in Severity if each.rank >= severity.rank]
        wanted |= {f"severe_{each}": f'%"severity":"{each}"%' for each in severe}
        conditions.append(f"({' OR '.join(f'e.payload LIKE :severe_{each}' for each in severe)})")
    columns = ", ".join(f"e.{column}" for column in _COLUMNS.split(", "))
    query = f"SELECT {columns} FROM events e WHERE {' AND '.join(conditions)} ORDER BY e.number DESC LIMIT :limit"  # noqa: S608
    found = connection.execute(query, wanted).fetchall()
    return [
        EventRow(number, from_micros(at), kind, meter, consumer_no, payload)
        for number, at, kind, meter, consumer_no, payload in reversed(found)
    ]


def _events_after(connection: Connection, after: int, limit: int) -> list[EventRow]:
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM events WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608  constant
        (after, limit),
    )
    return [
        EventRow(number, from_micros(at), kind, meter, consumer_no, payload)
        for number, at, kind, meter, consumer_no, payload in found
    ]


def _last_number(connection: Connection) -> int:
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()
    return int(number)


def _cursor(connection: Connection, subscriber: str) -> int:
    row = connection.execute("SELECT number FROM cursors WHERE name = ?", (subscriber,)).fetchone()
    return 0 if row is None else int(row[0])


def _advance(connection: Connection, subscriber: str, number: int) -> None:
    connection.execute(
        "INSERT INTO cursors (name, number) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET number = max(number, excluded.number)",
        (subscriber, number),
    )
