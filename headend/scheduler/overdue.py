"""What a person must be told after 15 minutes: an outcome that is still unknown, a reconnect that was not made."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog
from attrs import define, field

from headend.commands.escalation import overdue
from headend.commands.journal import Journal
from headend.commands.model import Command, State

#: More than this at once is one outage, not so many work items.
_MOST: Final = 1000

#: Tells a person of a command; called once for each while this process runs.
Tell = Callable[[Command], Awaitable[None]]

_log = structlog.get_logger()


async def tell_the_log(command: Command) -> None:
    """Where nothing better is wired."""
    _log.error(
        "a command needs a person",
        command=command.id,
        meter=command.meter,
        target=command.target.value,
        state=command.state.value,
        cause=command.cause,
        requested_at=command.requested_at.isoformat(),
    )


@define(eq=False)
class Overdue:
    """Looks for commands that stand open too long, and tells of each once."""

    journal: Journal
    tell: Tell = tell_the_log
    _told: set[int] = field(init=False, factory=set)

    async def look(self, now: datetime) -> None:
        """Tell of every command that became overdue since the last look."""
        states = (State.UNKNOWN, State.SENDING, State.REQUESTED)
        found = [command for state in states for command in await self.journal.commands(state=state, limit=_MOST)]
        late = overdue(found, now)
        for command in late:
            if command.id not in self._told:
                await self.tell(command)
        self._told = {command.id for command in late}
