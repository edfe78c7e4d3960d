"""What an error means for the next visit."""

from headend.errors import HeadendError
from headend.scheduler.ports import Outcome
from headend.session.errors import (
    AssociationRefused,
    DeadlineExceeded,
    MeterBusy,
    MeterMisbehaved,
    SecurityBreach,
    WrongMeter,
)

#: Exit code of every error that means "nobody answered" (headend/errors.py).
_NOT_REACHABLE = 3

#: What can end a visit: an error of ours that says what, or the last limit of time.
Failure = HeadendError | TimeoutError


def outcome_of(error: Failure) -> Outcome:
    """The outcome of a visit that ended with this error."""
    match error:
        case WrongMeter():
            return Outcome.WRONG_METER
        case AssociationRefused() | SecurityBreach():
            return Outcome.REFUSED
        case MeterMisbehaved():
            return Outcome.FAILED
        case MeterBusy():
            return Outcome.BUSY
        case TimeoutError() | DeadlineExceeded():
            return Outcome.EXPIRED
    return Outcome.UNREACHABLE if error.exit_code == _NOT_REACHABLE else Outcome.FAILED


def outcome_under_way(error: Failure) -> Outcome:
    """The outcome of a visit that ended with this error inside an open association.

    Both sides proved their keys when it was opened. An answer that fails its check after that was damaged or forged,
    which is no reason to leave the meter alone as long as for a refused key: it is tried again as any line that fails.
    """
    return Outcome.FAILED if isinstance(error, SecurityBreach) else outcome_of(error)


def exit_code_of(error: Failure) -> int:
    """The exit code that a command line ends with for it."""
    return _NOT_REACHABLE if isinstance(error, TimeoutError) else error.exit_code


def ends_visit(error: HeadendError) -> bool:
    """Whether nothing more can be asked in this session; one object that is refused does not end it."""
    return error.exit_code != HeadendError.exit_code
