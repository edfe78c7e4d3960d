"""Other systems: their tokens, and the answers that a repeated request gets again."""

from typing import Protocol

from headend.commands.systems import Answered, System
from headend.web.ports.acts import Actor


class Tokens(Protocol):
    """Who may call the API."""

    async def add(self, name: str, scopes: frozenset[str], office: str, per_minute: int, by: str) -> str:
        """A new token; this is the only time it is told."""
        ...

    async def tokens(self) -> list[System]:
        """Every token that was given out."""
        ...

    async def holder(self, token: str) -> System | None:
        """Whose token this is."""
        ...

    async def revoke(self, number: int) -> None:
        """Revoke a token."""
        ...

    async def begin_answer(self, token: int, key: str, request: bytes) -> Answered | None:
        """Take an idempotency key, or what was answered under it."""
        ...

    async def keep_answer(self, token: int, key: str, status: int, body: str) -> None:
        """Keep the answer for whoever asks again."""
        ...

    async def drop_answer(self, token: int, key: str) -> None:
        """Nothing came of it: the key may be used again."""
        ...


class Exchange(Protocol):
    """Messages of other systems in their own forms; each answer is a status and a body."""

    async def payments(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Signed payments."""
        ...

    async def cim(self, body: bytes, actor: Actor) -> tuple[int, bytes]:
        """An IEC 61968-9 message."""
        ...
