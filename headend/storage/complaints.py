"""Complaints of consumers: work of their office until somebody closes them with an answer."""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define

from headend.commands.journal import RefusedByRule
from headend.prepaid.portal import Complaint, Subject
from headend.session.ports import Now
from headend.storage.errors import UnknownWork
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.views import stored_account
from headend.storage.writer import Writer

_SELECT: Final = (
    "SELECT c.id, a.consumer_no, a.name, c.office, c.at, c.subject, c.text, c.closed_at, c.closed_by, c.answer"
    " FROM complaints c JOIN accounts a ON a.id = c.account"
)
_IN_OFFICE: Final = "(:office = '' OR c.office = :office OR substr(c.office, 1, length(:office) + 1) = :office || '/')"
#: More than anybody has to say in a day.
_A_DAY: Final = 5


@define(eq=False)
class Complaints:
    """What consumers wrote to their office."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def write(self, consumer_no: str, subject: Subject, text: str) -> Complaint:
        """Hand a complaint to the consumer's office; raises RefusedByRule for one too many in a day."""
        return await self._writer.run(lambda connection: _write(connection, consumer_no, subject, text, self._now()))

    async def of_consumer(self, consumer_no: str, limit: int = 100) -> list[Complaint]:
        """A consumer's complaints, newest first."""
        return await self._readers.run(lambda connection: _of_consumer(connection, consumer_no, limit))

    async def items(self, office: str = "", *, closed: bool = False, limit: int = 200) -> list[Complaint]:
        """Complaints of an office and of all below it (empty: the house), the oldest first."""
        return await self._readers.run(lambda connection: _items(connection, office, closed, limit))

    async def close(self, number: int, by: str, answer: str) -> Complaint:
        """Close a complaint with an answer, which the consumer reads; raises UnknownWork, RefusedByRule."""
        return await self._writer.run(lambda connection: _close(connection, number, by, answer, self._now()))


def _write(connection: Connection, consumer_no: str, subject: Subject, text: str, now: datetime) -> Complaint:
    stored = stored_account(connection, consumer_no)
    (today,) = connection.execute(
        "SELECT count(*) FROM complaints WHERE account = ? AND at > ?",
        (stored.id, to_micros(now - timedelta(days=1))),
    ).fetchone()
    if today >= _A_DAY:
        raise RefusedByRule(f"{today} complaints were written within a day")
    number = connection.execute(
        "INSERT INTO complaints (account, office, at, subject, text) VALUES (?, ?, ?, ?, ?)",
        (stored.id, stored.account.office, to_micros(now), subject.value, text),
    ).lastrowid
    payload = {"id": number, "kind": "complaint", "office": stored.account.office, "subject": subject.value}
    emit(connection, now, "complaint.opened", meter=stored.account.meter, consumer_no=consumer_no, payload=payload)
    return _get(connection, int(number or 0))


def _get(connection: Connection, number: int) -> Complaint:
    row = connection.execute(f"{_SELECT} WHERE c.id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownWork(number)
    return _complaint(row)


def _of_consumer(connection: Connection, consumer_no: str, limit: int) -> list[Complaint]:
    account = stored_account(connection, consumer_no).id
    rows = connection.execute(f"{_SELECT} WHERE c.account = ? ORDER BY c.id DESC LIMIT ?", (account, limit))
    return [_complaint(row) for row in rows]


def _items(connection: Connection, office: str, closed: bool, limit: int) -> list[Complaint]:  # noqa: FBT001  a filter
    where = _IN_OFFICE if closed else f"{_IN_OFFICE} AND c.closed_at IS NULL"
    rows = connection.execute(
        f"{_SELECT} WHERE {where} ORDER BY c.id LIMIT :limit", {"office": office.strip("/"), "limit": limit}
    )
    return [_complaint(row) for row in rows]


def _close(connection: Connection, number: int, by: str, answer: str, now: datetime) -> Complaint:
    found = _get(connection, number)
    if found.closed_at is not None:
        raise RefusedByRule(f"complaint {number} was closed by {found.closed_by} already")
    connection.execute(
        "UPDATE complaints SET closed_at = ?, closed_by = ?, answer = ? WHERE id = ?",
        (to_micros(now), by, answer, number),
    )
    payload = {"id": number, "kind": "complaint", "office": found.office, "by": by}
    emit(connection, now, "complaint.closed", consumer_no=found.consumer_no, payload=payload)
    return _get(connection, number)


def _complaint(row: tuple[Any, ...]) -> Complaint:
    number, consumer_no, name, office, at, subject, text, closed_at, closed_by, answer = row
    return Complaint(
        number,
        consumer_no,
        name,
        office,
        from_micros(at),
        Subject(subject),
        text,
        from_micros(closed_at),
        closed_by,
        answer,
    )
