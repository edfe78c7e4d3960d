"""Passwords: argon2id, off the loop, with the same work for a name that nobody has."""

import asyncio
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from litestar.exceptions import ValidationException

#: RFC 9106's second choice, with less memory: 64 MiB, three passes; some 100 ms on a small server.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=2)
SHORTEST: Final = 10
#: Longer ones only cost time.
_LONGEST: Final = 200


async def hash_password(password: str) -> str:
    """The argon2 text of a password; raises ValidationException for one that is too short or too long."""
    if not SHORTEST <= len(password) <= _LONGEST:
        raise ValidationException(f"a password has {SHORTEST} to {_LONGEST} characters")
    if len(set(password)) < SHORTEST // 2:
        raise ValidationException("this password repeats itself too much")
    return await asyncio.to_thread(_HASHER.hash, password)


async def is_right(password: str, stored: str | None) -> bool:
    """Whether a password is the one; as much work without one that is stored, so that the time tells nothing."""
    return await asyncio.to_thread(_verify, password[: _LONGEST + 1], stored)


def _verify(password: str, stored: str | None) -> bool:
    try:
        _HASHER.verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    return _HASHER.hash("a password that nobody has")
