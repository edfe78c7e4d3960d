"""Cuts that wait for an officer: the list with reasons and evidence, bound to its content, approved once."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, frozen

from headend.commands.journal import RefusedByRule
from headend.prepaid.caps import Caps
from headend.session.ports import Now
from headend.storage.errors import UnknownProposal
from headend.storage.events import emit
from headend.storage.journal import cancel, release
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

#: A list is an answer to what was true when it was shown; an older one has to be looked at again.
LIST_LIFE: Final = timedelta(hours=4)
#: Digits of the digest: enough that no two lists share them, few enough to be typed.
_DIGITS: Final = 20

_WAITING: Final = """
SELECT c.id, m.serial, a.consumer_no, a.name, a.office, c.balance, c.reason, c.requested_at, c.expires_at,
       (SELECT note FROM command_steps s WHERE s.command = c.id ORDER BY s.id DESC LIMIT 1),
       (SELECT d.facts FROM decisions d WHERE d.account = a.id AND d.command = c.id ORDER BY d.id DESC LIMIT 1)
FROM commands c JOIN meters m ON m.id = c.meter JOIN accounts a ON a.consumer_no = m.consumer_no
WHERE c.state = 'quarantined' AND c.target = 'disconnected' AND c.origin = 'policy' AND c.expires_at > :now
  AND (:office = '' OR a.office = :office OR substr(a.office, 1, length(:office) + 1) = :office || '/')
