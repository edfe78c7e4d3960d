"""Our server under a client that others wrote: dlms-cosem 21.3.2, with each authentication and envelope it has."""

import pytest
from dlms_cosem import cosem, enumerations, exceptions
from dlms_cosem.clients import dlms_client
from dlms_cosem.protocol import xdlms
from dlms_cosem.wrappers import WrapperHeader, WrapperProtocolDataUnit

from headend.dlms import AssociationClosed, AssociationOpened, RequestReceived, RequestRefused, ServerConnection, State
from headend.dlms.axdr import EncodedData, octet_string, unsigned
from headend.dlms.axdr import encode as encode_data
from headend.dlms.enumerations import Authentication, DataAccessResult
from headend.dlms.wrapper import WrapperServerFraming

pytestmark = [pytest.mark.foreign, pytest.mark.filterwarnings("ignore")]

LONG = EncodedData(encode_data(octet_string(bytes(range(256)) * 3)))


class Bridge:
    """The foreign client's transport: a loop in memory to our server."""

    client_logical_address = 48
    server_logical_address = 1
    timeout = 1

    def __init__(self, kit, server):
        self.kit = kit
        self.server = server
        self.events = []
        self.value = LONG

    def connect(self):
        pass

    def disconnect(self):
        self.events += self.server.receive_eof()

    def send(self, octets):
        header = WrapperHeader(source_wport=48, destination_wport=1, length=len(octets))
        for event in self.server.receive(WrapperProtocolDataUnit(octets, header).to_bytes()):
            self.events.append(event)
            if isinstance(event, RequestReceived):
                self.server.respond(self.kit.answer(event.apdu, self.value))
        return WrapperProtocolDataUnit.from_bytes(self.server.take_output()).data


def foreign(kit, authentication, *, ciphered, server=None, **options):
    security = {} if ciphered else {"policy": 0}
    parameters = kit.server_parameters(
        authentication=Authentication(authentication), security=security, **(server or {})
    )
    bridge = Bridge(kit, ServerConnection({48: parameters}, WrapperServerFraming(1)))
    keys = {"encryption_key": kit.KEYS.encryption_key, "authentication_key": kit.KEYS.authentication_key}
    fields = dict(
        client_logical_address=48,
        server_logical_address=1,
        io_interface=bridge,
        authentication_method=enumerations.AuthenticationMechanism(authentication),
        password=kit.SECRET,
        client_system_title=kit.CLIENT_TITLE,
        client_initial_invocation_counter=100,
        **(keys if ciphered else {}),
    )
    fields.update(options)
    return dlms_client.DlmsClient(**fields), bridge


CLOCK = cosem.CosemAttribute(enumerations.CosemInterface.CLOCK, cosem.Obis(0, 0, 1, 0, 0, 255), 2)
RESET = cosem.CosemMethod(enumerations.CosemInterface.DATA, cosem.Obis(0, 0, 10, 0, 1, 255), 1)


@pytest.mark.parametrize(("authentication", "ciphered"), [(0, False), (1, False), (0, True), (1, True), (5, True)])
def test_a_foreign_client_reads_writes_and_acts(kit, authentication, ciphered):
    client, bridge = foreign(kit, authentication, ciphered=ciphered)
    with client.session():
        assert bridge.server.state(48) is State.ASSOCIATED
        assert client.get(CLOCK) == LONG.octets
        assert client.set(CLOCK, bytes(encode_data(unsigned(7)))).result == enumerations.DataAccessResult.SUCCESS
        assert client.action(RESET, bytes(encode_data(unsigned(7)))) == encode_data(unsigned(7))
        many = [cosem.CosemAttributeWithSelection(CLOCK, None)] * 2
        assert isinstance(client.get_many(many), xdlms.GetResponseWithList)
    kinds = [type(event) for event in bridge.events]
    assert kinds[0] is AssociationOpened
    assert kinds[-1] is AssociationClosed
    assert RequestRefused not in kinds


@pytest.mark.parametrize("authentication", [1, 5])
def test_a_foreign_client_joins_our_blocks(kit, authentication):
    client, bridge = foreign(kit, authentication, ciphered=True, max_pdu_size=150)
    with client.session():
        for _ in range(2):
            assert client.get(CLOCK) == LONG.octets
    assert not [event for event in bridge.events if isinstance(event, RequestRefused)]


def test_a_foreign_client_hears_our_errors(kit):
    client, bridge = foreign(kit, 5, ciphered=True)
    with client.session():
        bridge.value = DataAccessResult.OBJECT_UNDEFINED
        with pytest.raises(dlms_client.DataResultError):
            client.get(CLOCK)
        bridge.value = LONG
        client.dlms_connection.state.current_state  # noqa: B018
        assert client.get(CLOCK) == LONG.octets


@pytest.mark.parametrize(
    "options",
    [
        {"password": b"wrong password", "authentication": 1},
        {"encryption_key": bytes(16), "authentication": 5},
        {"authentication_key": bytes(16), "authentication": 5},
        {"client_initial_invocation_counter": 3, "authentication": 5},
    ],
)
def test_a_foreign_client_without_the_right_secret_or_counter_is_rejected(kit, options):
    authentication = options.pop("authentication")
    client, bridge = foreign(kit, authentication, ciphered=True, **options)
    bridge.server = ServerConnection(
        {48: kit.server_parameters(authentication=Authentication(authentication), security={"last_received": 50})},
        WrapperServerFraming(1),
    )
    with pytest.raises(exceptions.DlmsClientException, match="REJECTED_PERMANENT"):
        client.associate()
    assert bridge.server.state(48) is State.REFUSED
    assert bridge.server.last_received(48) in (50, 100)
