"""Which commands a person has to look at: an outcome that stays unknown, supply that stays off (safety rule 4)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from headend.commands.model import Command, State, Target
from headend.commands.transitions import RUNNABLE

#: After this long a person is told of a command whose outcome nobody knows.
UNKNOWN_LIMIT: Final = timedelta(minutes=15)
#: Supply returns within five minutes at 99 of 100 reachable meters; so much later is somebody's work.
RECONNECT_LIMIT: Final = timedelta(minutes=15)


def overdue(commands: Iterable[Command], now: datetime) -> list[Command]:
    """The commands to tell a person of, in the order given; the time counts from the request, over every attempt."""
    return [command for command in commands if _is_overdue(command, now - command.requested_at)]


def _is_overdue(command: Command, age: timedelta) -> bool:
    if command.target is Target.CONNECTED and command.state in RUNNABLE:
        return age >= RECONNECT_LIMIT
    return command.state in (State.UNKNOWN, State.SENDING) and age >= UNKNOWN_LIMIT
