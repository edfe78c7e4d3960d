"""What each request asks of the negotiation, and what it may be answered with."""

from typing import Final, NamedTuple

from headend.dlms.apdu import (
    AccessRequest,
    ActionRequestNormal,
    ActionRequestWithList,
    DataNotification,
    EventNotification,
    GetRequestNormal,
    GetRequestWithList,
    SetRequestNormal,
    SetRequestWithList,
    encode,
)
from headend.dlms.enumerations import Conformance
from headend.dlms.errors import LocalError

Request = (
    GetRequestNormal
    | GetRequestWithList
    | SetRequestNormal
    | SetRequestWithList
    | ActionRequestNormal
    | ActionRequestWithList
    | AccessRequest
)
Notification = DataNotification | EventNotification

#: Bit of the invoke-id-and-priority octet, and of the first octet of the long form, that asks for an answer.
CONFIRMED: Final = 0x40
LONG_CONFIRMED: Final = 0x40 << 24
INVOKE_ID: Final = 0x0F
LONG_INVOKE_ID: Final = 0xFF_FFFF


class Service(NamedTuple):
    """`answer` is the first octet of every answer, `block` what a long request needs, 0 where it can't be cut."""

    needs: int
    answer: int
    block: int


_GET = int(Conformance.GET)
_SET = int(Conformance.SET)
_ACTION = int(Conformance.ACTION)
_MANY = int(Conformance.MULTIPLE_REFERENCES)
_SELECTIVE = int(Conformance.SELECTIVE_ACCESS)
_LONG_SET = int(Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE)
_LONG_ACTION = int(Conformance.BLOCK_TRANSFER_WITH_ACTION)

SERVICES: Final[dict[type, Service]] = {
    GetRequestNormal: Service(_GET, 0xC4, 0),
    GetRequestWithList: Service(_GET | _MANY, 0xC4, 0),
    SetRequestNormal: Service(_SET, 0xC5, _LONG_SET),
    SetRequestWithList: Service(_SET | _MANY, 0xC5, _LONG_SET),
    ActionRequestNormal: Service(_ACTION, 0xC7, _LONG_ACTION),
    ActionRequestWithList: Service(_ACTION | _MANY, 0xC7, _LONG_ACTION),
    AccessRequest: Service(int(Conformance.ACCESS), 0xDA, 0),
}


class PreparedRequest(NamedTuple):
    """A request in octets, with what a connection has to know of it; made once, it serves any number of meters."""

    request: Request
    octets: bytes
    needs: int
    block: int
    answer_tag: int
    confirmed: bool


def prepare(request: Request) -> PreparedRequest:
    """`request`, encoded; `LocalError` if it is no request a client sends, or can't be encoded."""
    service = SERVICES.get(type(request))
    if service is None:
        raise LocalError(f"{type(request).__name__} is no request: blocks and answers are the connection's own work")
    return PreparedRequest(
        request, encode(request), needed(request), service.block, service.answer, is_confirmed(request)
    )


def needed(request: Request) -> int:
    """The conformance bits that `request` can't do without."""
    return SERVICES[type(request)].needs | _details(request)


def _details(request: Request) -> int:
    match request:
        case GetRequestNormal(attribute=attribute, access=access):
            return _reads_all(attribute.attribute) | (_SELECTIVE if access is not None else 0)
        case SetRequestNormal(attribute=attribute, access=access):
            return _writes_all(attribute.attribute) | (_SELECTIVE if access is not None else 0)
        case GetRequestWithList(attributes=items) | SetRequestWithList(attributes=items):
            return _SELECTIVE if any(access is not None for _, access in items) else 0
    return 0


def _reads_all(attribute: int) -> int:
    return 0 if attribute else int(Conformance.ATTRIBUTE0_SUPPORTED_WITH_GET)


def _writes_all(attribute: int) -> int:
    return 0 if attribute else int(Conformance.ATTRIBUTE0_SUPPORTED_WITH_SET)


def is_confirmed(request: Request) -> bool:
    """Whether an answer is due: always for GET, else as the request says."""
    match request:
        case GetRequestNormal() | GetRequestWithList():
            return True
        case AccessRequest(long_invoke=invoke):
            return bool(invoke & LONG_CONFIRMED)
        case _:
            return bool(request.invoke & CONFIRMED)
