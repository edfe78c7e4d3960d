"""Who is logged in, and the audit of what they do."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from headend.commands.officers import Deed, Officer, Role


class Sessions(Protocol):
    """Sessions on the server's side; `face` is `console` or `portal`."""

    async def begin(self, face: str, subject: str, idle: timedelta, longest: timedelta) -> str:
        """A new session's token, never one that a browser brought."""
        ...

    async def subject(self, face: str, token: str) -> str | None:
        """Who is logged in with a token on a face, None when nobody is."""
        ...

    async def end(self, token: str) -> None:
        """Log out."""
        ...

    async def end_all(self, face: str, subject: str) -> None:
        """Log somebody out everywhere."""
        ...


class Link(Protocol):
    """A one-time link for an officer."""

    @property
    def officer(self) -> str:
        """Whose link it is."""
        ...

    @property
    def token(self) -> str:
        """The secret part, nowhere kept."""
        ...

    @property
    def expires_at(self) -> datetime:
        """When it ends."""
        ...


class Officers(Protocol):
    """The utility's officers."""

    async def officers(self) -> list[Officer]:
        """Everybody, by name."""
        ...

    async def officer(self, name: str) -> Officer | None:
        """One officer."""
        ...

    async def password_hash(self, name: str) -> str | None:
        """The argon2 hash of an officer who may log in."""
        ...

    async def add(self, name: str, full_name: str, role: Role, office: str, by: str) -> Officer:
        """Add an officer; raises RefusedByRule."""
        ...

    async def change(self, name: str, role: Role, office: str) -> Officer:
        """Give an officer another role and office; raises RefusedByRule."""
        ...

    async def disable(self, name: str, *, disabled: bool = True) -> Officer:
        """Shut an officer out, or let in again; raises RefusedByRule."""
        ...

    async def link(self, name: str) -> Link:
        """A new one-time link."""
        ...

    async def linked(self, token: str) -> Officer | None:
        """Whose link this is, None for one that can't be used."""
        ...

    async def set_password(self, token: str, password_hash: str) -> Officer | None:
        """Use a link; None for one that can't be used."""
        ...

    async def logged_in(self, name: str) -> None:
        """Note a log in."""
        ...


class Witness(Protocol):
    """Opens the audit of a deed: the next change of this task carries its row."""

    def __call__(self, deed: Deed) -> AbstractContextManager[None]:
        """Act within the block."""
        ...