ORDER BY a.office, a.consumer_no
"""


@frozen
class Proposal:
    """One cut that waits. `balance` in paise is what it rests on; `waits_for` says why it was not sent at once.

    The evidence: since when the account is below zero, when the consumer was told, how old balance and reading were.
    """

    command: int
    meter: str
    consumer_no: str
    name: str
    office: str
    balance: int | None
    reason: str
    waits_for: str
    requested_at: datetime
    expires_at: datetime
    evidence: dict[str, datetime | None]


@frozen
class ProposalList:
    """What an officer is shown; `digest` stands for exactly these rows until `expires_at`."""

    digest: str
    office: str
    expires_at: datetime
    rows: tuple[Proposal, ...]


@frozen
class Approval:
    """What became of an approved list, by command: released, struck, and left alone (with the reason).

    `second`: the list is longer than one person may approve; nothing was released, and a second person has to approve
    the same list with the same meters struck.
    """

    digest: str
    released: tuple[int, ...]
    struck: tuple[int, ...]
    left: dict[int, str]
    second: bool = False


@define(eq=False)
class Proposals:
    """Lists of cuts that wait for a person."""

    _writer: Writer
    _now: Now
    caps: Caps

    async def show(self, office: str, by: str) -> ProposalList:
        """The cuts of an office (empty: the house) that wait for a person, with the digest of this list."""
        return await self._writer.run(lambda connection: show(connection, office, by, self._now()))

    async def approve(self, digest: str, strike: frozenset[str], by: str, alone: int) -> Approval:
        """Release a list as it was shown, without the meters that are struck; raises RefusedByRule, UnknownProposal.

        `alone` is the most cuts that one person may approve: of a longer list, the first approval only waits for a
        second person's.
        """

        def unit(connection: Connection) -> Approval:
            now = self._now()
            if _waits_for_second(connection, digest, strike, by, alone, now):
                return Approval(digest, (), (), {}, second=True)
            return approve(connection, self.caps, digest, strike, by, now)

        return await self._writer.run(unit)

    async def office_of(self, digest: str) -> str:
        """The office that a list was shown for; raises UnknownProposal."""
        return await self._writer.run(lambda connection: _office_of(connection, digest))

    async def first_approval(self, digest: str) -> tuple[str, frozenset[str]] | None:
        """Who approved a list first, and without which meters, while it waits for a second person."""
        return await self._writer.run(lambda connection: _first(connection, digest))


def show(connection: Connection, office: str, by: str, now: datetime) -> ProposalList:
    """The cuts of an office (empty: the house) that wait, noted as they are shown."""
    office = office.strip("/")
    rows = tuple(
        _proposal(row) for row in connection.execute(_WAITING, {"office": office, "now": to_micros(now)}).fetchall()
    )
    digest, expires_at = _digest(office, rows), now + LIST_LIFE
    if rows:
        connection.execute(
            "INSERT INTO proposal_lists (digest, office, commands, shown_to, shown_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET (shown_to, shown_at, expires_at) ="
            " (excluded.shown_to, excluded.shown_at, excluded.expires_at) WHERE proposal_lists.approved_by IS NULL",
            (
                digest,
                office,
                json.dumps({row.meter: row.command for row in rows}),
                by,
                to_micros(now),
                to_micros(expires_at),
            ),
        )
    return ProposalList(digest, office, expires_at, rows)


def approve(
    connection: Connection, caps: Caps, digest: str, strike: frozenset[str], by: str, now: datetime
) -> Approval:
    """Release exactly the cuts of a list that was shown, and cancel those that are struck (by meter).

    What was paid, replaced or has expired meanwhile is left alone, as is what is over a cap. Raises UnknownProposal,
    and RefusedByRule for a list that is too old, was approved, or does not hold a meter that is to be struck.
    """
    commands = _shown(connection, digest, now)
    if unknown := sorted(strike - commands.keys()):
        raise RefusedByRule(f"list {digest}: meter {unknown[0]} is not on it; nothing was approved")
    released, struck, left = [], [], {}
    for meter, command in commands.items():
        try:
            if meter in strike:
                cancel(connection, command, now, f"struck from list {digest} (by {by})")
                struck.append(command)
            else:
                release(connection, caps, command, now, by)
                released.append(command)
        except RefusedByRule as refusal:
            left[command] = str(refusal)
    connection.execute(
        "UPDATE proposal_lists SET approved_by = ?, approved_at = ? WHERE digest = ?", (by, to_micros(now), digest)
    )
    payload = {"digest": digest, "by": by, "released": released, "struck": struck, "left": left}
    emit(connection, now, "policy.list_approved", payload=payload)
    return Approval(digest, tuple(released), tuple(struck), left)


def _waits_for_second(
    connection: Connection, digest: str, strike: frozenset[str], by: str, alone: int, now: datetime
) -> bool:
    """Note the first of two approvals; False where this one suffices. Raises RefusedByRule for the same person."""
    commands = _shown(connection, digest, now)
    if len(commands.keys() - strike) <= alone:
        return False
    first = _first(connection, digest)
    if first is not None and first[1] == strike:
        if first[0] == by:
            raise RefusedByRule(f"{by} approved list {digest} already; a second person approves it too")
        return False
    connection.execute(
        "INSERT INTO list_approvals (digest, by, struck, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET (by, struck, at) = (excluded.by, excluded.struck, excluded.at)",
        (digest, by, json.dumps(sorted(strike)), to_micros(now)),
    )
    payload = {"digest": digest, "by": by, "cuts": len(commands.keys() - strike), "strike": sorted(strike)}
    emit(connection, now, "policy.list_approved_first", payload=payload)
    return True


def _office_of(connection: Connection, digest: str) -> str:
    row = connection.execute("SELECT office FROM proposal_lists WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        raise UnknownProposal(f"no list {digest!r} was shown; look at the list again")
    return str(row[0])


def _first(connection: Connection, digest: str) -> tuple[str, frozenset[str]] | None:
    row = connection.execute("SELECT by, struck FROM list_approvals WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else (row[0], frozenset(json.loads(row[1])))


def _shown(connection: Connection, digest: str, now: datetime) -> dict[str, int]:
    row = connection.execute(
        "SELECT commands, expires_at, approved_by FROM proposal_lists WHERE digest = ?", (digest,)
    ).fetchone()
    if row is None:
        raise UnknownProposal(f"no list {digest!r} was shown; `headend policy proposals` shows the list and its digest")
    commands, expires_at, approved_by = row
    if approved_by is not None:
        raise RefusedByRule(f"list {digest} was approved by {approved_by} already")
    if from_micros(expires_at) <= now:
        raise RefusedByRule(f"list {digest} is too old; look at the list again")
    found: dict[str, int] = json.loads(commands)
    return found


def _digest(office: str, rows: tuple[Proposal, ...]) -> str:
    content = [[row.command, row.meter, row.consumer_no, row.balance, row.reason, row.waits_for] for row in rows]
    return hashlib.sha256(json.dumps([office, content]).encode()).hexdigest()[:_DIGITS]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _proposal(row: tuple[Any, ...]) -> Proposal:
    command, meter, consumer_no, name, office, balance, reason, requested_at, expires_at, note, facts = row
    known = json.loads(facts) if facts else {}
    evidence = {
        key: _moment(known.get(key))
        for key in ("negative_since", "notice_delivered_at", "notice_at", "balance_at", "reading_at")
    }
    at, until = from_micros(requested_at), from_micros(expires_at)
    return Proposal(command, meter, consumer_no, name, office, balance, reason, note or "", at, until, evidence)
