"""What the outcome of a visit means for the next try: one of five kinds, for every cause there is."""

from enum import StrEnum
from typing import assert_never

from headend.commands.model import State
from headend.scheduler.ports import Outcome
from headend.scheduler.visit import VisitResult


class Disposition(StrEnum):
    """`BUSY`: there, and occupied. `RETRYABLE`: may go well next time. `FATAL`: only a person can cure it. `EXPIRED`:
    time ran out under way. `AMBIGUOUS`: something was sent and nobody knows what came of it: read before a resend.
    """  # noqa: D205  one kind after the other

    BUSY = "busy"
    RETRYABLE = "retryable"
    FATAL = "fatal"
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"


def disposition(result: VisitResult) -> Disposition | None:
    """The kind of a visit's end; None for one that is done."""
    if any(command.state in (State.UNKNOWN, State.SENDING) for command in result.commands):
        return Disposition.AMBIGUOUS
    match result.outcome:
        case Outcome.DONE:
            return None
        case Outcome.BUSY:
            return Disposition.BUSY
        case Outcome.REFUSED | Outcome.WRONG_METER:
            return Disposition.FATAL
        case Outcome.EXPIRED:
            return Disposition.EXPIRED
        case Outcome.UNREACHABLE | Outcome.FAILED:
            return Disposition.RETRYABLE
        case _ as never:
            assert_never(never)
