"""What happens seldom: each branch that whole sessions and hostile peers leave alone."""

import pytest
from attrs import evolve

from headend.dlms import (
    Associated,
    AssociationRejected,
    Ciphering,
    ClientConnection,
    ClientParameters,
    DecodeError,
    EndToEndKeys,
    LocalError,
    Released,
    RemoteError,
    RequestReceived,
    Security,
    SecurityError,
    ServerConnection,
    State,
    prepare,
)
from headend.dlms.apdu import (
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessService,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    ConfirmedServiceError,
    DataNotification,
    ExceptionResponse,
    GeneralHeader,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    InitiateRequest,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
    encode,
)
from headend.dlms.axdr import EncodedData, octet_string
from headend.dlms.axdr import encode as encode_data
from headend.dlms.blocks.services import LongRequest
from headend.dlms.connection.counters import InvocationCounter
from headend.dlms.connection.end_to_end import EndToEnd
from headend.dlms.connection.exchange import Exchange
from headend.dlms.connection.protection import Protection
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.enumerations import (
    ActionResult,
    Authentication,
    ConfirmedService,
    Conformance,
    DataAccessResult,
    ErrorGroup,
)
from headend.dlms.hdlc import HdlcFraming
from headend.dlms.security import KeyContext, SigningContext, private_key, protect, sign_general
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming, encode_wrapper

CLOCK = CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2)
RESET = CosemMethod(9, Obis.parse("0.0.10.0.1.255"), 1)
VALUE = EncodedData(b"\x11\x07")
LONG = EncodedData(encode_data(octet_string(bytes(300))))
DENIED = DataAccessResult.READ_WRITE_DENIED
GET = GetRequestNormal(0xC1, CLOCK)
GETS = GetRequestWithList(0xC1, ((CLOCK, None), (CLOCK, None)))
SET = SetRequestNormal(0xC1, CLOCK, None, LONG)
SETS = SetRequestWithList(0xC1, ((CLOCK, None), (CLOCK, None)), (LONG, LONG))
ACTION = ActionRequestNormal(0xC1, RESET, LONG)
ACTIONS = ActionRequestWithList(0xC1, (RESET, RESET), (LONG, LONG))
ACCESS = AccessRequest(0x40000001, b"", (AccessGet(CLOCK),), (VALUE,))


def exchange(request, *, long=False):
    blocks = None
    if long:
        blocks = LongRequest(request, 100)
        blocks.take()
    return Exchange(prepare(request), 1000, blocks)


def access_response(invoke=0x40000001, results=1):
    result = AccessResult(AccessService.GET, DataAccessResult.SUCCESS)
    return AccessResponse(invoke, b"", None, (VALUE,) * results, (result,) * results)


def pblock(*, last, raw):
    return ActionResponseWithPblock(0xC1, last, 1, raw)


def datablock(number, raw, *, last=False):
    return GetResponseWithDatablock(0xC1, last, number, raw)


BOTH_DENIED = ActionResponseWithList(0xC1, ((ActionResult.READ_WRITE_DENIED, None),) * 2)


@pytest.mark.parametrize(
    ("request_", "long", "answer", "expected"),
    [
        (GETS, False, GetResponseNormal(0xC1, DENIED), GetResponseWithList(0xC1, (DENIED, DENIED))),
        (SETS, False, SetResponseNormal(0xC1, DENIED), SetResponseWithList(0xC1, (DENIED, DENIED))),
        (SETS, True, SetResponseLastDatablock(0xC1, DENIED, 1), SetResponseWithList(0xC1, (DENIED, DENIED))),
        (ACTIONS, False, ActionResponseNormal(0xC1, ActionResult.READ_WRITE_DENIED), BOTH_DENIED),
        (ACTION, True, ActionResponseNormal(0xC1, ActionResult.TEMPORARY_FAILURE), None),
        (ACCESS, False, access_response(), None),
    ],
)
def test_one_error_for_a_whole_list_is_an_error_of_each(request_, long, answer, expected):
    assert exchange(request_, long=long).take(answer) == (expected or answer)


