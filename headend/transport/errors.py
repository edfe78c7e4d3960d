from headend.errors import HeadendError


class TransportError(HeadendError):
    """Octets can't be brought to a meter or back; the text names the place and the reason."""


class AddressError(TransportError):
    """An address of a meter that can't be used; the text names the fault and the way out."""

    exit_code = 2


class Unreachable(TransportError):  # noqa: N818 - it reads as what happened
    """No connection came about."""

    exit_code = 3


class ConnectionLost(TransportError):  # noqa: N818
    """A connection that stood is gone."""

    exit_code = 3


class DeadlinePassed(TransportError, TimeoutError):  # noqa: N818
    """Nothing came before the deadline; the connection itself may still be good."""

    exit_code = 3
