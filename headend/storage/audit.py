"""Who did what: one row a deed, written in the transaction of the change, each row chained to the one before.

Whoever acts for a person opens `acting(deed)`; the first unit that the writer runs within it carries the row. So no
part of the store can forget it, and a change that fails leaves none.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final, TypeVar

import msgspec
from attrs import define, frozen

from headend.commands.officers import Deed
from headend.storage.errors import StorageError
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

T = TypeVar("T")

_COLUMNS: Final = "number, at, by, via, action, subject, office, detail, previous, digest"
_GENESIS: Final = bytes(32)
#: Findings beyond this add nothing.
_MOST_FINDINGS: Final = 50


#: The office of what a deed is done to, by what it is; numbers are compared as numbers.
_OFFICE_OF: Final = {
    "meter": "SELECT office FROM meters WHERE serial = ?",
    "consumer": "SELECT office FROM accounts WHERE consumer_no = ?",
    "list": "SELECT office FROM proposal_lists WHERE digest = ?",
    "mode": "SELECT office FROM mode_proposals WHERE id = CAST(? AS INTEGER)",
    "command": "SELECT segment FROM commands WHERE id = CAST(? AS INTEGER)",
    "work": "SELECT office FROM work_items WHERE id = CAST(? AS INTEGER)",
    "correction": "SELECT a.office FROM corrections c JOIN accounts a ON a.id = c.account"
    " WHERE c.id = CAST(? AS INTEGER)",
    "topup": "SELECT a.office FROM topups t JOIN accounts a ON a.id = t.account WHERE t.id = CAST(? AS INTEGER)",
    "notice": "SELECT a.office FROM notices n JOIN accounts a ON a.id = n.account WHERE n.id = CAST(? AS INTEGER)",
    "message": "SELECT a.office FROM deliveries d JOIN accounts a ON a.id = d.account WHERE d.id = CAST(? AS INTEGER)",
}


@define
class _Act:
    deed: Deed
    written: bool = False


@frozen
class _Looking:
    """Nothing is changed here."""


_acting: ContextVar[_Act | _Looking | None] = ContextVar("acting", default=None)


@frozen
class AuditRow:
    """One deed as it is kept; `detail` JSON text, `digest` in hex over this row and the digest before."""

    number: int
    at: datetime
    by: str
    via: str
    action: str
    subject: str
    office: str
    detail: str
    previous: str
    digest: str


@frozen
class Mark:
    """A row up to which the chain was recomputed, with its digest."""

    number: int = 0
    digest: bytes = _GENESIS


@frozen
class AuditReport:
    """What is wrong with the chain (empty: nothing), its length, and the digest of its end, to be kept elsewhere.

    `mark`: how far it was recomputed; all of it, unless that was done in steps.
    """

    findings: tuple[str, ...]
    rows: int
    head: str
    mark: Mark = Mark()

    @property
    def ok(self) -> bool:
        """Whether the chain is whole."""
        return not self.findings


@contextmanager
def acting(deed: Deed) -> Iterator[None]:
    """The next change that this task makes is this deed; nothing is written when it makes none."""
    token = _acting.set(_Act(deed))
    try:
        yield
    finally:
        _acting.reset(token)


@contextmanager
def looking() -> Iterator[None]:
    """This task changes nothing: a change all the same is a defect, which the writer refuses."""
    token = _acting.set(_Looking())
    try:
        yield
    finally:
        _acting.reset(token)


def witnessed(unit: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """The unit with the row of the deed that it belongs to, if any; raises StorageError within `looking`."""
    act = _acting.get()
    if isinstance(act, _Looking):
        raise StorageError("a change that names no deed for the audit was refused; this is a defect of headend")
    if act is None or act.written:
        return unit

    def with_row(connection: Connection) -> T:
        result = unit(connection)
        append(connection, act.deed)
        act.written = True
        return result

    return with_row


def append(connection: Connection, deed: Deed) -> int:
    """Add a row to the chain in the current transaction; its number."""
    last = connection.execute("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = (1, _GENESIS) if last is None else (last[0] + 1, bytes(last[1]))
    detail = msgspec.json.encode(dict(deed.detail), order="deterministic").decode()
    office = deed.office or _office(connection, deed)
    row = (number, to_micros(deed.at), deed.by, deed.via, deed.action, deed.subject, office, detail, previous)
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  constant
        (*row, _digest(row)),
    )
    return int(number)


def _office(connection: Connection, deed: Deed) -> str:
    if not deed.of:
        return ""
    row = connection.execute(_OFFICE_OF[deed.of], (deed.subject,)).fetchone()
    return "" if row is None else str(row[0])


def chain_faults(connection: Connection) -> Iterator[str]:
    """Every place where the chain is broken, as a person reads it."""
    yield from _follow(connection, _Walk(Mark()), limit=-1)
    yield from _cut_off(connection)


@define
class _Walk:
    """How far the chain was followed."""

    mark: Mark


def _follow(connection: Connection, walk: _Walk, limit: int) -> Iterator[str]:
    """What is broken in the next `limit` (-1: all) rows after the mark, which moves along."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608  constant
        (walk.mark.number, limit),
    )
    for row in rows:
        before = walk.mark
        if row[0] != before.number + 1:
            yield f"audit: rows {before.number + 1} to {row[0] - 1} are gone"
        if bytes(row[8]) != before.digest:
            yield f"audit: row {row[0]} does not follow the row before it"
        if bytes(row[9]) != _digest(row[:9]):
            yield f"audit: row {row[0]} is not as it was written"
        walk.mark = Mark(row[0], bytes(row[9]))


