"""Tokens of other systems, and answers that are given again. Of a token only its digest is kept."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define

from headend.commands.journal import RefusedByRule
from headend.commands.systems import Answered, System
from headend.session.ports import Now
from headend.storage.officers import digest_of
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.writer import Writer

#: So a token is recognised wherever it is found.
PREFIX: Final = "hes_"
#: A repeated request is answered as before for so long.
_ANSWERS_KEPT: Final = timedelta(days=2)
#: The use of a token is noted so often.
_NOTED_EVERY: Final = timedelta(minutes=5)
_COLUMNS: Final = "id, name, scopes, office, per_minute, made_at, made_by, revoked_at IS NOT NULL, used_at"


@define(eq=False)
class Tokens:
    """Who may call the API."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def add(self, name: str, scopes: frozenset[str], office: str, per_minute: int, by: str) -> str:
        """A new token; this is the only time it is told."""
        token = PREFIX + secrets.token_urlsafe(32)
        values = (digest_of(token), name, json.dumps(sorted(scopes)), office.strip("/"), per_minute)

        def unit(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO api_tokens (digest, name, scopes, office, per_minute, made_at, made_by)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, to_micros(self._now()), by),
            )

        await self._writer.run(unit)
        return token

    async def tokens(self) -> list[System]:
        """Every token that was given out, newest first, without what would let it be used."""
        return await self._readers.run(
            lambda connection: [
                _system(row)
                for row in connection.execute(f"SELECT {_COLUMNS} FROM api_tokens ORDER BY id DESC")  # noqa: S608
            ]
        )

    async def holder(self, token: str) -> System | None:
        """Whose token this is, None for one that is revoked or never was."""
        found = await self._readers.run(lambda connection: _holder(connection, token))
        if found is not None and (found.used_at is None or self._now() - found.used_at > _NOTED_EVERY):
            await self._writer.run(lambda connection: _note(connection, found.id, self._now()))
        return found

    async def revoke(self, number: int) -> None:
        """Revoke a token; raises RefusedByRule where there is none."""

        def unit(connection: Connection) -> None:
            done = connection.execute(
                "UPDATE api_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                (to_micros(self._now()), number),
            )
            if not done.rowcount:
                raise RefusedByRule(f"there is no token {number} that could be revoked")

        await self._writer.run(unit)

    async def begin_answer(self, token: int, key: str, request: bytes) -> Answered | None:
        """Take an idempotency key, or what was answered under it; None: it is taken now and the work may begin."""
        return await self._writer.run(lambda connection: _begin(connection, token, key, request, self._now()))

    async def keep_answer(self, token: int, key: str, status: int, body: str) -> None:
        """Keep the answer for whoever asks again."""

        def unit(connection: Connection) -> None:
            connection.execute(
                "UPDATE api_answers SET status = ?, body = ? WHERE token = ? AND key = ?", (status, body, token, key)
            )

        await self._writer.run(unit)

    async def drop_answer(self, token: int, key: str) -> None:
        """Nothing came of it: the key may be used again."""

        def unit(connection: Connection) -> None:
            connection.execute("DELETE FROM api_answers WHERE token = ? AND key = ? AND status IS NULL", (token, key))

        await self._writer.run(unit)


def _begin(connection: Connection, token: int, key: str, request: bytes, now: datetime) -> Answered | None:
    connection.execute("DELETE FROM api_answers WHERE at < ?", (to_micros(now - _ANSWERS_KEPT),))
    row = connection.execute(
        "SELECT request, status, body FROM api_answers WHERE token = ? AND key = ?", (token, key)
    ).fetchone()
    if row is not None:
        return Answered(bytes(row[0]) == request, row[1], row[2])
    connection.execute(
        "INSERT INTO api_answers (token, key, request, at) VALUES (?, ?, ?, ?)", (token, key, request, to_micros(now))
    )
    return None


def _holder(connection: Connection, token: str) -> System | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM api_tokens WHERE digest = ? AND revoked_at IS NULL",  # noqa: S608  constant
        (digest_of(token),),
    ).fetchone()
    return None if row is None else _system(row)


def _note(connection: Connection, number: int, now: datetime) -> None:
    connection.execute("UPDATE api_tokens SET used_at = ? WHERE id = ?", (to_micros(now), number))


def _system(row: tuple[Any, ...]) -> System:
    number, name, scopes, office, per_minute, made_at, made_by, revoked, used_at = row
    return System(
        number,
        name,
        frozenset(json.loads(scopes)),
        office,
        per_minute,
        from_micros(made_at),
        made_by,
        bool(revoked),
        from_micros(used_at),
    )