@pytest.mark.parametrize(
    ("request_", "long", "answer"),
    [
        (GET, False, GetResponseWithList(0xC1, (VALUE,))),
        (GETS, False, GetResponseNormal(0xC1, VALUE)),
        (GET, False, ExceptionResponse(1, 1)),
        (SETS, False, SetResponseNormal(0xC1, DataAccessResult.SUCCESS)),
        (SET, False, SetResponseLastDatablock(0xC1, DataAccessResult.SUCCESS, 1)),
        (SET, True, SetResponseLastDatablock(0xC1, DENIED, 2)),
        (SETS, True, SetResponseLastDatablockWithList(0xC1, (DataAccessResult.SUCCESS, DENIED), 1)),
        (SETS, False, SetResponseWithList(0xC1, (DENIED,))),
        (SET, False, SetResponseDatablock(0xC1, 1)),
        (ACTIONS, False, ActionResponseNormal(0xC1, ActionResult.SUCCESS)),
        (ACTION, True, ActionResponseNormal(0xC1, ActionResult.SUCCESS)),
        (ACTION, False, ActionResponseNextPblock(0xC1, 1)),
        (ACTION, True, ActionResponseNextPblock(0xC1, 2)),
        (ACTION, True, pblock(last=False, raw=b"x")),
        (ACTIONS, False, ActionResponseWithList(0xC1, ((ActionResult.SUCCESS, None),))),
        (GET, False, access_response()),
        (ACCESS, False, access_response(invoke=0x40000002)),
        (ACCESS, False, access_response(results=2)),
    ],
)
def test_what_does_not_answer_a_request_is_refused(request_, long, answer):
    with pytest.raises(RemoteError):
        exchange(request_, long=long).take(answer)


def test_an_outcome_in_the_middle_of_an_actions_blocks_is_refused_unless_it_is_an_error():
    for result, error in ((ActionResult.SUCCESS, True), (ActionResult.TEMPORARY_FAILURE, False)):
        one = exchange(ACTION)
        more = one.take(pblock(last=False, raw=b"\x00"))
        assert more == encode(ActionRequestNextPblock(0xC1, 1))
        if error:
            with pytest.raises(RemoteError):
                one.take(ActionResponseNormal(0xC1, result))
        else:
            assert one.take(ActionResponseNormal(0xC1, result)).result is result


@pytest.mark.parametrize(
    ("raw", "returned"), [(b"\x00\x01\x00\x11\x07", VALUE), (b"\x00\x00", None), (b"\x11\x07", VALUE)]
)
def test_an_actions_blocks_join_to_an_outcome_or_to_the_bare_data_that_some_meters_send(raw, returned):
    answer = exchange(ACTION).take(pblock(last=True, raw=raw))
    assert answer == ActionResponseNormal(0xC1, ActionResult.SUCCESS, returned)


def test_an_actions_blocks_that_join_to_nothing_are_refused():
    with pytest.raises(DecodeError):
        exchange(ACTION).take(pblock(last=True, raw=b"\x11\x07\x08"))


def test_blocks_are_read_alike_from_octets_and_from_an_apdu():
    for request, first in ((GET, b"\x09\x02"), (GETS, b"\x02\x00\x11\x07\x01")):
        outcomes = []
        last_octets = b"\x0b" * (2 if request is GET else 1)
        for take in (lambda one, apdu: one.take(apdu), lambda one, apdu: one.take_octets(encode(apdu))):
            one = exchange(request)
            outcomes.append(take(one, datablock(1, first)))
            outcomes.append(take(one, datablock(2, last_octets, last=True)))
        assert outcomes[:2] == outcomes[2:]
        assert outcomes[0] == encode(GetRequestNext(0xC1, 1))


@pytest.mark.parametrize(
    "octets", ["c402c1000000000100 05 01", "c402c1000000000100 82", "c402c1000000000102", "c402c1"]
)
def test_a_block_that_is_cut_is_refused(octets):
    with pytest.raises(DecodeError):
        exchange(GET).take_octets(bytes.fromhex(octets))


@pytest.fixture
def plain(kit):
    """A client and a server without keys or passwords, associated."""

    def make(**changes):
        link = kit.link(
            ClientParameters(client_sap=16),
            kit.server_parameters(authentication=Authentication.NONE, security={"policy": 0}, **changes),
        )
        link.associate()
        return link

    return make


def test_a_public_client_knows_sizes_and_a_claimed_title_and_no_counter(plain, kit):
    link = plain(max_pdu_size=300)
    assert link.client.max_pdu_size == 300
    assert link.client.last_received == -1
    assert link.client.peer_system_title == kit.METER_TITLE


def test_only_requests_can_be_sent(plain):
    link = plain()
    for apdu in (GetRequestNext(0xC1, 1), GetResponseNormal(0xC1, VALUE)):
        with pytest.raises(LocalError, match="is no request"):
            link.client.send(apdu)


