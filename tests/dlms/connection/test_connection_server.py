"""A server against clients that are wrong, weak or hostile: all is answered as meters answer, and nothing raises."""

from itertools import count

import pytest
from attrs import evolve

from headend.dlms import (
    AssociationClosed,
    AssociationOpened,
    Ciphering,
    ClientConnection,
    DecodeError,
    LocalError,
    Refusal,
    RemoteError,
    RequestReceived,
    RequestRefused,
    SecurityError,
    ServerConnection,
    State,
)
from headend.dlms.apdu import (
    Aare,
    Aarq,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNormal,
    DataNotification,
    ExceptionResponse,
    GetRequestNext,
    GetRequestNormal,
    GetResponseNormal,
    GetResponseWithDatablock,
    InitiateRequest,
    Rlrq,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseNormal,
    decode,
    encode,
)
from headend.dlms.axdr import EncodedData, octet_string, unsigned
from headend.dlms.axdr import encode as encode_data
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.enumerations import (
    ActionResult,
    ApplicationContext,
    Authentication,
    Conformance,
    DataAccessResult,
    ServiceError,
    StateError,
    UserDiagnostic,
)
from headend.dlms.security import protect
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming, encode_wrapper

REGISTER = CosemAttribute(3, Obis.parse("1.0.1.8.0.255"), 2)
RESET = CosemMethod(9, Obis.parse("0.0.10.0.1.255"), 1)
VALUE = EncodedData(encode_data(unsigned(7)))
LONG = EncodedData(encode_data(octet_string(bytes(range(200)))))
LLS = {"authentication": Authentication.LLS}
PLAIN = {**LLS, "security": {"policy": 0}}


class Client:
    """A client that does exactly what a test tells it."""

    def __init__(self, kit, sap=48, **changes):
        self.kit = kit
        self.sap = sap
        self.parameters = kit.server_parameters(**changes)
        self.server = ServerConnection({48: self.parameters}, WrapperServerFraming(1))
        self.events = []

    def say(self, apdu, sap=None):
        """What the server answers, decoded, and None if it says nothing."""
        self.events = self.server.receive(encode_wrapper(sap or self.sap, 1, apdu))
        return self.heard()

    def heard(self):
        octets = self.server.take_output()
        if not octets:
            return None
        assert len(octets) == 8 + int.from_bytes(octets[6:8], "big")
        return decode(octets[8:])

    def seal(self, plain, counter, *, control=0x30, tag=None, keys=None):
        twins = {0x01: 0x21, 0xC0: 0xC8, 0xC1: 0xC9, 0xC3: 0xCB}
        octets = protect(keys or self.kit.KEYS, self.kit.CLIENT_TITLE, control, counter, plain)
        return bytes((tag or twins[plain[0]], len(octets) + 5, control)) + counter.to_bytes(4, "big") + octets

    def aarq(self, *, counter=100, initiate=None, keys=None, **changes):
        initiate = initiate or encode(InitiateRequest(Conformance(0x7EFFFF)))
        ciphered = self.parameters.security is not None and self.parameters.security.policy
        fields = {
            "application_context": ApplicationContext.LN_CIPHERED if ciphered else ApplicationContext.LN,
            "mechanism": self.parameters.authentication or None,
            "authentication_value": b"challenge of ours",
            "calling_ap_title": self.kit.CLIENT_TITLE,
            "user_information": self.seal(initiate, counter, keys=keys) if ciphered else initiate,
        }
        if self.parameters.authentication is Authentication.LLS:
            fields["authentication_value"] = self.kit.SECRET
        fields.update(changes)
        return encode(Aarq(**fields))

    def associate(self):
        self.say(self.aarq())
        assert self.server.state(48) is State.ASSOCIATED
        return self

    @property
    def refusal(self):
        (event,) = [event for event in self.events if isinstance(event, RequestRefused)]
        return event.error


@pytest.fixture
def client(kit):
    return lambda **changes: Client(kit, **changes)


# The AARQ


