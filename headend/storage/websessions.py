"""Who is logged in, on the server's side: a browser holds a random token, the database its digest."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from headend.session.ports import Now
from headend.storage.officers import digest_of
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

#: A session that is used is noted so often, not with each page.
_NOTED_EVERY: Final = timedelta(minutes=1)


@define(eq=False)
class WebSessions:
    """Sessions of both faces; `face` is `console` or `portal`, `subject` who is logged in."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def begin(self, face: str, subject: str, idle: timedelta, longest: timedelta) -> str:
        """A new session's token, never one that a browser brought; ended after `idle` without use, or `longest`."""
        token = secrets.token_urlsafe(32)
        await self._writer.run(
            lambda connection: _begin(connection, token, face, subject, (idle, longest), self._now())
        )
        return token

    async def subject(self, face: str, token: str) -> str | None:
        """Who is logged in with a token on a face, None when nobody is (any more)."""
        now = self._now()
        found = await self._readers.run(lambda connection: _find(connection, face, token, now))
        if found is None:
            return None
        subject, seen_at = found
        if now - seen_at > _NOTED_EVERY:
            await self._writer.run(lambda connection: _note(connection, token, now))
        return subject

    async def end(self, token: str) -> None:
        """Log out."""
        await self._writer.run(
            lambda connection: connection.execute("DELETE FROM web_sessions WHERE digest = ?", (digest_of(token),))
        )

    async def end_all(self, face: str, subject: str) -> None:
        """Log somebody out everywhere."""
        await self._writer.run(
            lambda connection: connection.execute(
                "DELETE FROM web_sessions WHERE face = ? AND subject = ?", (face, subject)
            )
        )


def _begin(
    connection: Connection, token: str, face: str, subject: str, spans: tuple[timedelta, timedelta], now: datetime
) -> None:
    idle, longest = spans
    connection.execute("DELETE FROM web_sessions WHERE ends_at < ? OR idle_until < ?", (to_micros(now), to_micros(now)))
    connection.execute(
        "INSERT INTO web_sessions (digest, face, subject, started_at, seen_at, idle_until, ends_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (digest_of(token), face, subject, *(to_micros(each) for each in (now, now, now + idle, now + longest))),
    )


def _find(connection: Connection, face: str, token: str, now: datetime) -> tuple[str, datetime] | None:
    row = connection.execute(
        "SELECT subject, seen_at FROM web_sessions WHERE digest = ? AND face = ? AND idle_until > ? AND ends_at > ?",
        (digest_of(token), face, to_micros(now), to_micros(now)),
    ).fetchone()
    return None if row is None else (row[0], from_micros(row[1]))


def _note(connection: Connection, token: str, now: datetime) -> None:
    connection.execute(
        "UPDATE web_sessions SET idle_until = idle_until - seen_at + ?1, seen_at = ?1 WHERE digest = ?2",
        (to_micros(now), digest_of(token)),
    )
