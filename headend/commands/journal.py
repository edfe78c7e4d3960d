"""The journal port: where relay commands live. Each method is one transaction, durable when it returns."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from attrs import frozen

from headend.commands.model import Command, Evidence, NewCommand, State, Step
from headend.errors import HeadendError
from headend.prepaid.model import AccountView

#: Looks at the account inside the sending transaction; a text refuses the command and says why.
Recheck = Callable[[AccountView], str | None]


class RefusedByRule(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """A rule forbids the command; nothing was sent."""

    exit_code = 4


@frozen
class Permit:
    """The command is SENDING and durable: the ACTION may go out now, once."""

    command: Command


@frozen
class Refusal:
    """The command may not be sent; it is now in `state`, for `reason`."""

    state: State
    reason: str


class Journal(Protocol):
    """Relay commands and their transitions (transition table in `transitions.py`, guard in each UPDATE's WHERE)."""

    async def request(self, command: NewCommand) -> Command:
        """Journal a command, or give back the one that the same meter and cause already have.

        A reconnect supersedes an open disconnect in the same transaction. A disconnect over a cap is QUARANTINED. At
        most one open command per meter that is not superseded: a second disconnect gives back the open one.
        Raises RefusedByRule for a disconnect that the kill switch, the protected list or an open reconnect forbids.
        """
        ...

    async def open_for(self, meter: str) -> list[Command]:
        """Open commands of a meter in the order of execution: UNKNOWN or SENDING, a reconnect, a disconnect."""
        ...

    async def meters_with_open(self) -> list[tuple[str, bool]]:
        """Meters with open work (REQUESTED or UNKNOWN) and whether a reconnect is among it; those first, by age."""
        ...

    async def begin_sending(self, command_id: int, now: datetime, recheck: Recheck | None) -> Permit | Refusal:
        """REQUESTED -> SENDING, unless superseded, expired, killed, over a cap or refused by `recheck` (disconnects).

        A command that is REQUESTED no longer is refused too: it was superseded or cancelled while the relay was read.
        """
        ...

    async def settle(self, command_id: int, state: State, now: datetime, evidence: Evidence) -> Command:
        """Move to `state` with evidence, if the table allows it from where the command stands; else LocalStateError.

        SentByAnother for a command that another process, which lives, is sending.
        """
        ...

    async def cancel(self, command_id: int, now: datetime, by: str, reason: str) -> Command:
        """Cancel a command that is not sent."""
        ...

    async def release(self, command_id: int, now: datetime, by: str) -> Command:
        """QUARANTINED -> REQUESTED by a person."""
        ...

    async def interrupted(self, now: datetime) -> int:
        """At start-up: every SENDING of a process that lives no more becomes UNKNOWN; how many."""
        ...

    async def expire(self, now: datetime) -> int:
        """REQUESTED and QUARANTINED disconnects past their expiry become EXPIRED; how many. A reconnect never does."""
        ...

    async def command(self, command_id: int) -> Command | None:
        """One command."""
        ...

    async def commands(
        self, *, meter: str | None = None, state: State | None = None, limit: int = 100
    ) -> list[Command]:
        """Commands, newest first."""
        ...

    async def steps(self, command_id: int) -> list[Step]:
        """The transitions of a command, oldest first."""
        ...


class LocalStateError(HeadendError):
    """A transition that the table does not list: a defect here, nothing was changed."""


class SentByAnother(LocalStateError):  # noqa: N818  as RefusedByRule
    """Another process, which lives, is sending it; what becomes of it is for that one to say."""
