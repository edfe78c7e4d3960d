"""How a consumer comes into the portal: a one-time password, or a password set before.

A number that nobody has is treated as any other, with the same work and the same rows; only nothing is sent to it.
"""

import asyncio
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen

from headend.prepaid.portal import Entry, LoginCode, Whereabouts
from headend.session.ports import Now
from headend.storage.errors import UnknownConsumer
from headend.storage.events import emit
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.views import stored_account
from headend.storage.writer import Writer

_DIGITS: Final = 6
#: Slow on purpose (some 50 ms), as for a change of number: patience does not find a code out of its digest.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 14, 8, 1
#: So many codes go to one number: nobody is pestered through our page.
_AN_HOUR, _A_DAY = 3, 10
#: Codes are forgotten after this long: they are good for minutes, and counted for a day.
_KEPT: Final = timedelta(days=2)


@frozen
class _Asked:
    consumer_no: str
    valid_for: timedelta
    tries: int
    code: str = field(repr=False)
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)


@define(eq=False)
class Doors:
    """Codes and passwords of consumers in the portal."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def ask(self, consumer_no: str, valid_for: timedelta, tries: int) -> LoginCode | None:
        """Make a code, which ends an earlier one; None where nothing can be sent, which nobody may be told."""
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        salt = secrets.token_bytes(16)
        asked = _Asked(consumer_no, valid_for, tries, code, salt, await asyncio.to_thread(_digest, code, salt))
        return await self._writer.run(lambda connection: _ask(connection, asked, self._now()))

    async def enter(self, consumer_no: str, code: str) -> Entry:
        """Use a code. A wrong one is counted; one that is wrong, too old, used or was never sent is REFUSED alike."""
        salt = await self._readers.run(lambda connection: _salt(connection, consumer_no))
        digest = await asyncio.to_thread(_digest, code, salt)
        return await self._writer.run(lambda connection: _enter(connection, consumer_no, digest, self._now()))

    async def password_hash(self, consumer_no: str) -> str | None:
        """The argon2 text of a consumer who has set a password."""
        return await self._readers.run(lambda connection: _password(connection, consumer_no))

    async def set_password(self, consumer_no: str, password_hash: str) -> None:
        """Set or change the password of a consumer who has registered."""
        await self._writer.run(lambda connection: _set(connection, consumer_no, password_hash, self._now()))

    async def whereabouts(self, consumer_no: str, serial: str) -> Whereabouts | None:
        """Where a consumer belongs, for one who knows number and meter; None where the two are not one account's."""
        return await self._readers.run(lambda connection: _whereabouts(connection, consumer_no, serial))


def _digest(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.strip().encode()[:64], salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P)


def _ask(connection: Connection, asked: _Asked, now: datetime) -> LoginCode | None:
    connection.execute("DELETE FROM portal_codes WHERE asked_at < ?", (to_micros(now - _KEPT),))
    hour, day = connection.execute(
        "SELECT coalesce(sum(asked_at > ?), 0), count(*) FROM portal_codes WHERE consumer_no = ? AND asked_at > ?",
        (to_micros(now - timedelta(hours=1)), asked.consumer_no, to_micros(now - timedelta(days=1))),
    ).fetchone()
    if hour >= _AN_HOUR or day >= _A_DAY:
        return None
    account = connection.execute(
        "SELECT id, name, language, mobile FROM accounts WHERE consumer_no = ?", (asked.consumer_no,)
    ).fetchone()
    connection.execute(
        "UPDATE portal_codes SET state = 'replaced' WHERE consumer_no = ? AND state = 'open'", (asked.consumer_no,)
    )
    (number,) = connection.execute(
        "INSERT INTO portal_codes (consumer_no, account, salt, digest, tries_left, asked_at, expires_at, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'open') RETURNING id",
        (
            asked.consumer_no,
            account[0] if account else None,
            asked.salt,
            asked.digest,
            asked.tries,
            to_micros(now),
            to_micros(now + asked.valid_for),
        ),
    ).fetchone()
    if account is None or account[3] is None:
        return None
    _, name, language, mobile = account
    return LoginCode(number, asked.consumer_no, name, language, str(mobile)[-10:], asked.code)


def _salt(connection: Connection, consumer_no: str) -> bytes:
    row = connection.execute(
        "SELECT salt FROM portal_codes WHERE consumer_no = ? AND state = 'open'", (consumer_no,)
    ).fetchone()
    # Without an open code the work is done all the same: the time tells nothing.
    return bytes(16) if row is None else bytes(row[0])


def _enter(connection: Connection, consumer_no: str, digest: bytes, now: datetime) -> Entry:
    row = connection.execute(
        "SELECT id, account, digest, tries_left, expires_at FROM portal_codes WHERE consumer_no = ? AND state = 'open'",
        (consumer_no,),
    ).fetchone()
    if row is None:
        return Entry.REFUSED
    number, account, expected, tries_left, expires_at = row
    right = hmac.compare_digest(digest, bytes(expected)) and account is not None and to_micros(now) <= expires_at
    state = "used" if right else "open" if tries_left > 1 else "refused"
    connection.execute("UPDATE portal_codes SET tries_left = tries_left - 1, state = ? WHERE id = ?", (state, number))
    return _let_in(connection, consumer_no, account, now) if right else Entry.REFUSED


def _let_in(connection: Connection, consumer_no: str, account: int, now: datetime) -> Entry:
    added = connection.execute(
        "INSERT INTO portal_consumers (account, registered_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (account, to_micros(now)),
    )
    entry = Entry.FIRST if added.rowcount else Entry.AGAIN
    kind = "consumer.registered" if entry is Entry.FIRST else "consumer.logged_in"
    emit(connection, now, kind, consumer_no=consumer_no, payload={"by": "one-time password"})
    return entry


def _password(connection: Connection, consumer_no: str) -> str | None:
    row = connection.execute(
        "SELECT p.password FROM portal_consumers p JOIN accounts a ON a.id = p.account WHERE a.consumer_no = ?",
        (consumer_no,),
    ).fetchone()
    return None if row is None else row[0]


def _set(connection: Connection, consumer_no: str, password_hash: str, now: datetime) -> None:
    done = connection.execute(
        "UPDATE portal_consumers SET password = ?, password_at = ? WHERE account = ?",
        (password_hash, to_micros(now), stored_account(connection, consumer_no).id),
    )
    if not done.rowcount:
        raise UnknownConsumer(consumer_no)
    emit(connection, now, "consumer.password_set", consumer_no=consumer_no, payload={})


def _whereabouts(connection: Connection, consumer_no: str, serial: str) -> Whereabouts | None:
    row = connection.execute(
        "SELECT a.office, a.mobile IS NOT NULL AND c.listed_at IS NULL FROM accounts a"
        " JOIN meters m ON m.consumer_no = a.consumer_no LEFT JOIN contacts c ON c.account = a.id"
        " WHERE a.consumer_no = ? AND m.serial = ? COLLATE NOCASE",
        (consumer_no, serial),
    ).fetchone()
    return None if row is None else Whereabouts(row[0], bool(row[1]))
