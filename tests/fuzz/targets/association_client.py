"""A client that is associated and has asked something: the first octet says what, then APDUs, a length before each."""

from headend.dlms import ClientConnection, ClientParameters, LocalError, State, prepare
from headend.dlms.apdu import (
    Aare,
    AccessGet,
    AccessRequest,
    ActionRequestNormal,
    ActionRequestWithList,
    GetRequestNormal,
    GetRequestWithList,
    InitiateResponse,
    SetRequestNormal,
    SetRequestWithList,
    encode,
)
from headend.dlms.axdr import EncodedData, octet_string
from headend.dlms.axdr import encode as encode_data
from headend.dlms.connection.parameters import FULL_CONFORMANCE
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.enumerations import ApplicationContext, AssociationResult, Authentication
from headend.dlms.wrapper import WrapperFraming, encode_wrapper

CLOCK = CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2)
METHOD = CosemMethod(70, Obis.parse("0.0.96.3.10.255"), 1)
LONG = EncodedData(encode_data(octet_string(bytes(300))))
REQUESTS = [
    prepare(request)
    for request in (
        GetRequestNormal(0xC1, CLOCK),
        GetRequestWithList(0xC1, ((CLOCK, None), (CLOCK, None))),
        SetRequestNormal(0xC1, CLOCK, None, LONG),
        SetRequestWithList(0xC1, ((CLOCK, None),), (LONG,)),
        ActionRequestNormal(0xC1, METHOD, LONG),
        ActionRequestWithList(0xC1, (METHOD,), (LONG,)),
        AccessRequest(0x40000001, b"", (AccessGet(CLOCK),), (LONG,)),
    )
]
AARE = encode_wrapper(
    1,
    48,
    encode(
        Aare(
            application_context=ApplicationContext.LN,
            result=AssociationResult.ACCEPTED,
            user_information=encode(InitiateResponse(FULL_CONFORMANCE, 120)),
        )
    ),
)


def run(octets: bytes) -> object:
    parameters = ClientParameters(
        client_sap=48, authentication=Authentication.LLS, secret=b"12345678", largest_joined=5000
    )
    client = ClientConnection(parameters, WrapperFraming(48, 1))
    client.associate()
    events = client.receive(AARE)
    if not octets:
        return events
    if octets[0] & 0x80:
        client.release()
    elif octets[0] & 0x40 == 0:
        client.send(REQUESTS[octets[0] % len(REQUESTS)])
    at = 1
    while at < len(octets):
        end = at + 1 + octets[at]
        events += client.receive(encode_wrapper(1, 48, octets[at + 1 : end]))
        client.take_output()
        assert client.state in (State.ASSOCIATED, State.REQUESTING, State.RELEASING, State.RELEASED, State.BROKEN)
        at = end
    try:
        client.send(REQUESTS[0])
    except LocalError:
        assert client.state is not State.ASSOCIATED
    return events
