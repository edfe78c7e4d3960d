"""Whole sessions of our client with our server: every authentication, envelope, size, framing and chunk."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headend.dlms import (
    Associated,
    AssociationClosed,
    AssociationOpened,
    Ciphering,
    Farewell,
    Released,
    ReleaseSupport,
    RequestReceived,
    RequestRefused,
    State,
)
from headend.dlms.apdu import (
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessService,
    AccessSet,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNormal,
    ActionResponseWithList,
    DataNotification,
    EventNotification,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from headend.dlms.axdr import EncodedData, encode, octet_string, structure, unsigned
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis, entry_access
from headend.dlms.enumerations import ActionResult, Authentication, Conformance, DataAccessResult
from headend.dlms.errors import LocalError
from headend.dlms.hdlc import HdlcFraming, HdlcServerFraming
from headend.dlms.security import KeyContext, SigningContext, aes_ecb, private_key

REGISTER = CosemAttribute(3, Obis.parse("1.0.1.8.0.255"), 2)
CLOCK = CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2)
PROFILE = CosemAttribute(7, Obis.parse("1.0.99.1.0.255"), 2)
RESET = CosemMethod(9, Obis.parse("0.0.10.0.1.255"), 1)
LONG = EncodedData(encode(octet_string(bytes(range(256)) * 5)))
SHORT = EncodedData(encode(unsigned(7)))

MECHANISMS = [
    Authentication.NONE,
    Authentication.LLS,
    Authentication.HLS,
    Authentication.HLS_MD5,
    Authentication.HLS_SHA1,
    Authentication.HLS_GMAC,
    Authentication.HLS_SHA256,
]
ENVELOPES = [
    *((ciphering, policy) for ciphering in Ciphering for policy in (0x10, 0x20, 0x30)),
    (Ciphering.GLO, 0x00),
]


def both(kit, *, client=None, server=None, authentication=Authentication.HLS_GMAC, security=None):
    """Client and server parameters that fit each other."""
    alike = {"authentication": authentication, "manufacturer": aes_ecb}
    challenges = (b"%015dS" % number for number in count())
    return {
        "client": kit.client_parameters(**alike, challenge=b"C" * 16, **(client or {}), security=dict(security or {})),
        "server": kit.server_parameters(
            **alike,
            challenges=challenges,
            **(server or {}),
            security={name: value for name, value in (security or {}).items() if name != "ciphering"},
        ),
    }


def work(link):
    """One of everything, short and long; the answers in order."""
    answers = []
    for request in (
        GetRequestNormal(0xC1, REGISTER),
        GetRequestNormal(0xC2, PROFILE, entry_access(1, 10)),
        GetRequestWithList(0xC3, ((REGISTER, None), (CLOCK, None), (CLOCK, None))),
        SetRequestNormal(0xC4, CLOCK, None, LONG),
        SetRequestWithList(0xC5, ((CLOCK, None), (REGISTER, None)), (LONG, SHORT)),
        ActionRequestNormal(0xC6, RESET, LONG),
        ActionRequestNormal(0xC7, RESET, None),
        ActionRequestWithList(0xC8, (RESET, RESET), (LONG, SHORT)),
    ):
        answers += link.ask(request)
    return answers


def expected(value):
    return [
        GetResponseNormal(0xC1, value),
        GetResponseNormal(0xC2, value),
        GetResponseWithList(0xC3, (value, value, DataAccessResult.OBJECT_UNDEFINED)),
        SetResponseNormal(0xC4, DataAccessResult.SUCCESS),
        SetResponseWithList(0xC5, (DataAccessResult.SUCCESS, DataAccessResult.SUCCESS)),
        ActionResponseNormal(0xC6, ActionResult.SUCCESS, LONG),
        ActionResponseNormal(0xC7, ActionResult.SUCCESS, None),
        ActionResponseWithList(0xC8, ((ActionResult.SUCCESS, LONG), (ActionResult.SUCCESS, SHORT))),
    ]


def check_session(link):
    events = link.associate()
    assert [type(event) for event in events] == [Associated]
    assert link.client.state is State.ASSOCIATED
    assert work(link) == expected(link.value)
    asked = [event.apdu for event in link.server_events if isinstance(event, RequestReceived)]
    assert asked[3] == SetRequestNormal(0xC4, CLOCK, None, LONG)
    assert asked[1].access == entry_access(1, 10)
    assert link.release() == [Released(confirmed=True)]
    assert link.client.state is State.RELEASED
    assert isinstance(link.server_events[0], AssociationOpened)
    assert isinstance(link.server_events[-1], AssociationClosed)
    assert not [event for event in link.server_events if isinstance(event, RequestRefused)]


@pytest.mark.parametrize("authentication", MECHANISMS)
@pytest.mark.parametrize(("ciphering", "policy"), ENVELOPES)
def test_a_session_does_all_it_is_asked_for(kit, authentication, ciphering, policy):
    security = {"ciphering": ciphering, "policy": policy}
    check_session(kit.link(**both(kit, authentication=authentication, security=security)))


@pytest.mark.parametrize("size", [64, 128, 500])
@pytest.mark.parametrize(("ciphering", "policy"), ENVELOPES)
def test_a_small_pdu_size_is_kept_by_both_ends(kit, ciphering, policy, size):
    if ciphering is Ciphering.GENERAL_CIPHERING and size < 300:
        pytest.skip("its envelope alone is longer")
    security = {"ciphering": ciphering, "policy": policy}
    sizes = {"max_pdu_size": size}
    # The list of attributes is 40 octets of descriptors, which can't be cut without general block transfer.
    link = kit.link(**both(kit, client=sizes, server=sizes, security=security), value=LONG)
    check_session(link)
    for pdus in (link.to_server[2:-1], link.to_client[2:-1]):  # without association and release
        assert max(len(pdu) - 8 for pdu in pdus for pdu in _split(pdu)) <= size


def _split(octets):
    pdus = []
    while octets:
        length = 8 + int.from_bytes(octets[6:8], "big")
        pdus.append(octets[:length])
        octets = octets[length:]
    return pdus


@pytest.mark.parametrize("chunk", [1, 3, 7, 1 << 16])
@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
def test_chunks_of_any_size_make_no_difference(kit, framing, chunk):
    framings = None if framing == "wrapper" else (HdlcFraming(kit.CLIENT_SAP, 1, 17), HdlcServerFraming(1, 17))
    check_session(kit.link(**both(kit), framings=framings, chunk=chunk, value=LONG))


def test_without_keys_a_session_is_plain(kit):
    client = kit.client_parameters(authentication=Authentication.LLS)
    server = kit.server_parameters(authentication=Authentication.LLS)
    from attrs import evolve

    check_session(kit.link(evolve(client, security=None), evolve(server, security=None)))


@pytest.mark.parametrize("suite", [1, 2])
def test_ecdsa_and_the_longer_keys_of_suites_1_and_2(kit, suite):
    keys = KeyContext(bytes(range(32)) if suite == 2 else bytes(range(16)), bytes(32 if suite == 2 else 16))
    octets = 32 if suite == 1 else 48
    ours, theirs = (private_key(suite, bytes([number]) * octets) for number in (1, 2))
    security = {"suite": suite, "keys": keys}
    parameters = {
        "client": kit.client_parameters(
            authentication=Authentication.HLS_ECDSA,
            security=dict(security, signing=SigningContext(suite, ours, theirs.public_key())),
        ),
        "server": kit.server_parameters(
            authentication=Authentication.HLS_ECDSA,
            security=dict(security, signing=SigningContext(suite, theirs, ours.public_key())),
        ),
    }
    check_session(kit.link(**parameters))


def test_blocks_of_the_services_are_not_needed_where_general_blocks_are(kit):
    general = Conformance.GENERAL_BLOCK_TRANSFER | Conformance.GENERAL_PROTECTION
    services = Conformance.GET | Conformance.SET | Conformance.ACTION | Conformance.MULTIPLE_REFERENCES
    conformance = {"conformance": general | services | Conformance.SELECTIVE_ACCESS, "max_pdu_size": 100}
    check_session(kit.link(**both(kit, client=conformance, server=conformance), value=LONG))


def access_request(data=SHORT):
    return AccessRequest(0x4000_0001, b"", (AccessGet(REGISTER), AccessSet(CLOCK)), (EncodedData(b"\0"), data))


@pytest.mark.parametrize("size", [100, 65535])
def test_access_is_answered_in_one_apdu_or_in_general_blocks(kit, size):
    sizes = {"max_pdu_size": size}
    link = kit.link(**both(kit, client=sizes, server=sizes))
    results = (
        AccessResult(AccessService.GET, DataAccessResult.SUCCESS),
        AccessResult(AccessService.SET, DataAccessResult.SUCCESS),
    )
    response = AccessResponse(0x4000_0001, b"", None, (LONG, EncodedData(b"\0")), results)
    link.answer = lambda _: response
    link.associate()
    assert link.ask(access_request(LONG)) == [response]
    received = [event.apdu for event in link.server_events if isinstance(event, RequestReceived)]
    assert received == [access_request(LONG)]


@given(st.sets(st.integers(0, 60), max_size=20))
@settings(max_examples=60, deadline=None)
def test_general_blocks_survive_lost_datagrams_and_no_request_is_served_twice(kit, lost):
    conformance = Conformance.GENERAL_BLOCK_TRANSFER | Conformance.GENERAL_PROTECTION | Conformance.SET
    sizes = {"conformance": conformance, "max_pdu_size": 100}
    link = kit.link(**both(kit, client=sizes, server=sizes))
    link.associate()
    passed = (index not in lost for index in count())
    link.client.send(SetRequestNormal(0xC1, CLOCK, None, LONG))
    for _ in range(200):
        out = b"".join(pdu for pdu in _split(link.client.take_output()) if next(passed))
        link.server_takes(out)
        back = b"".join(pdu for pdu in _split(link.server.take_output()) if next(passed))
        link.client_takes(back)
        if link.client.state is State.ASSOCIATED:
            break
        if not back:
            assert link.client.waiting
            link.client.timeout()
    assert link.client_events[-1] == SetResponseNormal(0xC1, DataAccessResult.SUCCESS)
    asked = [event.apdu for event in link.server_events if isinstance(event, RequestReceived)]
    assert asked == [SetRequestNormal(0xC1, CLOCK, None, LONG)]
    assert not [event for event in link.server_events if isinstance(event, RequestRefused)]


def test_access_needs_the_general_envelope_even_where_others_are_service_specific(kit):
    link = kit.link(**both(kit, security={"ciphering": Ciphering.GLO}))
    link.answer = lambda request: AccessResponse(request.long_invoke, b"", None, (), ())
    link.associate()
    link.client.send(access_request())
    assert link.client.take_output()[8] == 0xDB


@pytest.mark.parametrize("ciphering", list(Ciphering))
def test_notifications_are_handed_up_between_requests(kit, ciphering):
    link = kit.link(**both(kit, security={"ciphering": ciphering}))
    link.associate()
    notifications = [
        DataNotification(0x12345678, b"", EncodedData(encode(structure(unsigned(1), octet_string(b"x"))))),
        EventNotification(None, CLOCK, SHORT),
    ]
    if ciphering.dedicated:
        link.ask(GetRequestNormal(0xC1, CLOCK))
    for notification in notifications:
        link.server.notify(kit.CLIENT_SAP, notification)
    assert link.run() == notifications
    assert link.ask(GetRequestNormal(0xC1, REGISTER)) == [GetResponseNormal(0xC1, link.value)]


def test_a_pre_established_association_takes_requests_and_sends_pushes_at_once(kit):
    client = kit.client_parameters()
    server = kit.server_parameters(pre_established=True, security={"peer_system_title": kit.CLIENT_TITLE})
    link = kit.link(client, server)
    assert link.server.state(kit.CLIENT_SAP) is State.ASSOCIATED


@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
def test_an_unconfirmed_request_leaves_nothing_outstanding(kit, framing):
    framings = None if framing == "wrapper" else (HdlcFraming(kit.CLIENT_SAP, 1, 17), HdlcServerFraming(1, 17))
    link = kit.link(**both(kit), framings=framings)
    link.associate()
    assert link.ask(ActionRequestNormal(0x81, RESET, SHORT)) == []
    assert link.client.state is State.ASSOCIATED
    assert link.server_events[-1] == RequestReceived(
        kit.CLIENT_SAP, ActionRequestNormal(0x81, RESET, SHORT), confirmed=False
    )
    assert link.ask(GetRequestNormal(0xC1, REGISTER)) == [GetResponseNormal(0xC1, link.value)]


@pytest.mark.parametrize(
    ("farewell", "support", "confirmed"),
    [
        (Farewell.RELEASE, ReleaseSupport.FULL, True),
        (Farewell.RELEASE, ReleaseSupport.PLAIN_ONLY, False),
        (Farewell.PLAIN_RELEASE, ReleaseSupport.FULL, True),
        (Farewell.PLAIN_RELEASE, ReleaseSupport.PLAIN_ONLY, True),
    ],
)
def test_a_release_that_is_refused_is_a_release(kit, farewell, support, confirmed):
    link = kit.link(**both(kit, client={"farewell": farewell}, server={"release": support}))
    link.associate()
    assert link.release() == [Released(confirmed=confirmed)]
    assert link.client.state is State.RELEASED


def test_a_meter_without_rlrq_is_left_by_closing(kit):
    link = kit.link(**both(kit, server={"release": ReleaseSupport.NONE}))
    link.associate()
    assert link.release() == []
    assert link.client.receive_eof() == [Released(confirmed=False)]


def test_a_client_that_hangs_up_sends_nothing(kit):
    link = kit.link(**both(kit, client={"farewell": Farewell.HANG_UP}))
    link.associate()
    assert link.client.release() is False
    assert link.client.take_output() == b""
    assert link.client.state is State.RELEASED


def test_several_clients_of_one_stream_have_an_association_each(kit):
    from headend.dlms import ClientConnection, ServerConnection
    from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming

    public = {"client_sap": 16, "authentication": Authentication.NONE}
    clients = [
        ClientConnection(kit.client_parameters(), WrapperFraming(48, 1)),
        ClientConnection(kit.client_parameters(**public), WrapperFraming(16, 1)),
    ]
    server = ServerConnection(
        {48: kit.server_parameters(), 16: kit.server_parameters(authentication=Authentication.NONE)},
        WrapperServerFraming(1),
    )
    for client in clients:
        client.associate()
    for _ in range(3):
        server.receive(b"".join(client.take_output() for client in clients))
        back = server.take_output()
        for client in clients:
            client.receive(back)
    assert [client.state for client in clients] == [State.ASSOCIATED] * 2
    assert [server.state(sap) for sap in (48, 16)] == [State.ASSOCIATED] * 2
    for client in clients:
        client.send(GetRequestNormal(0xC1, REGISTER))
    events = server.receive(b"".join(client.take_output() for client in clients))
    assert [event.client_sap for event in events] == [48, 16]
    server.respond(GetResponseNormal(0xC1, SHORT), 16)
    server.respond(GetResponseNormal(0xC1, LONG), 48)
    back = server.take_output()
    assert [client.receive(back) for client in clients] == [
        [GetResponseNormal(0xC1, LONG)],
        [GetResponseNormal(0xC1, SHORT)],
    ]


def test_a_new_aarq_ends_the_old_association_and_keeps_its_counter(kit):
    from headend.dlms import ClientConnection
    from headend.dlms.wrapper import WrapperFraming

    link = kit.link(**both(kit))
    link.associate()
    before = link.server.last_received(kit.CLIENT_SAP)
    link.client = ClientConnection(
        kit.client_parameters(challenge=b"D" * 16, security={"counters": count(before + 1)}), WrapperFraming(48, 1)
    )
    assert [type(event) for event in link.associate()] == [Associated]
    assert AssociationClosed(kit.CLIENT_SAP, before) in link.server_events
    assert link.server.last_received(kit.CLIENT_SAP) > before


def test_a_counter_that_ends_is_our_own_fault_and_nothing_is_sent(kit):
    link = kit.link(kit.client_parameters(security={"counters": iter(range(5000, 5003))}))
    link.associate()
    with pytest.raises(LocalError, match="no invocation counter"):
        link.client.send(GetRequestNormal(0xC1, REGISTER))
    assert link.client.take_output() == b""
    assert link.client.state is State.ASSOCIATED
