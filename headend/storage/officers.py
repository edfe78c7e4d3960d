"""The utility's officers, and the one-time links by which they set a password. No password is here, only its hash."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from headend.commands.journal import RefusedByRule
from headend.commands.officers import Officer, Role
from headend.errors import HeadendError
from headend.session.ports import Now
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.writer import Writer

#: Long enough to be handed over, short enough that a forgotten one is no door.
LINK_LIFE: Final = timedelta(hours=24)
#: The name in `meta` of the address of the faces.
_SERVED_AT: Final = "web_url"
_COLUMNS: Final = "name, full_name, role, office, disabled_at IS NOT NULL, password IS NOT NULL"


class UnknownOfficer(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No officer of that name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no user {name!r}; `headend users list` shows who is")
        self.name = name


@frozen
class Link:
    """A link that sets a password once, until it expires; `token` is nowhere kept."""

    officer: str
    expires_at: datetime
    token: str = field(repr=False)


@define(eq=False)
class Officers:
    """Who may log in. Methods that name an officer raise UnknownOfficer."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def officers(self) -> list[Officer]:
        """Everybody, by name."""
        return await self._readers.run(_all)

    async def officer(self, name: str) -> Officer | None:
        """One officer, None for a name that nobody has."""
        return await self._readers.run(lambda connection: _find(connection, name))

    async def password_hash(self, name: str) -> str | None:
        """The argon2 hash of an officer who may log in, None for everybody else."""
        return await self._readers.run(lambda connection: _hash_of(connection, name))

    async def add(self, name: str, full_name: str, role: Role, office: str, by: str) -> Officer:
        """Add an officer, who sets a password by a link; raises RefusedByRule for a name that is taken."""
        return await self._writer.run(
            lambda connection: _add(connection, (name, full_name, role, office.strip("/")), by, self._now())
        )

    async def change(self, name: str, role: Role, office: str) -> Officer:
        """Give an officer another role and office; raises RefusedByRule when no administrator would be left."""

        def unit(connection: Connection) -> Officer:
            before = _administrators(connection)
            connection.execute(
                "UPDATE officers SET role = ?, office = ? WHERE id = ?",
                (role.value, office.strip("/"), _id(connection, name)),
            )
            return _kept(connection, name, before)

        return await self._writer.run(unit)

    async def disable(self, name: str, *, disabled: bool = True) -> Officer:
        """Shut an officer out (every session ends at once), or let in again; raises RefusedByRule as `change`."""
        return await self._writer.run(lambda connection: _disable(connection, name, disabled, self._now()))

    async def link(self, name: str) -> Link:
        """A new link for an officer; earlier ones end."""
        return await self._writer.run(lambda connection: make_link(connection, name, self._now()))

    async def first_link(self, name: str) -> Link | None:
        """At the first start: the administrator, and a link; None as soon as anybody has a password."""
        return await self._writer.run(lambda connection: _first_link(connection, name, self._now()))

    async def linked(self, token: str) -> Officer | None:
        """Whose link this is, None for one that is used, too old, or never was."""
        return await self._readers.run(lambda connection: _linked(connection, token, self._now()))

    async def set_password(self, token: str, password_hash: str) -> Officer | None:
        """Use a link: the password holds from now on, every session of the officer ends. None as in `linked`."""
        return await self._writer.run(lambda connection: _use_link(connection, token, password_hash, self._now()))

    async def note_served(self, url: str) -> None:
        """Remember where the faces are served: a port of the system's choice stands in no file."""
        await self._writer.run(
            lambda connection: connection.execute(
                "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (_SERVED_AT, url),
            )
        )

    async def served_at(self) -> str | None:
        """Where the faces were served last, None where they never were."""
        return await self._readers.run(_served_at)

    async def logged_in(self, name: str) -> None:
        """Note a log in."""

        def unit(connection: Connection) -> None:
            connection.execute("UPDATE officers SET last_login = ? WHERE name = ?", (to_micros(self._now()), name))

        await self._writer.run(unit)


