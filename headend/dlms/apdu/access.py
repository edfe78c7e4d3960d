"""ACCESS: several reads, writes and methods in one unified request (Green Book 9.3.5, 9.5)."""

from enum import IntEnum
from typing import ClassVar

from attrs import frozen

from headend.dlms import axdr
from headend.dlms import writing as write
from headend.dlms.apdu.notification import decode_date_time, encode_date_time
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.cursor import Cursor
from headend.dlms.enumerations import ActionResult, DataAccessResult
from headend.dlms.errors import DecodeError


class AccessService(IntEnum):
    """What one specification or result of an ACCESS is about."""

    GET = 1
    SET = 2
    ACTION = 3
    GET_WITH_SELECTION = 4
    SET_WITH_SELECTION = 5


@frozen
class AccessGet:
    """Read an attribute, whole or by selective access."""

    attribute: CosemAttribute
    access: SelectiveAccess | None = None


@frozen
class AccessSet:
    """Write an attribute, whole or by selective access."""

    attribute: CosemAttribute
    access: SelectiveAccess | None = None


@frozen
class AccessAction:
    """Invoke a method."""

    method: CosemMethod


@frozen
class AccessResult:
    """The outcome of one specification; `service` is GET, SET or ACTION."""

    service: AccessService
    result: DataAccessResult | ActionResult


AccessSpecification = AccessGet | AccessSet | AccessAction


@frozen
class AccessRequest:
    """A list of specifications and one Data for each: null-data where nothing is sent."""

    NAME: ClassVar[str] = "access-request"
    long_invoke: int
    date_time: bytes
    specifications: tuple[AccessSpecification, ...]
    data: tuple[EncodedData, ...]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xd9%b%b%b%b" % (
            write.long_invoke(self.long_invoke),
            encode_date_time(self.date_time),
            _encode_specifications(self.specifications),
            write.data_list(self.data),
        )


@frozen
class AccessResponse:
    """One Data and one result for each specification; the specifications may be repeated."""

    NAME: ClassVar[str] = "access-response"
    long_invoke: int
    date_time: bytes
    specifications: tuple[AccessSpecification, ...] | None
    data: tuple[EncodedData, ...]
    results: tuple[AccessResult, ...]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        specifications = self.specifications
        return b"\xda%b%b%b%b%b%b" % (
            write.long_invoke(self.long_invoke),
            encode_date_time(self.date_time),
            b"\x00" if specifications is None else b"\x01" + _encode_specifications(specifications),
            write.data_list(self.data),
            axdr.encode_length(len(self.results)),
            b"".join(b"%c%c" % (item.service, item.result) for item in self.results),
        )


def decode_access_request(octets: bytes, *, strict: bool) -> AccessRequest:
    """A whole ACCESS request; DecodeError when it is none."""
    read = Cursor(octets, 1)
    apdu = AccessRequest(
        read.unsigned(4, "long invoke-id"),
        decode_date_time(read, strict=strict),
        _decode_specifications(read),
        read.data_list(),
    )
    read.end()
    return apdu


def decode_access_response(octets: bytes, *, strict: bool) -> AccessResponse:
    """A whole ACCESS response; DecodeError when it is none."""
    read = Cursor(octets, 1)
    apdu = AccessResponse(
        read.unsigned(4, "long invoke-id"),
        decode_date_time(read, strict=strict),
        _decode_specifications(read) if read.presence("specifications") else None,
        read.data_list(),
        tuple(_decode_result(read) for _ in range(read.count("results", least=2))),
    )
    read.end()
    return apdu


def _encode_specifications(items: tuple[AccessSpecification, ...]) -> bytes:
    return axdr.encode_length(len(items)) + b"".join(map(_encode_specification, items))


def _encode_specification(item: AccessSpecification) -> bytes:
    match item:
        case AccessAction():
            return b"%c%b" % (AccessService.ACTION, write.method(item.method))
        case AccessGet(access=None):
            return b"%c%b" % (AccessService.GET, write.attribute(item.attribute))
        case AccessSet(access=None):
            return b"%c%b" % (AccessService.SET, write.attribute(item.attribute))
    reading = isinstance(item, AccessGet)
    service = AccessService.GET_WITH_SELECTION if reading else AccessService.SET_WITH_SELECTION
    assert item.access is not None
    return b"%c%b%b" % (service, write.attribute(item.attribute), write.selection(item.access))


def _decode_specifications(read: Cursor) -> tuple[AccessSpecification, ...]:
    return tuple(_decode_specification(read) for _ in range(read.count("specifications", least=10)))


def _decode_specification(read: Cursor) -> AccessSpecification:
    match read.octet("choice of the specification"):
        case AccessService.GET:
            return AccessGet(read.attribute())
        case AccessService.SET:
            return AccessSet(read.attribute())
        case AccessService.ACTION:
            return AccessAction(read.method())
        case AccessService.GET_WITH_SELECTION:
            return AccessGet(read.attribute(), read.selection())
        case AccessService.SET_WITH_SELECTION:
            return AccessSet(read.attribute(), read.selection())
        case choice:
            raise DecodeError(f"ACCESS specification {choice} doesn't exist", read.offset - 1)


def _decode_result(read: Cursor) -> AccessResult:
    choice = read.octet("choice of the result")
    code = read.octet("result")
    if choice in (AccessService.GET, AccessService.SET):
        return AccessResult(AccessService(choice), DataAccessResult(code))
    if choice == AccessService.ACTION:
        return AccessResult(AccessService.ACTION, ActionResult(code))
    raise DecodeError(f"ACCESS result {choice} doesn't exist", read.offset - 2)