def _cut_off(connection: Connection) -> Iterator[str]:
    """What is missing at the end: numbers that were given out and have no row."""
    (newest,) = connection.execute("SELECT coalesce(max(number), 0) FROM audit").fetchone()
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    if given is not None and given[0] > newest:
        yield f"audit: the newest rows, {newest + 1} to {given[0]}, are gone"


@define(eq=False)
class Audit:
    """The audit, to be read and proven; it is written by whoever acts."""

    _readers: Readers

    async def rows(self, after: int = 0, limit: int = 1000) -> list[AuditRow]:
        """Rows with a number above `after`, in order."""
        return await self._readers.run(lambda connection: _rows(connection, after, limit))

    async def verify(self) -> AuditReport:
        """Recompute the chain from its first row."""
        return await self._readers.run(lambda connection: _verify(connection, Mark(), -1))

    async def verify_from(self, mark: Mark, limit: int) -> AuditReport:
        """Recompute the next `limit` rows after `mark`, which must still stand as it did; for a page, not as proof."""
        return await self._readers.run(lambda connection: _verify(connection, mark, limit))


def _verify(connection: Connection, mark: Mark, limit: int) -> AuditReport:
    walk = _Walk(mark)
    faults = chain(_moved(connection, mark), _follow(connection, walk, limit), _cut_off(connection))
    findings = tuple(islice(faults, _MOST_FINDINGS))
    (count,) = connection.execute("SELECT count(*) FROM audit").fetchone()
    last = connection.execute("SELECT digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    return AuditReport(findings, count, (_GENESIS if last is None else bytes(last[0])).hex(), walk.mark)


def _moved(connection: Connection, mark: Mark) -> Iterator[str]:
    if not mark.number:
        return
    row = connection.execute("SELECT digest FROM audit WHERE number = ?", (mark.number,)).fetchone()
    if row is None or bytes(row[0]) != mark.digest:
        yield f"audit: row {mark.number} is not as it was when it was last looked at"


def _rows(connection: Connection, after: int, limit: int) -> list[AuditRow]:
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608  constant
        (after, limit),
    )
    return [
        AuditRow(number, from_micros(at), by, via, action, subject, office, detail, previous.hex(), digest.hex())
        for number, at, by, via, action, subject, office, detail, previous, digest in found
    ]


def _digest(row: tuple[Any, ...]) -> bytes:
    *values, previous = row
    return hashlib.sha256(bytes(previous) + json.dumps(values, ensure_ascii=False).encode()).digest()
