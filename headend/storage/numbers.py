"""A consumer's number is changed at the office: a code goes to the new number, and the old one is told.

Of the code only a salted digest is kept, and it opens only a few times; so neither a copy of the database nor patience
finds it out.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from attrs import define, field, frozen

from headend.errors import HeadendError
from headend.notify.model import Notice
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.judgements import write_notice
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.views import stored_account
from headend.storage.writer import Writer

_MOBILE: Final = re.compile(r"(?:\+91)?([6-9][0-9]{9})")
_DIGITS: Final = 6
#: Slow on purpose (some 50 ms): a million codes of one digest then take half a day, and a code is good for minutes.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 14, 8, 1
#: So many codes in an hour go to one consumer or number: nobody is pestered from our counter.
_CODES_AN_HOUR: Final = 3


class NumberRefused(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """A number can't be changed, or not with that code; nothing was changed."""

    exit_code = 4


@frozen
class Code:
    """A one-time password that has to reach `mobile`; it is nowhere kept."""

    change: int
    consumer_no: str
    mobile: str
    code: str = field(repr=False)


@frozen
class _Asked:
    """A change to be written: the number, its code as salt and digest, how long and how often that may be tried."""

    consumer_no: str
    mobile: str
    by: str
    valid_for: timedelta
    tries: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)


class _Answer(StrEnum):
    """What a code was good for."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE_OPEN = "none open"
    TOO_LATE = "too late"


@define(eq=False)
class Numbers:
    """Changes of mobile numbers. Raises UnknownConsumer for a number that has no account."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def ask(self, consumer_no: str, mobile: str, *, by: str, valid_for: timedelta, tries: int) -> Code:
        """Begin a change, which ends an earlier one that is open; raises NumberRefused."""
        number = ten_digits(mobile)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        salt = secrets.token_bytes(16)
        digest = await asyncio.to_thread(_digest, code, salt)
        asked = _Asked(consumer_no, number, by, valid_for, tries, salt, digest)
        change = await self._writer.run(lambda connection: _ask(connection, asked, self._now()))
        return Code(change, consumer_no, number, code)

    async def withdraw(self, code: Code, reason: str) -> None:
        """The code could not be sent: the change is closed."""
        await self._writer.run(lambda connection: _close(connection, code.change, "refused", reason, self._now()))

    async def confirm(self, consumer_no: str, code: str, *, by: str, notice: Notice | None) -> str:
        """Change the number if the code is right and write `notice`; the new number. Raises NumberRefused.

        A wrong code is counted and told; after the last try a new one must be asked for.
        """
        salt = await self._readers.run(lambda connection: _salt(connection, consumer_no))
        digest = await asyncio.to_thread(_digest, code, salt)
        answer, detail = await self._writer.run(
            lambda connection: _confirm(connection, consumer_no, digest, by, notice, self._now())
        )
        match answer:
            case _Answer.RIGHT:
                return detail
            case _Answer.WRONG:
                raise NumberRefused(f"the code is wrong; {detail} tries are left")
            case _:
                raise NumberRefused("no code is open for this consumer, or it is too old; ask for a new one")

    async def pending(self, consumer_no: str) -> str | None:
        """The number that waits for its code, None when none does."""
        return await self._readers.run(lambda connection: _pending(connection, consumer_no))


def ten_digits(mobile: str) -> str:
    """A mobile number as accounts keep it; raises NumberRefused."""
    found = _MOBILE.fullmatch(re.sub(r"[\s-]", "", mobile))
    if found is None:
        raise NumberRefused(f"{mobile!r} is not a mobile number; it has 10 digits and begins with 6, 7, 8 or 9")
    return found[1]


def masked(mobile: str | None) -> str:
    """A number as it may be shown to anybody: its last four digits."""
    return "" if mobile is None else f"XXXXXX{mobile[-4:]}"


def _digest(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.strip().encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P)


