"""The fleet at a glance: one row a meter, for the live table of the demo and for lists."""

from datetime import datetime
from typing import Final

from attrs import define, frozen

from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros

_ROWS: Final = """
SELECT m.serial, m.consumer_no, a.balance_source, s.balance,
       (SELECT l.balance FROM ledger l WHERE l.account = a.id ORDER BY l.id DESC LIMIT 1),
       s.relay_connected, s.reading_at, s.last_outcome,
       c.target, c.state, c.changed_at,
       (SELECT d.verdict || ': ' || d.reason FROM decisions d WHERE d.account = a.id ORDER BY d.id DESC LIMIT 1),
       (SELECT count(*) FROM notices n WHERE n.account = a.id),
       (SELECT n.texts FROM notices n WHERE n.account = a.id ORDER BY n.id DESC LIMIT 1)
FROM meters m
LEFT JOIN accounts a ON a.consumer_no = m.consumer_no
LEFT JOIN meter_state s ON s.meter = m.id
LEFT JOIN commands c ON c.id = (SELECT max(id) FROM commands WHERE meter = m.id)
ORDER BY m.serial LIMIT ?
"""

_COUNTS: Final = """
SELECT (SELECT count(*) FROM meters),
       (SELECT count(*) FROM meter_state WHERE last_done IS NOT NULL),
       (SELECT count(*) FROM notices),
       (SELECT count(*) FROM commands WHERE target = 'disconnected' AND state = 'confirmed'),
       (SELECT count(*) FROM commands WHERE target = 'connected' AND state = 'confirmed'),
       (SELECT count(*) FROM commands WHERE state = 'unknown')
"""


@frozen
class BoardRow:
    """One meter: balance in paise (None: not known), relay (None: never read), its last command and notice.

    `decision` is the newest, with its reason; `notice` JSON text, language to text.
    """

    meter: str
    consumer_no: str | None
    balance: int | None
    connected: bool | None
    reading_at: datetime | None
    outcome: str | None
    command: str | None
    command_state: str | None
    command_at: datetime | None
    decision: str | None
    notices: int
    notice: str | None


@frozen
class Counts:
    """The fleet in numbers: meters, those read at least once, notices, confirmed cuts and restores, unknowns."""

    meters: int
    polled: int
    notices: int
    disconnected: int
    reconnected: int
    unknown: int


@define(eq=False)
class Board:
    """Reads for screens; never waits for the writer."""

    _readers: Readers

    async def rows(self, limit: int = 100) -> list[BoardRow]:
        """The first `limit` meters by serial."""
        return await self._readers.run(lambda connection: _rows(connection, limit))

    async def counts(self) -> Counts:
        """The fleet in numbers."""
        return await self._readers.run(lambda connection: Counts(*connection.execute(_COUNTS).fetchone()))


def _rows(connection: Connection, limit: int) -> list[BoardRow]:
    return [
        BoardRow(
            serial,
            consumer_no,
            at_meter if source == "meter" else (in_ledger or 0) if source else None,
            None if connected is None else bool(connected),
            from_micros(reading_at),
            outcome,
            target,
            state,
            from_micros(changed_at),
            decision,
            notices,
            notice,
        )
        for (
            serial,
            consumer_no,
            source,
            at_meter,
            in_ledger,
            connected,
            reading_at,
            outcome,
            target,
            state,
            changed_at,
            decision,
            notices,
            notice,
        ) in connection.execute(_ROWS, (limit,))
    ]