def digest_of(token: str) -> bytes:
    """What is kept of a random token: it has 256 bits, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).digest()


def make_link(connection: Connection, name: str, now: datetime) -> Link:
    """A new link in the current transaction; earlier ones of the officer end."""
    number, token, expires_at = _id(connection, name), secrets.token_urlsafe(32), now + LINK_LIFE
    connection.execute("DELETE FROM officer_links WHERE officer = ? OR expires_at < ?", (number, to_micros(now)))
    connection.execute(
        "INSERT INTO officer_links (digest, officer, made_at, expires_at) VALUES (?, ?, ?, ?)",
        (digest_of(token), number, to_micros(now), to_micros(expires_at)),
    )
    return Link(_get(connection, name).name, expires_at, token)


def _served_at(connection: Connection) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_SERVED_AT,)).fetchone()
    return None if row is None else str(row[0])


def _all(connection: Connection) -> list[Officer]:
    return [_officer(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM officers ORDER BY name")]  # noqa: S608


def _find(connection: Connection, name: str) -> Officer | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM officers WHERE name = ?", (name,)).fetchone()  # noqa: S608
    return None if row is None else _officer(row)


def _get(connection: Connection, name: str) -> Officer:
    found = _find(connection, name)
    if found is None:
        raise UnknownOfficer(name)
    return found


def _id(connection: Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM officers WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownOfficer(name)
    return int(row[0])


def _hash_of(connection: Connection, name: str) -> str | None:
    row = connection.execute("SELECT password FROM officers WHERE name = ? AND disabled_at IS NULL", (name,)).fetchone()
    return None if row is None else row[0]


def _add(connection: Connection, who: tuple[str, str, Role, str], by: str, now: datetime) -> Officer:
    name, full_name, role, office = who
    if not name or not name.isprintable() or any(each.isspace() for each in name):
        raise RefusedByRule("a user's name has visible characters and no space")
    if _find(connection, name) is not None:
        raise RefusedByRule(f"there is a user {name!r} already")
    connection.execute(
        "INSERT INTO officers (name, full_name, role, office, made_at, made_by) VALUES (?, ?, ?, ?, ?, ?)",
        (name, full_name, role.value, office, to_micros(now), by),
    )
    return _get(connection, name)


def _disable(connection: Connection, name: str, disabled: bool, now: datetime) -> Officer:  # noqa: FBT001  the value
    number, before = _id(connection, name), _administrators(connection)
    connection.execute(
        "UPDATE officers SET disabled_at = ? WHERE id = ?", (to_micros(now) if disabled else None, number)
    )
    _end_sessions(connection, name)
    connection.execute("DELETE FROM officer_links WHERE officer = ?", (number,))
    return _kept(connection, name, before)


def _administrators(connection: Connection) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM officers WHERE role = 'administrator' AND office = '' AND disabled_at IS NULL"
    ).fetchone()
    return int(count)


def _kept(connection: Connection, name: str, before: int) -> Officer:
    """The officer as changed; what would take the last administrator of the whole house away is refused."""
    if before and not _administrators(connection):
        raise RefusedByRule("no administrator of the whole house would be left; make another one first")
    return _get(connection, name)


def _first_link(connection: Connection, name: str, now: datetime) -> Link | None:
    if connection.execute("SELECT 1 FROM officers WHERE password IS NOT NULL LIMIT 1").fetchone():
        return None
    if _find(connection, name) is None:
        _add(connection, (name, "First administrator", Role.ADMINISTRATOR, ""), "first start", now)
    return make_link(connection, name, now)


def _linked(connection: Connection, token: str, now: datetime) -> Officer | None:
    row = connection.execute(
        "SELECT o.name FROM officer_links l JOIN officers o ON o.id = l.officer WHERE l.digest = ?"
        " AND l.used_at IS NULL AND l.expires_at > ? AND o.disabled_at IS NULL",
        (digest_of(token), to_micros(now)),
    ).fetchone()
    return None if row is None else _find(connection, row[0])


def _use_link(connection: Connection, token: str, password_hash: str, now: datetime) -> Officer | None:
    found = _linked(connection, token, now)
    if found is None:
        return None
    connection.execute("UPDATE officer_links SET used_at = ? WHERE digest = ?", (to_micros(now), digest_of(token)))
    connection.execute(
        "UPDATE officers SET password = ?, password_at = ? WHERE name = ?", (password_hash, to_micros(now), found.name)
    )
    _end_sessions(connection, found.name)
    return _get(connection, found.name)


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute("DELETE FROM web_sessions WHERE face = 'console' AND subject = ? COLLATE NOCASE", (name,))


def _officer(row: tuple[Any, ...]) -> Officer:
    name, full_name, role, office, disabled, ready = row
    return Officer(name, full_name, Role(role), office, bool(disabled), bool(ready))