def test_a_request_after_a_plain_error_has_another_invoke_id_in_either_form(kit):
    link = kit.link()
    link.associate()
    seen = []
    link.answer = lambda request: seen.append(request) or ExceptionResponse(1, 1)
    for request in (ACCESS, ACCESS, GET, GET):
        link.ask(request)
    assert [apdu.long_invoke & 0xF for apdu in seen[:2]] == [1, 0]
    assert [apdu.invoke & 0xF for apdu in seen[2:]] == [3, 2]


def test_an_hdlc_link_that_stays_silent_ends_the_connection(kit):
    client = ClientConnection(kit.client_parameters(), HdlcFraming(48, 1))
    client.associate()
    client.take_output()
    assert client.waiting
    with pytest.raises(RemoteError, match="attempts"):
        for _ in range(10):
            client.timeout()
            client.take_output()
    assert client.state is State.BROKEN
    assert client.timeout() == []


def test_a_ciphered_error_answers_a_release(kit):
    link = kit.link()
    link.associate()
    link.client.release()
    error = encode(ConfirmedServiceError(ConfirmedService.READ, ErrorGroup.APPLICATION_REFERENCE, 6))
    octets = protect(kit.KEYS, kit.METER_TITLE, 0x30, 9000, error)
    apdu = bytes((0x2E, len(octets) + 5, 0x30)) + (9000).to_bytes(4, "big") + octets
    assert link.client.receive(encode_wrapper(1, 48, apdu)) == [Released(confirmed=False)]


def test_a_notification_may_cross_the_release(kit):
    link = kit.link()
    link.associate()
    push = DataNotification(1, b"", VALUE)
    link.server.notify(48, push)
    assert link.release() == [push, Released(confirmed=True)]


def test_counters_that_do_not_grow_are_our_own_fault(kit):
    link = kit.link(kit.client_parameters(security={"counters": iter([5, 5])}))
    with pytest.raises(LocalError, match="never used twice"):
        link.associate()


def test_protection_needs_what_its_policy_asks_for(kit):
    security = Security(system_title=kit.CLIENT_TITLE, keys=KeyContext(bytes(16)), counters=iter([1]))
    with pytest.raises(LocalError, match="authentication key"):
        Protection(security, InvocationCounter(iter([1])), general=False)
    with pytest.raises(LocalError, match="policy"):
        EndToEnd(
            EndToEndKeys.identified(kit.KEYS),
            InvocationCounter(iter([1])),
            title=kit.CLIENT_TITLE,
            peer_title=None,
            policy=0,
            suite=0,
        )


def test_an_envelope_too_short_for_its_tag_or_from_nobody_known_is_refused(kit):
    security = Security(system_title=kit.CLIENT_TITLE, keys=kit.KEYS, counters=iter([1]))
    one = Protection(security, InvocationCounter(iter([1])), general=False)
    with pytest.raises(DecodeError, match="too few for a tag"):
        one.open(bytes.fromhex("cc0a30000000050102030405"))
    with pytest.raises(SecurityError, match="not known"):
        one.open(bytes((0xCC, 25, 0x30)) + bytes((0, 0, 0, 5)) + bytes(20))


def test_a_signed_apdu_must_be_ciphered_inside(kit):
    ours, theirs = private_key(1, b"\x01" * 32), private_key(1, b"\x02" * 32)
    keys = EndToEndKeys.identified(kit.KEYS, SigningContext(1, ours, theirs.public_key()))
    titles = {"title": kit.CLIENT_TITLE, "peer_title": kit.METER_TITLE, "policy": 0x30, "suite": 0}
    one = EndToEnd(keys, InvocationCounter(iter([1])), **titles)
    header = GeneralHeader(b"1", kit.METER_TITLE, kit.CLIENT_TITLE)
    signed = sign_general(header, encode(GET), SigningContext(1, theirs, ours.public_key()))
    with pytest.raises(SecurityError, match="not ciphered"):
        one.open(encode(signed))


def test_a_general_envelope_falls_back_to_the_specific_one_where_the_meter_lacks_it(kit):
    conformance = Conformance.GET | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    link = kit.link(
        kit.client_parameters(security={"ciphering": Ciphering.GENERAL_GLO}),
        kit.server_parameters(conformance=conformance),
    )
    assert [type(event) for event in link.associate()] == [Associated]
    link.ask(GET)
    assert link.to_server[-1][8] == 0xC8


