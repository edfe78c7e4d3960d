"""Devices behind a gateway that is addressed by prefix (Green Book 10.10)."""

import pytest

from headend.dlms import ClientConnection, ClientParameters, ServerConnection, ServerParameters
from headend.dlms.apdu import GetRequestNormal, GetResponseNormal
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute
from headend.dlms.enumerations import Authentication
from headend.dlms.errors import RemoteError
from headend.dlms.gateway import GatewayFraming, GatewayServerFraming
from headend.dlms.hdlc import HdlcFraming, HdlcServerFraming
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming, encode_wrapper

CLOCK = CosemAttribute(8, "0.0.1.0.0.255", 2)
VALUE = EncodedData(bytes.fromhex("0902abcd"))
FRAMINGS = {
    "wrapper": lambda: (WrapperFraming(16, 1), WrapperServerFraming(1)),
    "hdlc": lambda: (HdlcFraming(16, 1, 17), HdlcServerFraming(1, 17)),
}


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_session_reaches_the_device_that_the_prefix_names(name):
    client_line, server_line = FRAMINGS[name]()
    client = ClientConnection(
        ClientParameters(client_sap=16, authentication=Authentication.NONE),
        GatewayFraming(client_line, 1, b"\x00\x17"),
    )
    server = ServerConnection(
        {16: ServerParameters(authentication=Authentication.NONE)}, GatewayServerFraming(server_line, 1, b"\x00\x17")
    )
    client.associate()
    events = talk(client, server)
    client.send(GetRequestNormal(0xC1, CLOCK, None))
    events += talk(client, server)
    assert GetResponseNormal(0xC1, VALUE) in events
    client.release()
    talk(client, server)
    assert client.state.name == "RELEASED"


def talk(client, server):
    events = []
    while octets := client.take_output():
        for event in server.receive(octets):
            if isinstance(getattr(event, "apdu", None), GetRequestNormal):
                server.respond(GetResponseNormal(0xC1, VALUE))
        events += client.receive(server.take_output())
    return events


def test_every_apdu_carries_the_prefix():
    framing = GatewayFraming(WrapperFraming(16, 1), 1, b"\x17")
    framing.wrap(b"\xc0\x01")
    assert framing.take_output() == encode_wrapper(16, 1, bytes.fromhex("e6010117c001"))
    assert framing.feed(encode_wrapper(1, 16, bytes.fromhex("e7010117c401"))) == [b"\xc4\x01"]


def test_what_another_device_says_is_left_alone():
    framing = GatewayFraming(WrapperFraming(16, 1), 1, b"\x17")
    assert framing.feed(encode_wrapper(1, 16, bytes.fromhex("e7010118c401"))) == []
    server = GatewayServerFraming(WrapperServerFraming(1), 1, b"\x17")
    assert server.feed(encode_wrapper(16, 1, bytes.fromhex("e6010118c001"))) == []
    assert server.feed(encode_wrapper(16, 1, bytes.fromhex("c001"))) == []


@pytest.mark.parametrize("octets", ["c401", "e7", "e70105", "e7010117", "e784ffffffff"])
def test_an_answer_without_a_whole_prefix_is_refused(octets):
    framing = GatewayFraming(WrapperFraming(16, 1), 1, b"\x17")
    with pytest.raises(RemoteError):
        framing.feed(encode_wrapper(1, 16, bytes.fromhex(octets)))
