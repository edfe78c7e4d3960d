"""Relay controls of other systems: the message and the commands it asks for are written in one transaction, once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, frozen

from headend.commands.journal import RefusedByRule
from headend.commands.model import Command, NewCommand, State
from headend.interchange.cim.message import Control
from headend.interchange.cim.names import Switch
from headend.prepaid.caps import Caps
from headend.storage import commandrows
from headend.storage.errors import ExchangeConflict, UnknownExchange, UnknownMeter
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.requesting import request
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

_ENDED: Final = (State.CONFIRMED, State.REJECTED, State.EXPIRED, State.CANCELLED)
_COLUMNS: Final = (
    "id, source, message_id, correlation_id, reply_address, asked_by, received_at, replied_at, tries, reply_error"
)
#: Messages whose every control has ended; what a rule refused has.
_DUE: Final = f"""
SELECT {_COLUMNS} FROM cim_messages m WHERE replied_at IS NULL AND next_try <= :now AND NOT EXISTS (
  SELECT 1 FROM cim_controls c JOIN commands k ON k.id = c.command
  WHERE c.message = m.id AND k.state NOT IN ('confirmed', 'rejected', 'expired', 'cancelled'))
ORDER BY next_try, id LIMIT :limit
"""  # noqa: S608  constants


@frozen
class Asked:
    """A message to be taken: `digest` of its octets, and who brought it."""

    source: str
    message_id: str
    digest: bytes
    correlation_id: str
    reply_address: str | None
    asked_by: str


@frozen
class TakenControl:
    """A control, and where it stands: the command in the journal, or the code and words of the rule that refused it."""

    control: Control
    command: Command | None
    code: str | None
    refused: str | None
    note: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.command is None or self.command.state in _ENDED


@frozen
class Exchange:
    """A message that was taken, with its controls."""

    id: int
    source: str
    message_id: str
    correlation_id: str
    reply_address: str | None
    asked_by: str
    received_at: datetime
    replied_at: datetime | None
    tries: int
    reply_error: str | None
    controls: tuple[TakenControl, ...]

    @property
    def ended(self) -> bool:
        """Whether every control has ended."""
        return all(control.ended for control in self.controls)


#: What a control asks the journal for, or the words of a rule that refuses it.
NewCommandOf = Callable[[Control], NewCommand]


@define(eq=False)
class Exchanges:
    """Messages of other systems; `caps` bound their disconnects with all others."""

    _writer: Writer
    _readers: Readers
    caps: Caps

    async def take(
        self, asked: Asked, controls: tuple[Control, ...], command_of: NewCommandOf, now: datetime
    ) -> tuple[Exchange, bool]:
        """Journal what a message asks for, once; the message, and whether it was there before.

        Raises ExchangeConflict where the same sender used the id for another message.
        """

        def unit(connection: Connection) -> tuple[Exchange, bool]:
            earlier = _earlier(connection, asked)
            if earlier is not None:
                return _exchange(connection, earlier), True
            return _exchange(connection, _take(connection, self.caps, asked, controls, command_of, now)), False

        return await self._writer.run(unit)

    async def of(self, message_id: str, source: str | None = None) -> Exchange:
        """The message of that id, the newest where several senders used it; raises UnknownExchange."""
        return await self._readers.run(lambda connection: _find(connection, message_id, source))

    async def exchanges(self, limit: int = 50) -> list[Exchange]:
        """The newest messages, newest first."""
        sql = f"SELECT {_COLUMNS} FROM cim_messages ORDER BY id DESC LIMIT ?"  # noqa: S608  constant
        return await self._readers.run(
            lambda connection: [_filled(connection, row) for row in connection.execute(sql, (limit,)).fetchall()]
        )

    async def due(self, now: datetime, limit: int = 50) -> list[Exchange]:
        """Messages whose every control has ended and that are not answered yet."""
        parameters = {"now": to_micros(now), "limit": limit}
        return await self._readers.run(
            lambda connection: [_filled(connection, row) for row in connection.execute(_DUE, parameters).fetchall()]
        )

    async def replied(self, number: int, now: datetime, result: str, body: str | None) -> None:
        """The final answer was taken; `body` is told in its event where it had no address to go to."""

        def unit(connection: Connection) -> None:
            done = connection.execute(
                "UPDATE cim_messages SET replied_at = ?, next_try = NULL, reply_error = NULL, tries = tries + 1"
                " WHERE id = ? AND replied_at IS NULL",
                (to_micros(now), number),
            ).rowcount
            if done:
                exchange = _exchange(connection, number)
                payload = {"source": exchange.source, "message_id": exchange.message_id, "result": result}
                emit(connection, now, "cim.replied", payload=payload | ({} if body is None else {"message": body}))

        await self._writer.run(unit)

    async def reply_failed(self, number: int, error: str, now: datetime, again: timedelta | None) -> None:
        """The answer was not taken; `again`: when it is tried again, None: never."""

        def unit(connection: Connection) -> None:
            connection.execute(
                "UPDATE cim_messages SET tries = tries + 1, reply_error = ?, next_try = ? WHERE id = ?",
                (error, None if again is None else to_micros(now + again), number),
            )
            if again is None:
                exchange = _exchange(connection, number)
                payload = {"source": exchange.source, "message_id": exchange.message_id, "error": error}
                emit(connection, now, "cim.reply_failed", payload=payload)

        await self._writer.run(unit)


def _earlier(connection: Connection, asked: Asked) -> int | None:
    row = connection.execute(
        "SELECT id, digest FROM cim_messages WHERE source = ? AND message_id = ?", (asked.source, asked.message_id)
    ).fetchone()
    if row is None:
        return None
    if bytes(row[1]) != asked.digest:
        raise ExchangeConflict(f"message {asked.message_id} of {asked.source} was another one; nothing was done now")
    return int(row[0])


def _take(
    connection: Connection,
    caps: Caps,
    asked: Asked,
    controls: tuple[Control, ...],
    command_of: NewCommandOf,
    now: datetime,
) -> int:
    cursor = connection.execute(
        "INSERT INTO cim_messages (source, message_id, digest, correlation_id, reply_address, asked_by, received_at,"
        " next_try) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            asked.source,
            asked.message_id,
            asked.digest,
            asked.correlation_id,
            asked.reply_address,
            asked.asked_by,
            to_micros(now),
            to_micros(now),
        ),
    )
    message = int(cursor.lastrowid or 0)
    for number, control in enumerate(controls, 1):
        command, code, refused = _request(connection, caps, control, command_of)
        connection.execute(
            "INSERT INTO cim_controls (message, number, meter, switch, mrid, reason, command, code, refused)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message,
                number,
                control.meter,
                control.switch.value,
                control.mrid,
                control.reason,
                None if command is None else command.id,
                code,
                refused,
            ),
        )
    return message


def _request(
    connection: Connection, caps: Caps, control: Control, command_of: NewCommandOf
) -> tuple[Command | None, str | None, str | None]:
    try:
        return request(connection, caps, command_of(control)), None, None
    except UnknownMeter as unknown:
        return None, "unknown_meter", str(unknown)
    except RefusedByRule as refusal:
        return None, "refused_by_rule", str(refusal)


def _find(connection: Connection, message_id: str, source: str | None) -> Exchange:
    row = connection.execute(
        "SELECT id FROM cim_messages WHERE message_id = ? AND source = coalesce(?, source) ORDER BY id DESC LIMIT 1",
        (message_id, source),
    ).fetchone()
    if row is None:
        raise UnknownExchange(message_id)
    return _exchange(connection, row[0])


def _exchange(connection: Connection, number: int) -> Exchange:
    sql = f"SELECT {_COLUMNS} FROM cim_messages WHERE id = ?"  # noqa: S608  constant
    return _filled(connection, connection.execute(sql, (number,)).fetchone())


def _filled(connection: Connection, row: tuple[Any, ...]) -> Exchange:
    number, source, message_id, correlation_id, reply_address, asked_by, received_at, replied_at, tries, error = row
    rows = connection.execute(
        "SELECT meter, switch, mrid, reason, command, code, refused FROM cim_controls"
        " WHERE message = ? ORDER BY number",
        (number,),
    ).fetchall()
    return Exchange(
        number,
        source,
        message_id,
        correlation_id,
        reply_address,
        asked_by,
        from_micros(received_at),
        from_micros(replied_at),
        tries,
        error,
        tuple(_control(connection, each) for each in rows),
    )


def _control(connection: Connection, row: tuple[Any, ...]) -> TakenControl:
    meter, switch, mrid, reason, command, code, refused = row
    control = Control(meter, Switch(switch), mrid, reason)
    if command is None:
        return TakenControl(control, None, code, refused)
    steps = commandrows.steps_of(connection, command)
    note = steps[-1].note if steps else ""
    return TakenControl(control, commandrows.get(connection, command), None, None, note)