@pytest.mark.parametrize("authentication", [Authentication.HLS_MD5, Authentication.HLS_SHA1])
def test_hls_by_hashes_needs_no_keys(kit, authentication):
    link = kit.link(
        evolve(kit.client_parameters(authentication=authentication), security=None),
        evolve(kit.server_parameters(authentication=authentication), security=None),
    )
    assert [type(event) for event in link.associate()] == [Associated]
    wrong = kit.link(
        evolve(kit.client_parameters(authentication=authentication, secret=b"another"), security=None),
        evolve(kit.server_parameters(authentication=authentication), security=None),
    )
    (event,) = wrong.associate()
    assert isinstance(event, AssociationRejected)
    assert "authentication refused by the meter" in event.text


def test_a_manufacturers_proof_may_be_long(kit):
    def long_proof(challenge, secret):
        return (challenge + secret) * 5

    link = kit.link(
        kit.client_parameters(authentication=Authentication.HLS, manufacturer=long_proof),
        kit.server_parameters(authentication=Authentication.HLS, manufacturer=long_proof),
    )
    assert [type(event) for event in link.associate()] == [Associated]


def test_an_aarq_with_anything_but_an_initiate_request_is_rejected(kit):
    link = kit.link(
        ClientParameters(client_sap=48),
        kit.server_parameters(authentication=Authentication.NONE, security={"policy": 0}),
    )
    from headend.dlms.connection import initiation
    from headend.dlms.enumerations import ApplicationContext

    aarq = initiation.aarq(ApplicationContext.LN, None, kit.CLIENT_TITLE, None, encode(GET))
    link.server.receive(encode_wrapper(48, 1, aarq))
    assert link.server.state(48) is State.REFUSED


def test_hls_with_a_challenge_of_a_wrong_length_is_rejected(kit):
    from headend.dlms.connection import initiation
    from headend.dlms.connection.parameters import FULL_CONFORMANCE
    from headend.dlms.enumerations import ApplicationContext

    parameters = kit.server_parameters(security={"policy": 0})
    server = ServerConnection({48: parameters}, WrapperServerFraming(1))
    initiate = encode(InitiateRequest(FULL_CONFORMANCE))
    aarq = initiation.aarq(ApplicationContext.LN, Authentication.HLS_GMAC, kit.CLIENT_TITLE, b"short", initiate)
    server.receive(encode_wrapper(48, 1, aarq))
    assert server.state(48) is State.REFUSED


def test_a_servers_timer_is_its_framings(kit):
    link = kit.link()
    assert not link.server.waiting
    assert link.server.timeout() == []


def test_general_blocks_that_were_not_negotiated_are_refused(plain):
    link = plain(conformance=Conformance.GET)
    block = bytes.fromhex("e0810001000003c00101")
    assert [type(event).__name__ for event in link.server.receive(encode_wrapper(16, 1, block))] == ["RequestRefused"]
    assert link.server.take_output()[8] == 0xD8


def test_a_pre_established_association_takes_no_aarq(kit):
    server = ServerConnection(
        {64: kit.server_parameters(authentication=Authentication.NONE, security={"policy": 0}, pre_established=True)},
        WrapperServerFraming(1),
    )
    client = ClientConnection(ClientParameters(client_sap=64), WrapperFraming(64, 1))
    client.associate()
    (refused,) = server.receive(client.take_output())
    assert "second AARQ" in str(refused.error)
    assert server.state(64) is State.ASSOCIATED
    (asked,) = server.receive(encode_wrapper(64, 1, encode(GET)))
    assert asked == RequestReceived(64, GET)


def test_a_client_without_room_for_blocks_is_told_that_the_answer_is_too_long(kit):
    link = kit.link(
        ClientParameters(client_sap=16, max_pdu_size=12, conformance=Conformance.GET),
        kit.server_parameters(authentication=Authentication.NONE, security={"policy": 0}),
        value=LONG,
    )
    link.associate()
    (event,) = link.ask(GET)
    assert isinstance(event, ExceptionResponse)


def test_an_actions_next_block_that_nobody_has_is_an_error(plain):
    link = plain()
    link.server.receive(encode_wrapper(16, 1, encode(ActionRequestNextPblock(0xC1, 1))))
    assert link.server.take_output()[8:] == encode(ActionResponseNormal(0xC1, ActionResult.NO_LONG_ACTION_IN_PROGRESS))