def _ask(connection: Connection, asked: _Asked, now: datetime) -> int:
    stored = stored_account(connection, asked.consumer_no)
    if stored.account.mobile is not None and stored.account.mobile[-10:] == asked.mobile:
        raise NumberRefused(f"consumer {asked.consumer_no} has this number already")
    since = to_micros(now - timedelta(hours=1))
    (recent,) = connection.execute(
        "SELECT count(*) FROM number_changes WHERE requested_at > ? AND (account = ? OR after = ?)",
        (since, stored.id, asked.mobile),
    ).fetchone()
    if recent >= _CODES_AN_HOUR:
        raise NumberRefused(f"{recent} codes were asked for within an hour, for this consumer or number; wait a while")
    connection.execute(
        "UPDATE number_changes SET state = 'replaced', closed_at = ?, closed_by = ?"
        " WHERE account = ? AND state = 'open'",
        (to_micros(now), asked.by, stored.id),
    )
    row = connection.execute(
        "INSERT INTO number_changes (account, before, after, salt, digest, tries_left, requested_at, requested_by,"
        " expires_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open') RETURNING id",
        (
            stored.id,
            stored.account.mobile,
            asked.mobile,
            asked.salt,
            asked.digest,
            asked.tries,
            to_micros(now),
            asked.by,
            to_micros(now + asked.valid_for),
        ),
    ).fetchone()
    payload = {"change": row[0], "by": asked.by, "office": stored.account.office, "after": masked(asked.mobile)}
    emit(connection, now, "consumer.number_asked", consumer_no=asked.consumer_no, payload=payload)
    return int(row[0])


def _close(connection: Connection, change: int, state: str, by: str, now: datetime) -> None:
    connection.execute(
        "UPDATE number_changes SET state = ?, closed_at = ?, closed_by = ? WHERE id = ? AND state = 'open'",
        (state, to_micros(now), by, change),
    )


def _salt(connection: Connection, consumer_no: str) -> bytes:
    row = connection.execute(
        "SELECT salt FROM number_changes WHERE account = ? AND state = 'open'",
        (stored_account(connection, consumer_no).id,),
    ).fetchone()
    # Without an open change the work is done all the same: the time tells nothing.
    return bytes(16) if row is None else bytes(row[0])


def _confirm(
    connection: Connection, consumer_no: str, digest: bytes, by: str, notice: Notice | None, now: datetime
) -> tuple[_Answer, str]:
    stored = stored_account(connection, consumer_no)
    row = connection.execute(
        "SELECT id, before, after, digest, tries_left, expires_at FROM number_changes"
        " WHERE account = ? AND state = 'open'",
        (stored.id,),
    ).fetchone()
    if row is None:
        return _Answer.NONE_OPEN, ""
    change, before, after, expected, tries_left, expires_at = row
    if to_micros(now) > expires_at:
        _close(connection, change, "refused", "too late", now)
        return _Answer.TOO_LATE, ""
    if not hmac.compare_digest(digest, bytes(expected)):
        return _Answer.WRONG, str(_wrong(connection, consumer_no, change, tries_left - 1, by, now))
    connection.execute("UPDATE accounts SET mobile = ? WHERE id = ?", (after, stored.id))
    _close(connection, change, "confirmed", by, now)
    payload = {
        "change": change,
        "by": by,
        "office": stored.account.office,
        "before": masked(before),
        "after": masked(after),
    }
    emit(connection, now, "consumer.number_changed", consumer_no=consumer_no, payload=payload)
    if notice is not None:
        write_notice(connection, stored.id, stored_account(connection, consumer_no).account, notice)
    return _Answer.RIGHT, str(after)


def _wrong(connection: Connection, consumer_no: str, change: int, left: int, by: str, now: datetime) -> int:
    connection.execute("UPDATE number_changes SET tries_left = ? WHERE id = ?", (left, change))
    if left == 0:
        _close(connection, change, "refused", by, now)
    payload = {"change": change, "by": by, "tries_left": left}
    emit(connection, now, "consumer.number_code_wrong", consumer_no=consumer_no, payload=payload)
    return left


def _pending(connection: Connection, consumer_no: str) -> str | None:
    row = connection.execute(
        "SELECT after FROM number_changes WHERE account = ? AND state = 'open'",
        (stored_account(connection, consumer_no).id,),
    ).fetchone()
    return None if row is None else str(row[0])
