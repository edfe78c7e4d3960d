"""Answers that say no: exception-response and confirmed-service-error (Green Book 9.5)."""

from typing import ClassVar

from attrs import frozen

from headend.dlms.cursor import Cursor
from headend.dlms.enumerations import ConfirmedService, ErrorGroup, ServiceError, StateError


@frozen
class ExceptionResponse:
    """The request couldn't be served; `invocation_counter` is what the peer expects, with that service error only."""

    NAME: ClassVar[str] = "exception-response"
    state_error: StateError
    service_error: ServiceError
    invocation_counter: int | None = None

    def encode(self) -> bytes:
        """The octets of the APDU."""
        counter = b"" if self.invocation_counter is None else self.invocation_counter.to_bytes(4, "big")
        return b"\xd8%c%c%b" % (self.state_error, self.service_error, counter)


@frozen
class ConfirmedServiceError:
    """A service failed before its own answer could be made; `error` is numbered within its group."""

    NAME: ClassVar[str] = "confirmed-service-error"
    service: ConfirmedService
    group: ErrorGroup
    error: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\x0e%c%c%c" % (self.service, self.group, self.error)


def decode_exception_response(octets: bytes, *, strict: bool) -> ExceptionResponse:
    """A whole exception-response; not strict: the expected invocation counter may be missing."""
    read = Cursor(octets, 1)
    state_error = StateError(read.octet("state-error"))
    service_error = ServiceError(read.octet("service-error"))
    counter = None
    if service_error is ServiceError.INVOCATION_COUNTER_ERROR and (strict or read.left):
        counter = read.unsigned(4, "expected invocation counter")
    read.end()
    return ExceptionResponse(state_error, service_error, counter)


def decode_confirmed_service_error(octets: bytes) -> ConfirmedServiceError:
    """A whole confirmed-service-error; DecodeError when it is none."""
    read = Cursor(octets, 1)
    apdu = ConfirmedServiceError(
        ConfirmedService(read.octet("service")), ErrorGroup(read.octet("error group")), read.octet("error")
    )
    read.end()
    return apdu
