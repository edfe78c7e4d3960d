from itertools import count

import pytest

from headend.dlms import (
    Ciphering,
    ClientConnection,
    ClientParameters,
    EndToEndKeys,
    LocalError,
    RequestReceived,
    Security,
    ServerConnection,
    ServerParameters,
)
from headend.dlms.apdu import (
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNormal,
    ActionResponseWithList,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from headend.dlms.axdr import EncodedData, encode, octet_string
from headend.dlms.enumerations import ActionResult, Authentication, DataAccessResult
from headend.dlms.security import KeyContext
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming

CLIENT_TITLE = bytes.fromhex("4d4d4d0000000001")
METER_TITLE = bytes.fromhex("4d4d4d0000bc614e")
KEYS = KeyContext(bytes(range(16)), bytes(range(0xD0, 0xE0)))
OTHER_KEYS = KeyContext(bytes(16), bytes(range(0xD0, 0xE0)))
SECRET = b"a secret of both"
CLIENT_SAP = 48
VALUE = EncodedData(encode(octet_string(b"a value of a register")))


def client_parameters(**changes):
    """A client of the utility setting role: HLS with GMAC, authenticated and encrypted, unless changed."""
    security = {"system_title": CLIENT_TITLE, "keys": KEYS, "counters": count(100)}
    security.update(changes.pop("security", {}))
    if security.get("ciphering") is Ciphering.GENERAL_CIPHERING:
        security.setdefault("end_to_end", EndToEndKeys.identified(KEYS))
    fields = {
        "client_sap": CLIENT_SAP,
        "authentication": Authentication.HLS_GMAC,
        "secret": SECRET,
        "challenge": b"challenge of ours",
        "security": Security(**security),
    }
    fields.update(changes)
    ciphering = security.get("ciphering", Ciphering.GLO)
    if ciphering.dedicated:
        fields.setdefault("dedicated_key", b"a key of one day")
    return ClientParameters(**fields)


def server_parameters(**changes):
    """The meter's side of `client_parameters`."""
    security = {"system_title": METER_TITLE, "keys": KEYS, "counters": count(7000)}
    security.update(changes.pop("security", {}))
    security.setdefault("end_to_end", EndToEndKeys.identified(security["keys"]))
    fields = {
        "authentication": Authentication.HLS_GMAC,
        "secret": SECRET,
        "challenges": iter(b"challenge of meter %d" % number for number in count()),
        "security": Security(**security),
    }
    fields.update(changes)
    return ServerParameters(**fields)


def answer(request, value=VALUE):
    """What an obliging meter answers: the same value everywhere, success to all else."""
    match request:
        case GetRequestNormal(invoke=invoke):
            return GetResponseNormal(invoke, value)
        case GetRequestWithList(invoke=invoke, attributes=items):
            return GetResponseWithList(invoke, (value,) * (len(items) - 1) + (DataAccessResult.OBJECT_UNDEFINED,))
        case SetRequestNormal(invoke=invoke):
            return SetResponseNormal(invoke, DataAccessResult.SUCCESS)
        case SetRequestWithList(invoke=invoke, attributes=items):
            return SetResponseWithList(invoke, (DataAccessResult.SUCCESS,) * len(items))
        case ActionRequestNormal(invoke=invoke, parameters=parameters):
            return ActionResponseNormal(invoke, ActionResult.SUCCESS, parameters)
        case ActionRequestWithList(invoke=invoke, parameters=parameters):
            return ActionResponseWithList(invoke, tuple((ActionResult.SUCCESS, item) for item in parameters))
    raise AssertionError(request)


class Link:
    """A client and a server on one line, with nothing lost; `chunk` octets go over at a time."""

    def __init__(self, client, server, *, chunk=1 << 20, value=VALUE):
        self.client = client
        self.server = server
        self.chunk = chunk
        self.value = value
        self.answer = lambda request: answer(request, self.value)
        self.client_events = []
        self.server_events = []
        self.to_server = []
        self.to_client = []

    def pieces(self, octets):
        return [octets[at : at + self.chunk] for at in range(0, len(octets), self.chunk)]

    def server_takes(self, octets):
        for piece in self.pieces(octets):
            for event in self.server.receive(piece):
                self.server_events.append(event)
                if isinstance(event, RequestReceived) and event.confirmed:
                    self.server.respond(self.answer(event.apdu))

    def client_takes(self, octets):
        for piece in self.pieces(octets):
            self.client_events += self.client.receive(piece)

    def run(self):
        """Carry everything over until nobody has anything to say; the client's new events."""
        before = len(self.client_events)
        while True:
            out = self.client.take_output()
            if out:
                self.to_server.append(out)
                self.server_takes(out)
            back = self.server.take_output()
            if back:
                self.to_client.append(back)
                self.client_takes(back)
            if not out and not back:
                return self.client_events[before:]

    def associate(self):
        self.client.associate()
        return self.run()

    def ask(self, request):
        self.client.send(request)
        return self.run()

    def release(self):
        self.client.release()
        return self.run()


def make_link(client=None, server=None, framings=None, **options):
    client = client or client_parameters()
    server = server or server_parameters()
    of_client, of_server = framings or (WrapperFraming(client.client_sap, 1), WrapperServerFraming(1))
    return Link(
        ClientConnection(client, of_client),
        ServerConnection({client.client_sap: server}, of_server),
        **options,
    )


class Kit:
    """What the tests of this folder share."""

    CLIENT_TITLE = CLIENT_TITLE
    METER_TITLE = METER_TITLE
    KEYS = KEYS
    OTHER_KEYS = OTHER_KEYS
    SECRET = SECRET
    CLIENT_SAP = CLIENT_SAP
    VALUE = VALUE
    client_parameters = staticmethod(client_parameters)
    server_parameters = staticmethod(server_parameters)
    link = staticmethod(make_link)
    answer = staticmethod(answer)
    LocalError = LocalError


@pytest.fixture(scope="session")
def kit():
    return Kit
