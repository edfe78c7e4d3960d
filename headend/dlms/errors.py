from headend.errors import HeadendError


class ProtocolError(HeadendError):
    """Something broke the rules of DLMS/COSEM; the subclass says whose fault it is."""


class LocalError(ProtocolError):
    """This side misused the protocol: a defect here, nothing was sent."""


class RemoteError(ProtocolError):
    """The peer broke the rules; the association can't be trusted any further."""

    exit_code = 3


class DecodeError(RemoteError):
    """Octets that can't be what they claim; `offset` counts from the start of what was given to the decoder."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason if offset is None else f"{reason} at offset {offset}")
        self.reason = reason
        self.offset = offset


class SecurityError(RemoteError):
    """The peer's octets fail a check of authentication, freshness or policy (safety rules 10 and 11)."""

    exit_code = 4