@pytest.mark.parametrize(
    ("changes", "diagnostic"),
    [
        ({"application_context": ApplicationContext.LN}, UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED),
        ({"mechanism": None}, UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED),
        ({"mechanism": Authentication.HLS_GMAC}, UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        ({"mechanism": b"\x60\x85\x74\x05\x08\x02\x63"}, UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        ({"authentication_value": b"wrong"}, UserDiagnostic.AUTHENTICATION_FAILURE),
        ({"authentication_value": None}, UserDiagnostic.AUTHENTICATION_FAILURE),
        ({"calling_ap_title": None}, UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        ({"calling_ap_title": b"short"}, UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        ({"calling_ap_title": bytes.fromhex("4d4d4d0000bc614e")}, UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        ({"user_information": None}, UserDiagnostic.NO_REASON_GIVEN),
    ],
)
def test_an_aarq_that_asks_wrongly_is_rejected_with_the_reason(client, changes, diagnostic):
    one = client(**LLS)
    answer = one.say(one.aarq(**changes))
    assert isinstance(answer, Aare)
    assert (answer.result, answer.diagnostic) == (1, diagnostic)
    assert isinstance(one.refusal, RemoteError)
    assert one.server.state(48) is State.REFUSED


def test_another_clients_title_is_rejected_where_one_is_pinned(client):
    one = client(**LLS, security={"peer_system_title": b"OTHER001"})
    assert one.say(one.aarq()).diagnostic == UserDiagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED


@pytest.mark.parametrize(
    ("initiate", "error"),
    [
        (InitiateRequest(Conformance.GET, proposed_dlms_version=5), 1),
        (InitiateRequest(Conformance(0)), 2),
        (InitiateRequest(Conformance.GET, 11), 3),
    ],
)
def test_an_initiate_request_that_can_not_be_met_gets_its_initiate_error(client, initiate, error):
    one = client(**LLS)
    answer = one.say(one.aarq(initiate=encode(initiate)))
    assert answer.result == 1
    assert answer.user_information == bytes((0x0E, 1, 6, error))


EXCEPTION = {"refusal": Refusal.EXCEPTION}
SILENCE = {"refusal": Refusal.SILENCE}


@pytest.mark.parametrize(
    ("refusal", "bad_counter", "bad_key"),
    [
        ({}, bytes.fromhex("0e010006"), bytes.fromhex("0e010006")),
        (
            EXCEPTION,
            ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, 101),
            ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.DECIPHERING_ERROR),
        ),
        (SILENCE, None, None),
    ],
)
def test_a_counter_or_key_that_fails_is_refused_as_meters_do(kit, client, refusal, bad_counter, bad_key):
    for aarq, expected in (({"counter": 100}, bad_counter), ({"keys": kit.OTHER_KEYS, "counter": 900}, bad_key)):
        one = client(**LLS, **refusal, security={"last_received": 100})
        answer = one.say(one.aarq(**aarq))
        assert (answer.user_information if isinstance(answer, Aare) else answer) == expected
        assert isinstance(one.refusal, SecurityError)
        assert one.server.last_received(48) == 100
        assert one.server.state(48) is State.REFUSED


def test_our_client_understands_each_refusal(kit):
    for refusal in (Refusal.AARE, Refusal.EXCEPTION):
        link = kit.link(server=kit.server_parameters(refusal=refusal, security={"last_received": 5000}))
        (event,) = link.associate()
        assert "counter" in event.text
        assert event.expected_counter == (5001 if refusal is Refusal.EXCEPTION else None)
    silent = kit.link(server=kit.server_parameters(refusal=Refusal.SILENCE, security={"last_received": 5000}))
    assert silent.associate() == []


def test_the_counter_grows_from_association_to_association(client):
    one = client(**LLS)
    one.associate()
    assert one.say(one.aarq()).result == 1
    assert one.server.last_received(48) == 100
    assert one.say(one.aarq(counter=101)).result == 0
    assert one.server.last_received(48) == 101


def test_a_client_that_wants_no_answer_gets_none(client):
    one = client(**LLS)
    assert one.say(one.aarq(initiate=encode(InitiateRequest(Conformance.GET, response_allowed=False)))) is None
    assert one.server.state(48) is State.ASSOCIATED


def test_a_client_sap_without_an_association_gets_no_answer(client):
    one = client(**LLS)
    assert one.say(one.aarq(), sap=99) is None
    assert one.refusal is not None
    assert one.server.state(99) is State.IDLE


def test_octets_that_are_no_aarq_are_rejected(client):
    one = client(**LLS)
    for octets in (b"\x60", b"\x60\x00", b"\x60\x81", one.aarq()[:-1]):
        answer = one.say(octets)
        assert answer.result == 1
        assert isinstance(one.refusal, DecodeError)


def test_an_hls_server_without_challenges_is_our_own_fault(client):
    one = client(challenges=iter(()))
    with pytest.raises(LocalError, match="challenges"):
        one.say(one.aarq())


def test_the_servers_challenge_must_not_be_the_clients(client):
    one = client(challenges=iter([b"challenge of ours"]))
    assert one.say(one.aarq()).diagnostic == UserDiagnostic.AUTHENTICATION_FAILURE


# HLS


def test_nothing_is_served_before_hls_is_through(client):
    one = client()
    answer = one.say(one.aarq())
    assert answer.diagnostic == UserDiagnostic.AUTHENTICATION_REQUIRED
    for number, request in enumerate((GetRequestNormal(0xC1, REGISTER), ActionRequestNormal(0xC1, RESET, VALUE))):
        refused = one.say(one.seal(encode(request), 101 + number))
        assert refused == ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
        assert not [event for event in one.events if isinstance(event, RequestReceived)]
    assert one.server.state(48) is State.AUTHENTICATING


@pytest.mark.parametrize("parameters", [None, VALUE, EncodedData(b"\x09\x11" + bytes(17)), EncodedData(b"\x09\x00")])
def test_a_wrong_proof_ends_the_association(client, parameters):
    one = client()
    one.say(one.aarq())
    reply = ActionRequestNormal(0xC1, CosemMethod(15, Obis.parse("0.0.40.0.0.255"), 1), parameters)
    one.events = one.server.receive(encode_wrapper(48, 1, one.seal(encode(reply), 101)))
    assert [type(event) for event in one.events] == [RequestRefused, AssociationClosed]
    assert one.server.take_output()[8] == 0xCF
    assert one.server.state(48) is State.REFUSED
    assert one.say(one.seal(encode(GetRequestNormal(0xC1, REGISTER)), 102)).NAME == "exception-response"


def test_a_plain_proof_is_refused_where_all_must_be_protected(client):
    one = client()
    one.say(one.aarq())
    reply = ActionRequestNormal(0xC1, CosemMethod(15, Obis.parse("0.0.40.0.0.255"), 1), VALUE)
    assert one.say(encode(reply)).NAME == "exception-response"
    assert isinstance(one.refusal, SecurityError)
    assert one.server.state(48) is State.AUTHENTICATING


def test_the_proof_may_name_the_association_object_of_its_role(kit):
    link = kit.link()
    link.client.associate()
    link.server_takes(link.client.take_output())
    link.client_takes(link.server.take_output())
    from headend.dlms.connection import handshake

    assert handshake.REPLY_TO_HLS.instance == Obis.parse("0.0.40.0.0.255")
    link.run()
    assert link.client.state is State.ASSOCIATED


# Requests


def test_every_downgrade_and_replay_of_a_request_is_refused_and_changes_nothing(kit, client):
    one = client(**LLS).associate()
    get = encode(GetRequestNormal(0xC1, REGISTER))
    for octets in (
        get,
        one.seal(get, 101, control=0x10),
        one.seal(get, 101, control=0x20),
        one.seal(get, 101, control=0x31),
        one.seal(get, 100),
        one.seal(get, 99),
        one.seal(get, 101, keys=kit.OTHER_KEYS),
        one.seal(get, 101)[:-1] + b"\x00",
    ):
        answer = one.say(octets)
        assert answer == ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
        assert isinstance(one.refusal, SecurityError)
        assert one.server.last_received(48) == 100
        assert one.server.state(48) is State.ASSOCIATED
    one.say(one.seal(get, 101))
    assert one.events == [RequestReceived(48, GetRequestNormal(0xC1, REGISTER))]


def test_an_answer_travels_in_the_envelope_of_its_request(client):
    one = client(**LLS).associate()
    get = encode(GetRequestNormal(0xC1, REGISTER))
    one.say(one.seal(get, 101))
    one.server.respond(GetResponseNormal(0xC1, VALUE))
    assert one.server.take_output()[8] == 0xCC
    one.say(b"\xdb\x08" + one.kit.CLIENT_TITLE + one.seal(get, 102, tag=0xDB)[1:])
    one.server.respond(GetResponseNormal(0xC1, VALUE))
    assert one.server.take_output()[8] == 0xDB


@pytest.mark.parametrize(
    "octets", ["00", "c0", "c001", "c00000", "c001c1", "c4 01 c1 00 11 07", "ff", "61", "08", "01", "0f", "d8 01 01"]
)
def test_octets_that_are_no_request_are_answered_and_nothing_else(client, octets):
    one = client(**PLAIN).associate()
    assert isinstance(one.say(bytes.fromhex(octets)), ExceptionResponse)
    assert one.server.state(48) is State.ASSOCIATED


def test_an_empty_apdu_is_told_and_not_answered(client):
    one = client(**PLAIN).associate()
    assert one.say(b"") is None
    assert isinstance(one.refusal, DecodeError)


def test_a_request_without_association_is_refused(client):
    one = client(**PLAIN)
    assert isinstance(one.say(encode(GetRequestNormal(0xC1, REGISTER))), ExceptionResponse)


def test_what_was_not_negotiated_is_refused(client):
    one = client(**PLAIN, conformance=Conformance.GET)
    one.say(one.aarq())
    answer = one.say(encode(SetRequestNormal(0xC1, REGISTER, None, VALUE)))
    assert answer == ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.SERVICE_NOT_SUPPORTED)
    assert one.events == [RequestRefused(48, one.refusal)]


def test_a_second_request_before_the_answer_is_refused(client):
    one = client(**PLAIN).associate()
    get = encode(GetRequestNormal(0xC1, REGISTER))
    one.say(get)
    assert isinstance(one.say(get), ExceptionResponse)
    one.server.respond(GetResponseNormal(0xC1, VALUE))
    assert one.heard() == GetResponseNormal(0xC1, VALUE)


def test_only_an_answer_to_the_request_can_be_given(client):
    one = client(**PLAIN).associate()
    with pytest.raises(LocalError):
        one.server.respond(GetResponseNormal(0xC1, VALUE))
    one.say(encode(GetRequestNormal(0xC1, REGISTER)))
    for wrong in (SetResponseNormal(0xC1, DataAccessResult.SUCCESS), GetRequestNormal(0xC1, REGISTER)):
        with pytest.raises(LocalError):
            one.server.respond(wrong)
    with pytest.raises(LocalError):
        one.server.respond(GetResponseNormal(0xC1, VALUE), 16)
    one.server.respond(ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON))
    assert one.heard().service_error is ServiceError.OTHER_REASON


def test_a_stream_that_is_no_wrapper_ends_the_connection(client):
    one = client(**PLAIN).associate()
    with pytest.raises(RemoteError):
        one.server.receive(b"\xff" * 8)
    assert one.server.close() == [AssociationClosed(48, -1)]


def test_good_requests_before_a_broken_stream_are_given_first(client):
    one = client(**PLAIN).associate()
    good = encode_wrapper(48, 1, encode(GetRequestNormal(0xC1, REGISTER)))
    assert one.server.receive(good + b"\xff" * 8) == [RequestReceived(48, GetRequestNormal(0xC1, REGISTER))]
    with pytest.raises(RemoteError):
        one.server.receive(b"")


# Release


def test_a_ciphered_release_that_does_not_verify_releases_nothing(kit, client):
    one = client(**LLS).associate()
    initiate = encode(InitiateRequest(Conformance.GET))
    for counter, keys in ((100, None), (101, kit.OTHER_KEYS)):
        rlrq = Rlrq(user_information=one.seal(initiate, counter, keys=keys))
        assert isinstance(one.say(encode(rlrq)), ExceptionResponse)
        assert one.server.state(48) is State.ASSOCIATED
    answer = one.say(encode(Rlrq(user_information=one.seal(initiate, 101))))
    assert answer.NAME == "rlre"
    assert answer.user_information[0] == 0x28
    assert one.events == [AssociationClosed(48, 101)]


def test_a_release_without_association_is_refused(client):
    one = client(**LLS)
    assert isinstance(one.say(encode(Rlrq())), ExceptionResponse)


def test_the_end_of_the_stream_closes_what_stands(client):
    one = client(**LLS).associate()
    assert one.server.receive_eof() == [AssociationClosed(48, 100)]
    assert one.server.receive_eof() == []


# Blocks


def small(client):
    one = client(**PLAIN, conformance=Conformance(0x1F1F))
    one.say(one.aarq(initiate=encode(InitiateRequest(Conformance(0x1F1F), 100))))
    return one


def test_a_long_answer_goes_in_blocks_that_are_asked_for_by_number(client):
    one = small(client)
    one.say(encode(GetRequestNormal(0xC1, REGISTER)))
    one.server.respond(GetResponseNormal(0xC1, LONG))
    raw = b""
    for number in (1, 2, 3):
        block = one.heard() if number == 1 else one.say(encode(GetRequestNext(0xC1, number - 1)))
        assert isinstance(block, GetResponseWithDatablock)
        assert (block.block_number, block.last_block) == (number, number == 3)
        assert len(encode(block)) <= 100
        raw += block.result
    assert raw == LONG.octets
    ended = one.say(encode(GetRequestNext(0xC1, 3)))
    assert ended.result is DataAccessResult.NO_LONG_GET_IN_PROGRESS


def test_a_wrong_block_number_or_invoke_id_ends_the_transfer(client):
    for ask, result in (
        (GetRequestNext(0xC1, 2), DataAccessResult.DATA_BLOCK_NUMBER_INVALID),
        (GetRequestNext(0xC2, 1), DataAccessResult.NO_LONG_GET_IN_PROGRESS),
    ):
        one = small(client)
        one.say(encode(GetRequestNormal(0xC1, REGISTER)))
        one.server.respond(GetResponseNormal(0xC1, LONG))
        one.heard()
        assert one.say(encode(ask)).result is result
        assert one.say(encode(GetRequestNext(0xC1, 1))).result is DataAccessResult.NO_LONG_GET_IN_PROGRESS
        assert one.server.state(48) is State.ASSOCIATED


def test_another_request_ends_a_transfer(client):
    one = small(client)
    one.say(encode(GetRequestNormal(0xC1, REGISTER)))
    one.server.respond(GetResponseNormal(0xC1, LONG))
    one.heard()
    one.say(encode(GetRequestNormal(0xC1, REGISTER)))
    one.server.respond(GetResponseNormal(0xC1, VALUE))
    assert one.heard() == GetResponseNormal(0xC1, VALUE)
    assert one.say(encode(GetRequestNext(0xC1, 1))).result is DataAccessResult.NO_LONG_GET_IN_PROGRESS


def test_a_long_set_is_confirmed_block_by_block_and_given_whole(client):
    one = small(client)
    raw = LONG.octets
    first = SetRequestWithFirstDatablock(0xC1, REGISTER, None, last_block=False, block_number=1, raw_data=raw[:50])
    assert one.say(encode(first)) == SetResponseDatablock(0xC1, 1)
    later = SetRequestWithDatablock(0xC1, last_block=True, block_number=2, raw_data=raw[50:])
    assert one.say(encode(later)) is None
    assert one.events == [RequestReceived(48, SetRequestNormal(0xC1, REGISTER, None, LONG))]
    one.server.respond(SetResponseNormal(0xC1, DataAccessResult.SUCCESS))
    assert one.heard() == SetResponseLastDatablock(0xC1, DataAccessResult.SUCCESS, 2)


def test_blocks_that_do_not_fit_end_a_long_set_or_action(client):
    def set_block(number, *, last=False, octets=b"x"):
        return SetRequestWithDatablock(0xC1, last_block=last, block_number=number, raw_data=octets)

    def action_block(number, *, last=False):
        return ActionRequestWithPblock(0xC1, last_block=last, block_number=number, raw_data=b"x")

    first_set = SetRequestWithFirstDatablock(0xC1, REGISTER, None, last_block=False, block_number=1, raw_data=b"x")
    first_action = ActionRequestWithFirstPblock(0xC1, RESET, last_block=False, block_number=1, raw_data=b"x")
    for before, block, outcome in (
        (None, set_block(2), DataAccessResult.NO_LONG_SET_IN_PROGRESS),
        (first_set, set_block(3), DataAccessResult.LONG_SET_ABORTED),
        (first_set, set_block(1), DataAccessResult.LONG_SET_ABORTED),
        (first_set, set_block(2, octets=b""), DataAccessResult.LONG_SET_ABORTED),
        (first_action, set_block(2), DataAccessResult.NO_LONG_SET_IN_PROGRESS),
        (None, action_block(2), ActionResult.NO_LONG_ACTION_IN_PROGRESS),
        (first_action, action_block(3), ActionResult.LONG_ACTION_ABORTED),
        (first_set, action_block(2), ActionResult.NO_LONG_ACTION_IN_PROGRESS),
    ):
        one = small(client)
        if before is not None:
            one.say(encode(before))
        assert one.say(encode(block)).result is outcome
        assert not one.events
        assert one.server.state(48) is State.ASSOCIATED


def test_a_long_request_without_end_runs_into_the_limit(client):
    one = client(**PLAIN, largest_joined=1000).associate()
    first = SetRequestWithFirstDatablock(0xC1, REGISTER, None, last_block=False, block_number=1, raw_data=bytes(100))
    assert one.say(encode(first)).NAME == "set-response-datablock"
    for number in range(2, 100):
        block = SetRequestWithDatablock(0xC1, last_block=False, block_number=number, raw_data=bytes(100))
        answer = one.say(encode(block))
        if not isinstance(answer, SetResponseDatablock):
            break
    assert number == 11
    assert answer.result is DataAccessResult.LONG_SET_ABORTED


def test_blocks_that_join_to_no_data_are_refused(client):
    one = small(client)
    first = SetRequestWithFirstDatablock(0xC1, REGISTER, None, last_block=True, block_number=1, raw_data=b"\x0a")
    assert isinstance(one.say(encode(first)), ExceptionResponse)
    assert isinstance(one.refusal, DecodeError)


def test_an_answer_that_can_not_be_cut_is_refused_as_too_long(client):
    one = client(**PLAIN)
    one.say(one.aarq(initiate=encode(InitiateRequest(Conformance.GET, 100))))
    one.say(encode(GetRequestNormal(0xC1, REGISTER)))
    one.server.respond(GetResponseNormal(0xC1, LONG))
    assert one.heard().service_error is ServiceError.PDU_TOO_LONG
    assert one.server.state(48) is State.ASSOCIATED


def test_a_notification_needs_an_association_and_room(client):
    push = DataNotification(1, b"", LONG)
    one = client(**PLAIN)
    with pytest.raises(LocalError):
        one.server.notify(48, push)
    one.say(one.aarq(initiate=encode(InitiateRequest(Conformance.GET, 100))))
    with pytest.raises(LocalError, match="takes 100"):
        one.server.notify(48, push)
    one.server.notify(48, DataNotification(1, b"", VALUE))
    assert one.heard() == DataNotification(1, b"", VALUE)


def test_an_outcome_without_data_is_one_octet_and_a_flag(client):
    one = client(**PLAIN).associate()
    one.say(encode(ActionRequestNormal(0xC1, RESET, None)))
    one.server.respond(ActionResponseNormal(0xC1, ActionResult.SUCCESS))
    assert one.server.take_output()[8:] == bytes.fromhex("c701c10000")


def test_a_dedicated_key_of_another_length_is_rejected(client):
    one = client(**LLS)
    initiate = encode(InitiateRequest(Conformance.GET, dedicated_key=b"short"))
    assert one.say(one.aarq(initiate=initiate)).result == 1


def test_events_of_one_association_name_the_client_and_its_title(client):
    one = client(**LLS)
    one.say(one.aarq())
    (event,) = one.events
    assert isinstance(event, AssociationOpened)
    assert (event.client_sap, event.peer_system_title) == (48, one.kit.CLIENT_TITLE)


def test_a_client_with_another_key_only_ever_gets_an_event(kit):
    for changes in ({}, {"refusal": Refusal.EXCEPTION}):
        for ciphering in Ciphering:
            wrong = {"keys": kit.OTHER_KEYS, "ciphering": ciphering}
            link = kit.link(kit.client_parameters(security=wrong), kit.server_parameters(**changes))
            (event,) = link.associate()
            assert "decipher" in event.text
            assert link.client.state is State.REFUSED


def test_counters_of_a_server_are_spent_once_each(kit):
    used = []

    def counters():
        for number in count(1):
            used.append(number)
            yield number

    link = kit.link(server=kit.server_parameters(security={"counters": counters()}))
    link.associate()
    link.ask(GetRequestNormal(0xC1, REGISTER))
    link.release()
    assert used == [1, 2, 3, 4, 5]


def test_parameters_that_can_not_work_are_refused_before_anything_is_sent(kit):
    base = kit.client_parameters()
    for changes in (
        {"challenge": b"short"},
        {"challenge": bytes(65)},
        {"security": None},
        {"authentication": Authentication.HLS_ECDSA},
        {"security": evolve(base.security, ciphering=Ciphering.DED)},
        {"security": evolve(base.security, peer_system_title=kit.CLIENT_TITLE)},
    ):
        with pytest.raises(LocalError):
            ClientConnection(evolve(base, **changes), WrapperFraming(48, 1))
    for changes in (
        {"suite": 3},
        {"policy": 0x31},
        {"system_title": b"short"},
        {"peer_system_title": b"short"},
    ):
        with pytest.raises(LocalError):
            evolve(base.security, **changes)
    for changes in ({"max_pdu_size": 11}, {"max_pdu_size": 65536}, {"window": 0}, {"window": 64}):
        with pytest.raises(LocalError):
            evolve(base, **changes)
