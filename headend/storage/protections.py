"""Consumers whom officers protect from every cut. One person protects; to lift it takes a second one.

A protection that came with an import is lifted where it came from.
"""

from datetime import datetime
from typing import Any, Final

from attrs import define, frozen

from headend.commands.journal import RefusedByRule
from headend.commands.model import State, Target
from headend.errors import HeadendError
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.journal import cancel
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import StoredAccount, stored_account
from headend.storage.writer import Writer

_SELECT: Final = (
    "SELECT p.id, a.consumer_no, a.office, p.reason, p.added_by, p.added_at, p.lift_asked_by, p.lift_asked_at,"
    " p.lifted_by FROM protections p JOIN accounts a ON a.id = p.account"
)


class UnknownProtection(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No protection of that number."""

    exit_code = 2

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no protection {number}")
        self.number = number


@frozen
class Protection:
    """What an officer gave a consumer; `lift_asked_by` waits for a second person."""

    id: int
    consumer_no: str
    office: str
    reason: str
    added_by: str
    added_at: datetime
    lift_asked_by: str | None
    lift_asked_at: datetime | None
    lifted_by: str | None


@define(eq=False)
class Protections:
    """Who is cut by nobody, because an officer said so."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def protection(self, consumer_no: str) -> Protection | None:
        """The one in force, None where no officer gave one."""
        return await self._readers.run(lambda connection: _of_consumer(connection, consumer_no))

    async def numbered(self, number: int) -> Protection:
        """One of them; raises UnknownProtection."""
        return await self._readers.run(lambda connection: _get(connection, number))

    async def protect(self, consumer_no: str, reason: str, by: str) -> Protection:
        """Protect a consumer from now on; cuts that are not sent are cancelled.

        Raises UnknownConsumer, and RefusedByRule for who is protected already.
        """
        return await self._writer.run(lambda connection: _protect(connection, consumer_no, reason, by, self._now()))

    async def lift(self, number: int, by: str, *, second_person: bool) -> Protection:
        """Ask for a protection to be lifted, or, as another person, lift it. Raises as `numbered`, RefusedByRule."""
        return await self._writer.run(lambda connection: _lift(connection, number, by, second_person, self._now()))

    async def keep(self, number: int) -> Protection:
        """It stays after all."""

        def unit(connection: Connection) -> Protection:
            _standing(connection, number)
            connection.execute(
                "UPDATE protections SET lift_asked_by = NULL, lift_asked_at = NULL WHERE id = ?", (number,)
            )
            return _get(connection, number)

        return await self._writer.run(unit)


def _of_consumer(connection: Connection, consumer_no: str) -> Protection | None:
    row = connection.execute(f"{_SELECT} WHERE a.consumer_no = ? AND p.lifted_at IS NULL", (consumer_no,)).fetchone()
    return None if row is None else _protection(row)


def _get(connection: Connection, number: int) -> Protection:
    row = connection.execute(f"{_SELECT} WHERE p.id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownProtection(number)
    return _protection(row)


def _protect(connection: Connection, consumer_no: str, reason: str, by: str, now: datetime) -> Protection:
    stored = stored_account(connection, consumer_no)
    if stored.account.protected is not None:
        raise RefusedByRule(f"consumer {consumer_no} is protected already ({stored.account.protected})")
    cursor = connection.execute(
        "INSERT INTO protections (account, reason, added_by, added_at) VALUES (?, ?, ?, ?)",
        (stored.id, reason, by, to_micros(now)),
    )
    number = int(cursor.lastrowid or 0)
    connection.execute("UPDATE accounts SET protected = ? WHERE id = ?", (reason, stored.id))
    _tell(connection, consumer_no, None, reason, by, now)
    _call_off(connection, stored, by, now)
    return _get(connection, number)


def _call_off(connection: Connection, stored: StoredAccount, by: str, now: datetime) -> None:
    """Cuts of this consumer that are not sent yet."""
    rows = connection.execute(
        "SELECT id FROM commands WHERE meter = ? AND target = ? AND state IN (?, ?) AND superseded_by IS NULL",
        (stored.meter_id, Target.DISCONNECTED.value, State.REQUESTED.value, State.QUARANTINED.value),
    ).fetchall()
    for (command,) in rows:
        cancel(connection, command, now, f"the consumer is protected (by {by})")


def _lift(connection: Connection, number: int, by: str, second_person: bool, now: datetime) -> Protection:  # noqa: FBT001
    found = _standing(connection, number)
    if second_person and found.lift_asked_by is None:
        connection.execute(
            "UPDATE protections SET lift_asked_by = ?, lift_asked_at = ? WHERE id = ?", (by, to_micros(now), number)
        )
        return _get(connection, number)
    if second_person and found.lift_asked_by == by:
        raise RefusedByRule(f"{by} asked for this; a second person lifts it")
    connection.execute("UPDATE protections SET lifted_by = ?, lifted_at = ? WHERE id = ?", (by, to_micros(now), number))
    # What an import says since stays: it is lifted where it came from.
    connection.execute(
        "UPDATE accounts SET protected = NULL WHERE consumer_no = ? AND protected = ?",
        (found.consumer_no, found.reason),
    )
    _tell(connection, found.consumer_no, found.reason, None, by, now)
    return _get(connection, number)


def _standing(connection: Connection, number: int) -> Protection:
    found = _get(connection, number)
    if found.lifted_by is not None:
        raise RefusedByRule(f"{found.lifted_by} lifted this already")
    return found


def _tell(
    connection: Connection, consumer_no: str, before: str | None, after: str | None, by: str, now: datetime
) -> None:
    emit(
        connection,
        now,
        "account.protected",
        consumer_no=consumer_no,
        payload={"before": before, "after": after, "by": by},
    )


def _protection(row: tuple[Any, ...]) -> Protection:
    number, consumer_no, office, reason, added_by, added_at, asked_by, asked_at, lifted_by = row
    return Protection(
        number, consumer_no, office, reason, added_by, from_micros(added_at), asked_by, from_micros(asked_at), lifted_by
    )
