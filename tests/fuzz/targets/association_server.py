"""A server that is associated, or not yet (first octet odd): APDUs, a length before each; every request is answered."""

from headend.dlms import RequestReceived, ServerConnection, ServerParameters
from headend.dlms.apdu import (
    Aarq,
    ActionRequestNormal,
    ActionResponseNormal,
    ExceptionResponse,
    GetRequestNormal,
    GetResponseNormal,
    InitiateRequest,
    SetRequestNormal,
    SetResponseNormal,
    encode,
)
from headend.dlms.axdr import EncodedData, octet_string
from headend.dlms.axdr import encode as encode_data
from headend.dlms.connection.parameters import FULL_CONFORMANCE
from headend.dlms.enumerations import (
    ActionResult,
    ApplicationContext,
    Authentication,
    DataAccessResult,
    ServiceError,
    StateError,
)
from headend.dlms.wrapper import WrapperServerFraming, encode_wrapper

LONG = EncodedData(encode_data(octet_string(bytes(300))))
PARAMETERS = ServerParameters(authentication=Authentication.LLS, secret=b"12345678", largest_joined=5000)
AARQ = encode_wrapper(
    48,
    1,
    encode(
        Aarq(
            application_context=ApplicationContext.LN,
            mechanism=Authentication.LLS,
            authentication_value=b"12345678",
            user_information=encode(InitiateRequest(FULL_CONFORMANCE, 120)),
        )
    ),
)

SHARE = 3
LONGEST = 384


def answer(request: object) -> object:
    match request:
        case GetRequestNormal(invoke=invoke):
            return GetResponseNormal(invoke, LONG)
        case SetRequestNormal(invoke=invoke):
            return SetResponseNormal(invoke, DataAccessResult.SUCCESS)
        case ActionRequestNormal(invoke=invoke):
            return ActionResponseNormal(invoke, ActionResult.SUCCESS, LONG)
    return ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON)


def run(octets: bytes) -> object:
    server = ServerConnection({48: PARAMETERS}, WrapperServerFraming(1))
    if octets and octets[0] & 1 == 0:
        server.receive(AARQ)
    events = []
    at = 1
    while at < len(octets):
        end = at + 1 + octets[at]
        for event in server.receive(encode_wrapper(48, 1, octets[at + 1 : end])):
            events.append(event)
            if isinstance(event, RequestReceived) and event.confirmed:
                server.respond(answer(event.apdu))
        server.take_output()
        at = end
    server.receive_eof()
    return events
