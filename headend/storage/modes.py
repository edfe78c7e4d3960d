"""What changes the rules for everybody: the mode of an office by two persons, and the policy that is in force."""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from headend.commands.journal import RefusedByRule
from headend.prepaid.digest import changed_rules
from headend.prepaid.model import Mode
from headend.storage.errors import UnknownProposal
from headend.storage.events import emit
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros

#: A mode that nobody confirmed in this time has to be asked for again.
PROPOSAL_LIFE: Final = timedelta(hours=24)
_IN_FORCE: Final = "policy_digest"
_COLUMNS: Final = "id, office, mode, proposed_by, proposed_at, expires_at, decided_by"


@frozen
class ModeProposal:
    """A mode that one person asked for and another one confirms."""

    id: int
    office: str
    mode: Mode
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str | None


def propose_mode(connection: Connection, office: str, mode: Mode, by: str, now: datetime) -> ModeProposal:
    """Ask for a mode; nothing changes yet."""
    cursor = connection.execute(
        "INSERT INTO mode_proposals (office, mode, proposed_by, proposed_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        (office.strip("/"), mode.value, by, to_micros(now), to_micros(now + PROPOSAL_LIFE)),
    )
    made = _get(connection, int(cursor.lastrowid or 0))
    emit(
        connection, now, "office.mode_proposed", payload={"id": made.id, "office": made.office, "mode": mode, "by": by}
    )
    return made


def take_proposal(connection: Connection, number: int, by: str, now: datetime) -> ModeProposal:
    """Confirm a proposal once. Raises RefusedByRule for the person who asked, and when it is decided or too old."""
    found = _get(connection, number)
    if found.decided_by is not None:
        raise RefusedByRule(f"proposal {number} was confirmed by {found.decided_by} already")
    if found.expires_at <= now:
        raise RefusedByRule(f"proposal {number} has expired; ask for the mode again")
    if by == found.proposed_by:
        raise RefusedByRule(f"{by} asked for mode {found.mode}; a second person confirms it")
    connection.execute(
        "UPDATE mode_proposals SET decided_by = ?, decided_at = ? WHERE id = ?", (by, to_micros(now), number)
    )
    return found


def open_proposals(connection: Connection, now: datetime) -> list[ModeProposal]:
    """Proposals that can still be confirmed, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM mode_proposals WHERE decided_by IS NULL AND expires_at > ? ORDER BY id",  # noqa: S608
        (to_micros(now),),
    )
    return [_proposal(row) for row in rows]


def policy_in_force(connection: Connection) -> str | None:
    """The digest of the policy that was used last, None before the first."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_IN_FORCE,)).fetchone()
    return None if row is None else str(row[0])


def note_policy(connection: Connection, name: str, digest: str, body: str, now: datetime) -> bool:
    """Remember the policy in force; an event tells a change with every rule that differs. Whether it changed."""
    before = policy_in_force(connection)
    if before == digest:
        return False
    connection.execute(
        "INSERT INTO policies (digest, name, body, first_used) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (digest, name, body, to_micros(now)),
    )
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_IN_FORCE, digest),
    )
    old = connection.execute("SELECT body FROM policies WHERE digest = ?", (before,)).fetchone()
    changed = {} if old is None else changed_rules(old[0], body)
    payload = {"name": name, "digest": digest, "before": before, "changed": changed}
    emit(connection, now, "policy.changed" if before else "policy.first", payload=payload)
    return True


def _get(connection: Connection, number: int) -> ModeProposal:
    row = connection.execute(f"SELECT {_COLUMNS} FROM mode_proposals WHERE id = ?", (number,)).fetchone()  # noqa: S608
    if row is None:
        raise UnknownProposal(f"there is no proposal {number}; `headend policy pending` shows what is open")
    return _proposal(row)


def _proposal(row: tuple[Any, ...]) -> ModeProposal:
    number, office, mode, by, at, expires, decided_by = row
    return ModeProposal(number, office, Mode(mode), by, from_micros(at), from_micros(expires), decided_by)
