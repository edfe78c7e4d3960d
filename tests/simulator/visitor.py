"""A head-end in a few lines, to talk to simulated meters: blocking in manner, on asyncio streams."""

import asyncio
from itertools import count

from headend.dlms.apdu import ActionRequestNormal, GetRequestNormal, SetRequestNormal
from headend.dlms.axdr import EncodedData, Tag, elements, encode, integer
from headend.dlms.connection import Associated, ClientConnection, ClientParameters, Security
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.enumerations import Authentication
from headend.dlms.hdlc import HdlcFraming
from headend.dlms.security import KeyContext
from headend.dlms.wrapper import WrapperFraming
from simulator.associations import Role

TITLE = b"HED\x00\x00\x00\x00\x01"
RELAY = "0.0.96.3.10.255"


class Visitor:
    """One TCP connection to one meter as one role. `counters` are ours, shared over the visits of a test."""

    def __init__(
        self, meter, role=Role.SETTING, *, counters=None, server_sap=1, framing="wrapper", keys=None, size=0xFFFF
    ):
        keys = keys or meter.keys(role)
        security = None
        if role.ciphered:
            security = Security(TITLE, KeyContext(keys.encryption, keys.authentication), counters or count(1))
        parameters = ClientParameters(
            client_sap=role,
            server_sap=server_sap,
            max_pdu_size=size,
            authentication=role.authentication,
            secret=keys.secret if role.authentication is Authentication.LLS else b"",
            security=security,
            challenge=b"CtoS" * 4 if role.authentication is Authentication.HLS_GMAC else b"",
        )
        line = HdlcFraming(role, server_sap) if framing == "hdlc" else WrapperFraming(role, server_sap)
        self.connection = ClientConnection(parameters, line)
        self.received = []

    async def connect(self, place):
        self.reader, self.writer = await asyncio.open_connection(place.host, place.port)
        return self

    async def associate(self):
        self.connection.associate()
        (event,) = await self.answer()
        return event

    async def answer(self):
        """The events that come next; ConnectionError when the meter hangs up."""
        while True:
            self.writer.write(self.connection.take_output())
            octets = await self.reader.read(65536)
            if not octets:
                raise ConnectionResetError("the meter hung up")
            self.received.append(octets)
            events = self.connection.receive(octets)
            if events:
                return events

    async def ask(self, request):
        self.connection.send(request)
        (answer,) = await self.answer()
        return answer

    async def get(self, class_id, obis, attribute=2):
        answer = await self.ask(GetRequestNormal(0xC1, CosemAttribute(class_id, Obis(obis), attribute)))
        octets = answer.result.octets
        if octets[0] == Tag.ARRAY:  # a whole buffer may be of more memory than is decoded at once
            return tuple(elements(octets, most=100_000))
        return answer.result.decode().value

    async def set(self, class_id, obis, value, attribute=2):
        attribute = CosemAttribute(class_id, Obis(obis), attribute)
        return (await self.ask(SetRequestNormal(0xC1, attribute, None, EncodedData(encode(value))))).result

    async def act(self, method):
        method = CosemMethod(70, Obis(RELAY), method)
        return (await self.ask(ActionRequestNormal(0xC1, method, EncodedData(encode(integer(0)))))).result

    async def release(self):
        self.connection.release()
        return await self.answer()

    def close(self):
        self.writer.close()


async def visit(place, meter, role=Role.SETTING, **kind):
    """An associated visitor."""
    visitor = await Visitor(meter, role, **kind).connect(place)
    assert isinstance(await visitor.associate(), Associated)
    return visitor
