"""How a visit can fail: one class a cause, each with the exit code of the command line."""

from headend.dlms.cosem import CosemAttribute
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import RemoteError, SecurityError
from headend.errors import HeadendError
from headend.transport.errors import AddressError, DeadlinePassed, TransportError


class SessionError(HeadendError):
    """A visit, or a step of it, failed; the text names the meter and the cause, never a key."""


class NotReachable(SessionError):  # noqa: N818  the names say what happened
    """No connection to the meter came about, or it broke."""

    exit_code = 3


class DeadlineExceeded(SessionError):  # noqa: N818
    """The time of the visit is used up; whatever was outstanding may or may not have happened."""

    exit_code = 3


class MeterMisbehaved(SessionError):  # noqa: N818
    """The meter broke the rules of the protocol; nothing more is believed on this connection."""

    exit_code = 3


class SecurityBreach(SessionError):  # noqa: N818
    """What came failed a check of authentication, freshness or policy: a defect, or somebody in between."""

    exit_code = 4


class AssociationRefused(SessionError):  # noqa: N818
    """The meter did not accept the association: another key, another counter, or a role it does not know."""

    exit_code = 4


class MeterBusy(SessionError):  # noqa: N818
    """The meter turned the association away for now (rejected-transient): it is there, and occupied."""

    exit_code = 3


class CounterRefused(AssociationRefused):
    """The meter's invocation counter is further ahead than may be jumped: somebody has to look at it."""

    def __init__(self, meter: str, role: str, ours: int, theirs: int, bound: int) -> None:
        super().__init__(
            f"meter {meter}: the invocation counter of role {role} is {theirs} at the meter and {ours} here; "
            f"a jump of {theirs - ours} is more than the {bound} that are allowed"
        )
        self.ours = ours
        self.theirs = theirs


class WrongMeter(SessionError):  # noqa: N818
    """Another meter answers at this address; nothing was done there."""

    exit_code = 4

    def __init__(self, meter: str, expected: str, found: str) -> None:
        super().__init__(f"meter {meter}: expected {expected!r} at its address, found {found!r}")
        self.expected = expected
        self.found = found


class AccessDenied(SessionError):  # noqa: N818
    """The meter answered one attribute with an error."""

    def __init__(self, meter: str, attribute: CosemAttribute, result: DataAccessResult) -> None:
        super().__init__(
            f"meter {meter}: {attribute.instance} attribute {attribute.attribute} (class {attribute.class_id}): "
            f"{result.text}"
        )
        self.attribute = attribute
        self.result = result


class BadValue(SessionError):  # noqa: N818
    """What an object of the meter holds makes no sense; the association goes on."""


class ServiceRefused(SessionError):  # noqa: N818
    """The meter answered a request with an exception; nothing was done, the association goes on."""


class NotOffered(SessionError):  # noqa: N818
    """The model, or the meter, does not have what was asked for."""


class TopUpRefused(SessionError):  # noqa: N818
    """The meter answered a top-up in a way that says that nothing was done."""


class TopUpUnanswered(SessionError):  # noqa: N818
    """The meter answered a top-up with a failure that does not say whether it was done."""


class NotConfigured(SessionError):  # noqa: N818
    """Keys or a role are missing on our side; the text tells the way out."""

    exit_code = 2


#: The first class that an error is of decides.
_EXPLAINED: tuple[tuple[type[HeadendError], type[SessionError]], ...] = (
    (DeadlinePassed, DeadlineExceeded),
    (AddressError, NotConfigured),
    (TransportError, NotReachable),
    (SecurityError, SecurityBreach),
    (RemoteError, MeterMisbehaved),
    (HeadendError, SessionError),
)


def explain(meter: str, error: HeadendError) -> SessionError:
    """What an error of transport or protocol means for a visit."""
    if isinstance(error, SessionError):
        return error
    meaning = next(meaning for kind, meaning in _EXPLAINED if isinstance(error, kind))
    return meaning(f"meter {meter}: {error}")
