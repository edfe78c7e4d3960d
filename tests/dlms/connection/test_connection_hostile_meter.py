"""A client against meters that are wrong, weak or hostile: each fault ends in an event or a `RemoteError`."""

from itertools import count

import pytest

from headend.dlms import (
    Associated,
    AssociationRejected,
    Ciphering,
    ClientConnection,
    Released,
    RemoteError,
    SecurityError,
    State,
)
from headend.dlms.apdu import (
    Aare,
    ActionRequestNormal,
    ActionResponseNormal,
    ConfirmedServiceError,
    ExceptionResponse,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    InitiateResponse,
    Rlre,
    SetRequestNormal,
    SetResponseDatablock,
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
    AssociationResult,
    Authentication,
    ConfirmedService,
    Conformance,
    DataAccessResult,
    DiagnosticSource,
    ErrorGroup,
    ServiceError,
    StateError,
    UserDiagnostic,
)
from headend.dlms.errors import DecodeError, LocalError
from headend.dlms.security import HlsContext, hls_reply, protect
from headend.dlms.wrapper import WrapperFraming, encode_wrapper

REGISTER = CosemAttribute(3, Obis.parse("1.0.1.8.0.255"), 2)
RELAY = CosemMethod(70, Obis.parse("0.0.96.3.10.255"), 1)
VALUE = EncodedData(encode_data(unsigned(7)))
STOC = b"challenge of meter"
FULL = Conformance(0x7EFFFF & ~0x1F0000 | 0x400000)
GLO = {0x08: 0x28, 0x0E: 0x2E, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF, 0xC2: 0xCA}


class Meter:
    """A meter that does exactly what a test tells it, with the right keys unless told otherwise."""

    def __init__(self, kit, **changes):
        self.kit = kit
        self.counter = count(7000)
        self.keys = kit.KEYS
        self.parameters = kit.client_parameters(**changes)
        self.client = ClientConnection(self.parameters, WrapperFraming(48, 1))
        self.client.associate()
        self.sent = [self.client.take_output()]

    def say(self, apdu):
        """The client's events after `apdu`; what it sends in turn is kept in `sent`."""
        events = self.client.receive(encode_wrapper(1, 48, apdu))
        self.sent.append(self.client.take_output())
        return events

    def seal(self, plain, *, counter=None, control=0x30, title=None, keys=None, tag=None):
        counter = next(self.counter) if counter is None else counter
        octets = protect(keys or self.keys, title or self.kit.METER_TITLE, control, counter, plain)
        body = bytes((control,)) + counter.to_bytes(4, "big") + octets
        length = bytes((len(body),)) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
        return bytes((GLO[plain[0]] if tag is None else tag,)) + length + body

    def initiate(self, **changes):
        return encode(InitiateResponse(changes.pop("conformance", FULL), changes.pop("size", 1024), **changes))

    def aare(self, *, initiate=None, protect=True, **changes):
        initiate = self.initiate() if initiate is None else initiate
        fields = {
            "application_context": ApplicationContext.LN_CIPHERED,
            "result": AssociationResult.ACCEPTED,
            "diagnostic": UserDiagnostic.AUTHENTICATION_REQUIRED,
            "mechanism": self.parameters.authentication,
            "authentication_value": STOC,
            "responding_ap_title": self.kit.METER_TITLE,
            "user_information": self.seal(initiate) if protect else initiate,
        }
        if self.parameters.authentication < Authentication.HLS:
            fields.update(mechanism=None, authentication_value=None, diagnostic=0)
        fields.update(changes)
        return encode(Aare(**fields))

    def proof(self, *, result=ActionResult.SUCCESS, keys=None, challenge=None, **changes):
        reply = hls_reply(
            HlsContext(
                mechanism=Authentication.HLS_GMAC,
                own_system_title=self.kit.METER_TITLE,
                peer_system_title=self.kit.CLIENT_TITLE,
                keys=keys or self.keys,
            ),
            received=challenge or self.parameters.challenge,
            sent=STOC,
            invocation_counter=next(self.counter),
        )
        returned = EncodedData(encode_data(octet_string(reply)))
        fields = {"invoke": 0xC1, "result": result, "returned": returned}
        fields.update(changes)
        return encode(ActionResponseNormal(**fields))

    def associate(self):
        self.say(self.aare())
        if self.parameters.authentication >= Authentication.HLS:
            self.say(self.seal(self.proof()))
        assert self.client.state is State.ASSOCIATED
        return self

    def ask(self, request=None):
        self.client.send(request or GetRequestNormal(0xC1, REGISTER))
        self.sent.append(self.client.take_output())

    def refuses(self, apdu, error=SecurityError, match=None):
        """The client must not believe `apdu`, must stay unusable, and must not move its counter."""
        before = self.client.last_received
        with pytest.raises(error, match=match):
            self.say(apdu)
        assert self.client.state is State.BROKEN
        assert self.client.last_received == before
        assert self.client.take_output() == b""
        assert self.client.receive(encode_wrapper(1, 48, apdu)) == []
        with pytest.raises(LocalError):
            self.client.send(GetRequestNormal(0xC1, REGISTER))
        return True


def block(*, last, number, result):
    return GetResponseWithDatablock(0xC1, last, number, result)


@pytest.fixture
def meter(kit):
    return lambda **changes: Meter(kit, **changes)


# The AARE


def test_an_honest_meter_is_believed(meter):
    one = meter()
    assert one.say(one.aare()) == []
    assert one.client.state is State.AUTHENTICATING
    (event,) = one.say(one.seal(one.proof()))
    assert event == Associated(one.client.conformance, 1024, one.kit.METER_TITLE)
    one.ask()
    assert one.say(one.seal(encode(GetResponseNormal(0xC1, VALUE)))) == [GetResponseNormal(0xC1, VALUE)]


def test_aare_without_hls_never_moves_an_hls_client_to_associated(meter):
    plain = {"mechanism": None, "authentication_value": None, "diagnostic": 0}
    one = meter()
    assert one.refuses(one.aare(**plain), match="challenge")


def test_a_weaker_mechanism_in_the_aare_is_a_downgrade(meter):
    for mechanism in (Authentication.LLS, Authentication.HLS_MD5, Authentication.HLS):
        one = meter()
        assert one.refuses(one.aare(mechanism=mechanism), match="mechanism")


def test_an_aare_may_leave_the_mechanism_out_since_its_proof_is_demanded_anyway(meter):
    one = meter()
    one.say(one.aare(mechanism=None))
    assert one.client.state is State.AUTHENTICATING


def test_a_plain_context_is_a_downgrade_of_the_suite(meter):
    one = meter()
    aare = one.aare(application_context=ApplicationContext.LN, protect=False)
    assert one.refuses(aare, match="context")


def test_a_plain_initiate_response_in_a_ciphered_context_is_refused(meter):
    one = meter()
    assert one.refuses(one.aare(protect=False), match="not protected")


@pytest.mark.parametrize("control", [0x10, 0x20, 0x31, 0x32, 0xB0, 0x70, 0x00])
def test_a_frames_own_security_control_never_decides_what_is_checked(meter, control):
    one = meter()
    aare = one.aare(initiate=one.seal(one.initiate(), control=control & 0x7F), protect=False)
    assert one.refuses(aare if control < 0x80 else aare.replace(b"\x28\x1f\x30", b"\x28\x1f\xb0"))


def test_another_system_title_than_the_pinned_one_is_refused(meter):
    one = meter(security={"peer_system_title": b"OTHER001"})
    assert one.refuses(one.aare(), match="system title")


def test_our_own_system_title_is_refused_as_the_peers(meter):
    one = meter()
    assert one.refuses(one.aare(responding_ap_title=one.kit.CLIENT_TITLE), match="our own")


def test_a_system_title_of_another_length_is_refused(meter):
    one = meter()
    assert one.refuses(one.aare(responding_ap_title=b"short"), RemoteError)


def test_no_system_title_at_all_is_refused_unless_it_is_pinned(meter, kit):
    one = meter()
    assert one.refuses(one.aare(responding_ap_title=None))
    pinned = meter(security={"peer_system_title": kit.METER_TITLE})
    assert pinned.say(pinned.aare(responding_ap_title=None)) == []
    assert pinned.client.peer_system_title == kit.METER_TITLE


def test_our_own_challenge_sent_back_is_refused(meter):
    one = meter()
    assert one.refuses(one.aare(authentication_value=one.parameters.challenge), match="our own challenge")


@pytest.mark.parametrize("length", [0, 7, 65])
def test_a_challenge_of_a_wrong_length_is_refused(meter, length):
    one = meter()
    assert one.refuses(one.aare(authentication_value=bytes(length)), RemoteError)


def test_another_dlms_version_is_refused(meter):
    one = meter(authentication=Authentication.LLS)
    with pytest.raises(RemoteError, match="version"):
        one.say(one.aare(initiate=one.initiate(negotiated_dlms_version=5)))


def test_a_pdu_size_too_small_for_anything_is_refused(meter):
    one = meter(authentication=Authentication.LLS)
    with pytest.raises(RemoteError, match="too few"):
        one.say(one.aare(initiate=one.initiate(size=11)))


def test_a_pdu_size_of_0_is_no_limit(meter):
    one = meter(authentication=Authentication.LLS)
    (event,) = one.say(one.aare(initiate=one.initiate(size=0)))
    assert event.max_pdu_size == 65535


def test_an_acceptance_without_initiate_response_is_refused(meter):
    one = meter()
    assert one.refuses(one.aare(user_information=None), RemoteError)


def test_a_meter_that_wants_hls_from_an_lls_client_rejects_it(meter):
    one = meter(authentication=Authentication.LLS)
    (event,) = one.say(one.aare(diagnostic=UserDiagnostic.AUTHENTICATION_REQUIRED, authentication_value=STOC))
    assert isinstance(event, AssociationRejected)
    assert one.client.state is State.REFUSED


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [
        (UserDiagnostic.AUTHENTICATION_FAILURE, "authentication refused by the meter"),
        (UserDiagnostic.NO_REASON_GIVEN, "no reason given"),
        (UserDiagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED, "authentication mechanism"),
        (UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, "ciphering"),
        (UserDiagnostic(99), "unknown-99"),
    ],
)
def test_a_rejection_says_why(meter, diagnostic, text):
    one = meter()
    aare = one.aare(result=AssociationResult.REJECTED_PERMANENT, diagnostic=diagnostic, user_information=None)
    (event,) = one.say(aare)
    assert text in event.text
    assert event.diagnostic == diagnostic
    assert one.client.state is State.REFUSED


def test_a_rejection_of_the_service_provider_is_told_apart(meter):
    one = meter()
    (event,) = one.say(
        one.aare(result=1, diagnostic=2, diagnostic_source=DiagnosticSource.ACSE_SERVICE_PROVIDER, protect=False)
    )
    assert event.source is DiagnosticSource.ACSE_SERVICE_PROVIDER
    assert "no-common-acse-version" in event.text


DECIPHERING = encode(ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, ErrorGroup.APPLICATION_REFERENCE, 6))


@pytest.mark.parametrize("form", ["plain", "ciphered", "under another key", "rubbish"])
def test_a_rejection_is_heard_whatever_key_its_service_error_is_under(meter, kit, form):
    one = meter()
    information = {
        "plain": DECIPHERING,
        "ciphered": one.seal(DECIPHERING),
        "under another key": one.seal(DECIPHERING, keys=kit.OTHER_KEYS),
        "rubbish": b"\x0e\x01",
    }[form]
    (event,) = one.say(one.aare(result=1, diagnostic=1, user_information=information))
    assert isinstance(event, AssociationRejected)
    assert ("can't decipher" in event.text) == (form in ("plain", "ciphered"))


RECORDED_REJECTIONS = [
    "6117a109060760857405080101a203020101a305a10302010d",
    "6129a109060760857405080101a203020101a305a10302010dbe10040e0800065f1f040000101400800080",
    "611fa109060760857405080101a203020101a305a103020101be0604040e010604",
    "613ea109060760857405080103a203020101a305a103020101a40a04084b464d3434383831be1904172e153000000027ab078e5da8eecf61040812f75cb5b5ea",
    "613ea109060760857405080103a203020101a305a203020102a40a0408534147000b1abb67be1904172e153000005449825ac2c0b89a4d3e70826eaa557bbe2c",
    "613ea109060760857405080103a203020101a305a103020100a40a04083030303038383932be1904172e153000006557bf743e38941603d83103a0657cdb659c",
    "611fa109060760857405080103a203020101a305a103020101be0604040e010006",
]


@pytest.mark.parametrize("octets", RECORDED_REJECTIONS)
def test_every_recorded_rejection_is_an_event(meter, octets):
    one = meter()
    (event,) = one.say(bytes.fromhex(octets))
    assert isinstance(event, AssociationRejected)
    assert event.text


@pytest.mark.parametrize(
    ("apdu", "text", "counter"),
    [
        (ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE), "not-possible", None),
        (ExceptionResponse(StateError(2), ServiceError.INVOCATION_COUNTER_ERROR, 123), "counter is too low", 123),
        (ExceptionResponse(StateError(2), ServiceError.DECIPHERING_ERROR), "can't decipher", None),
        (ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, ErrorGroup.INITIATE, 2), "initiate 2", None),
    ],
)
def test_an_error_instead_of_an_aare_is_a_rejection(meter, apdu, text, counter):
    one = meter()
    (event,) = one.say(encode(apdu))
    assert text in event.text
    assert event.expected_counter == counter
    assert one.client.state is State.REFUSED


def test_anything_else_instead_of_an_aare_is_refused(meter):
    for octets in (encode(GetResponseNormal(0xC1, VALUE)), encode(Rlre()), b"\x61", b"\x00", b"\xff"):
        one = meter()
        assert one.refuses(octets, RemoteError)


def test_a_meter_that_speaks_first_is_refused(kit):
    client = ClientConnection(kit.client_parameters(), WrapperFraming(48, 1))
    with pytest.raises(RemoteError, match="before it was asked"):
        client.receive(encode_wrapper(1, 48, encode(GetResponseNormal(0xC1, VALUE))))


def test_an_empty_apdu_is_refused(meter):
    one = meter()
    with pytest.raises(DecodeError):
        one.say(b"")


def test_an_aare_with_long_lengths_is_read(meter):
    one = meter()
    aare = one.aare(authentication_value=bytes(range(64)), implementation_information=b"\x04\x81\xc8" + bytes(200))
    assert aare[1] >= 0x81
    one.say(aare)
    assert one.client.state is State.AUTHENTICATING


def test_a_server_that_starts_its_counter_at_0_is_believed(meter):
    one = meter()
    one.counter = count(0)
    one.associate()
    assert one.client.last_received == 2


# HLS


def test_the_proof_may_come_plain_and_is_verified_all_the_same(meter, kit):
    one = meter()
    one.say(one.aare())
    assert [type(event) for event in one.say(one.proof())] == [Associated]
    two = meter()
    two.say(two.aare())
    assert two.refuses(two.proof(keys=kit.OTHER_KEYS), match="challenge")


def test_a_wrong_proof_is_refused_in_either_envelope(meter, kit):
    for wrap in (lambda _, apdu: apdu, lambda one, apdu: one.seal(apdu)):
        one = meter()
        one.say(one.aare())
        with pytest.raises(SecurityError, match="challenge"):
            one.say(wrap(one, one.proof(challenge=b"another challenge")))
        assert one.client.state is State.BROKEN


def test_a_proof_that_is_empty_or_of_another_type_is_refused(meter):
    for returned in (None, DataAccessResult.OTHER_REASON, EncodedData(b"\x09\x00"), EncodedData(b"\x11\x07")):
        one = meter()
        one.say(one.aare())
        with pytest.raises(RemoteError):
            one.say(one.seal(one.proof(returned=returned)))
        assert one.client.state is State.BROKEN


def test_a_refused_proof_is_a_rejection_with_or_without_its_optional_octet(meter):
    for octets in (b"\xc7\x01\xc1\x03\x00", b"\xc7\x01\xc1\x03"):
        one = meter()
        one.say(one.aare())
        (event,) = one.say(one.seal(octets))
        assert "authentication refused by the meter" in event.text
        assert one.client.state is State.REFUSED


def test_nothing_but_the_proof_is_taken_before_it(meter):
    for apdu in (GetResponseNormal(0xC1, VALUE), SetResponseNormal(0xC1, DataAccessResult.SUCCESS), Rlre()):
        one = meter()
        one.say(one.aare())
        octets = encode(apdu)
        assert one.refuses(octets, RemoteError)


def test_nothing_can_be_sent_before_the_proof(meter):
    one = meter()
    one.say(one.aare())
    with pytest.raises(LocalError):
        one.client.send(GetRequestNormal(0xC1, REGISTER))
    with pytest.raises(LocalError):
        one.client.release()


def test_the_proof_and_the_apdu_around_it_never_share_a_counter(meter):
    one = meter()
    one.say(one.aare())
    apdu = one.sent[-1][8:]
    around = int.from_bytes(apdu[3:7], "big")
    used = iter(range(100, 200))
    aarq_counter, inside_counter, around_counter = next(used), next(used), next(used)
    assert around == around_counter
    from headend.dlms.security import unprotect

    plain = unprotect(one.keys, one.kit.CLIENT_TITLE, 0x30, around, apdu[7:])
    request = decode(plain)
    assert isinstance(request, ActionRequestNormal)
    assert int.from_bytes(request.parameters.decode().value[1:5], "big") == inside_counter
    assert aarq_counter not in (inside_counter, around_counter)


def test_the_secret_of_mechanism_2_is_never_sent(meter, kit):
    one = meter(authentication=Authentication.HLS, manufacturer=lambda _challenge, _secret: b"f" * 16)
    one.say(one.aare())
    assert all(kit.SECRET not in octets for octets in one.sent)
    assert one.parameters.challenge in one.sent[0]


def test_no_key_secret_or_challenge_is_in_any_repr(kit):
    parameters = kit.client_parameters(dedicated_key=b"a key of one day", security={"ciphering": Ciphering.DED})
    text = repr(parameters) + repr(kit.server_parameters()) + repr(ClientConnection(parameters, WrapperFraming(48, 1)))
    for secret in (kit.SECRET, kit.KEYS.encryption_key, kit.KEYS.authentication_key, b"a key of one day"):
        assert repr(secret)[2:-1] not in text
        assert secret.hex() not in text


# Answers


def test_a_plain_answer_in_a_ciphered_association_is_refused(meter):
    one = meter().associate()
    one.ask()
    assert one.refuses(encode(GetResponseNormal(0xC1, VALUE)), match="not protected")


def test_a_plain_notification_in_a_ciphered_association_is_refused(meter):
    one = meter().associate()
    assert one.refuses(bytes.fromhex("c20000010100000300ff0203ff"), match="not protected")


@pytest.mark.parametrize("control", [0x00, 0x10, 0x20, 0x31, 0x32, 0x70])
def test_an_answer_under_another_policy_or_suite_is_refused(meter, control):
    one = meter().associate()
    one.ask()
    assert one.refuses(one.seal(encode(GetResponseNormal(0xC1, VALUE)), control=control), match="security control")


def test_an_answer_under_another_key_is_refused_and_the_counter_stays(meter, kit):
    one = meter().associate()
    one.ask()
    octets = one.seal(encode(GetResponseNormal(0xC1, VALUE)), keys=kit.OTHER_KEYS, counter=9_000_000)
    assert one.refuses(octets, match="tag")


def test_every_octet_of_a_sealed_answer_is_covered(meter):
    for index in range(30):
        one = meter().associate()
        one.ask()
        octets = bytearray(one.seal(encode(GetResponseNormal(0xC1, VALUE))))
        if index < len(octets):
            octets[index] ^= 0x01
            with pytest.raises(RemoteError):
                one.say(bytes(octets))
            assert one.client.state is State.BROKEN
            # The first octet alone is outside the tag: what it names is compared with what came out.
            assert one.client.last_received == (7002 if index else 7003)


def test_a_replayed_answer_is_refused(meter):
    one = meter().associate()
    one.ask()
    octets = one.seal(encode(GetResponseNormal(0xC1, VALUE)))
    one.say(octets)
    one.ask()
    assert one.refuses(octets, match="not above")


def test_answers_out_of_order_are_refused(meter):
    one = meter().associate()
    one.ask()
    late = one.seal(encode(GetResponseNormal(0xC1, VALUE)))
    one.say(one.seal(encode(GetResponseNormal(0xC1, VALUE))))
    one.ask()
    assert one.refuses(late, match="not above")


def test_a_counter_not_above_the_kept_one_is_refused_from_the_aare_on(meter):
    one = meter(security={"last_received": 7000})
    assert one.refuses(one.aare(), match="not above 7000")


def test_an_answer_under_the_global_key_where_the_dedicated_one_was_agreed_is_refused(meter):
    one = meter(security={"ciphering": Ciphering.DED})
    one.say(one.aare())
    one.say(one.proof())
    one.ask()
    assert one.refuses(one.seal(encode(GetResponseNormal(0xC1, VALUE))), match="not protected")


def test_an_envelope_that_names_another_service_is_refused(meter):
    one = meter().associate()
    one.ask()
    with pytest.raises(RemoteError):
        one.say(one.seal(encode(GetResponseNormal(0xC1, VALUE)), tag=0xCD))
    assert one.client.state is State.BROKEN


def test_a_general_envelope_of_the_same_key_is_believed_and_its_length_may_be_long(meter, kit):
    value = EncodedData(encode_data(octet_string(bytes(300))))
    for title in (kit.METER_TITLE, b""):
        one = meter().associate()
        one.ask()
        inner = one.seal(encode(GetResponseNormal(0xC1, value)), tag=0xDB)
        general = b"\xdb" + bytes((len(title),)) + title + inner[1:]
        assert one.say(general) == [GetResponseNormal(0xC1, value)]


def test_a_general_envelope_with_another_title_is_refused(meter, kit):
    one = meter().associate()
    one.ask()
    inner = one.seal(encode(GetResponseNormal(0xC1, VALUE)), tag=0xDB)
    assert one.refuses(b"\xdb\x08OTHER001" + inner[1:], match="system title")


@pytest.mark.parametrize(
    "octets",
    ["cc", "cc00", "cc05", "cc0530000000", "cc1130000f4240", "db", "db08", "db084d4d4d0000bc614e", "cc84ffffffff30",
     "cc820005", "db00", "dbff", "cc80"],
)  # fmt: skip
def test_a_truncated_envelope_is_refused(meter, octets):
    one = meter().associate()
    one.ask()
    assert one.refuses(bytes.fromhex(octets), RemoteError)


def test_an_answer_that_nobody_asked_for_is_refused(meter):
    one = meter().associate()
    with pytest.raises(RemoteError, match="nothing that was asked"):
        one.say(one.seal(encode(GetResponseNormal(0xC1, VALUE))))


def test_an_answer_of_another_service_or_invoke_id_is_refused(meter):
    for answer in (
        SetResponseNormal(0xC1, DataAccessResult.SUCCESS),
        ActionResponseNormal(0xC1, ActionResult.SUCCESS),
        GetResponseNormal(0xC2, VALUE),
        GetResponseWithList(0xC1, (VALUE,)),
        GetRequestNormal(0xC1, REGISTER),
    ):
        one = meter(security={"policy": 0}, authentication=Authentication.LLS)
        one.say(one.aare(application_context=ApplicationContext.LN, protect=False))
        one.ask()
        with pytest.raises(RemoteError):
            one.say(encode(answer))
        assert one.client.state is State.BROKEN


def test_the_invoke_id_is_compared_without_its_priority_bits(meter):
    one = meter().associate()
    one.ask()
    assert one.say(one.seal(encode(GetResponseNormal(0x81, VALUE)))) == [GetResponseNormal(0x81, VALUE)]


def test_a_list_answered_with_another_number_of_results_is_refused(meter):
    one = meter().associate()
    one.ask(GetRequestWithList(0xC1, ((REGISTER, None), (REGISTER, None))))
    with pytest.raises(RemoteError, match="1 results for 2"):
        one.say(one.seal(encode(GetResponseWithList(0xC1, (VALUE,)))))


def test_one_error_leaves_the_association_usable(meter):
    one = meter().associate()
    for apdu in (
        ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE),
        ConfirmedServiceError(ConfirmedService.READ, ErrorGroup.APPLICATION_REFERENCE, 6),
    ):
        one.ask()
        assert one.say(encode(apdu)) == [apdu]
        assert one.client.state is State.ASSOCIATED
    one.ask()
    failed = GetResponseNormal(decode_invoke(one), DataAccessResult.OBJECT_UNDEFINED)
    assert one.say(one.seal(encode(failed))) == [failed]
    assert one.client.state is State.ASSOCIATED


def decode_invoke(one):
    from headend.dlms.security import unprotect

    apdu = one.sent[-1][8:]
    plain = unprotect(one.keys, one.kit.CLIENT_TITLE, 0x30, int.from_bytes(apdu[3:7], "big"), apdu[7:])
    return plain[2]


def test_a_late_answer_after_a_plain_exception_never_passes_for_the_next_one(meter):
    one = meter().associate()
    one.ask()
    late = one.seal(encode(GetResponseNormal(0xC1, VALUE)))
    one.say(b"\xd8\x01\x01")  # from anybody
    one.ask(GetRequestNormal(0xC1, CosemAttribute(3, Obis.parse("1.0.2.8.0.255"), 2)))
    with pytest.raises(RemoteError, match="invoke-id"):
        one.say(late)


def test_a_plain_error_that_answers_nothing_is_refused(meter):
    one = meter().associate()
    with pytest.raises(RemoteError):
        one.say(b"\xd8\x01\x01")


def test_a_plain_service_error_answers_an_action_as_recorded_from_a_meter(meter):
    one = meter(security={"ciphering": Ciphering.DED})
    one.say(one.aare())
    one.say(one.proof())
    one.ask(ActionRequestNormal(0xC1, RELAY, EncodedData(b"\x0f\x00")))
    assert [type(event) for event in one.say(bytes.fromhex("0e060006"))] == [ConfirmedServiceError]


def test_events_before_a_fault_in_the_same_octets_are_given_first(meter):
    one = meter().associate()
    one.ask()
    good = encode_wrapper(1, 48, one.seal(encode(GetResponseNormal(0xC1, VALUE))))
    bad = encode_wrapper(1, 48, b"\xff")
    assert one.client.receive(good + bad) == [GetResponseNormal(0xC1, VALUE)]
    assert one.client.take_output() == b""
    for step in (
        lambda: one.client.send(GetRequestNormal(0xC1, REGISTER)),
        lambda: one.client.receive(b""),
        one.client.receive_eof,
        one.client.release,
        one.client.timeout,
    ):
        with pytest.raises(RemoteError):
            step()


def test_a_value_that_is_no_data_is_found_when_it_is_decoded(meter):
    one = meter().associate()
    one.ask()
    for number, octets in enumerate((b"\x0a", b"\x05\x03")):
        last = number == 1
        part = block(last=last, number=number + 1, result=octets)
        events = one.say(one.seal(encode(part)))
    with pytest.raises(DecodeError):
        events[0].result.decode()


# Blocks


def test_blocks_out_of_order_are_refused(meter):
    for numbers in ((2,), (1, 3), (1, 1), (0,), (1, 2, 1)):
        one = meter().associate()
        one.ask()
        with pytest.raises(RemoteError, match="block"):
            for number in numbers:
                one.say(one.seal(encode(block(last=False, number=number, result=b"x"))))
        assert one.client.state is State.BROKEN


def test_an_empty_block_that_is_not_the_last_is_refused(meter):
    one = meter().associate()
    one.ask()
    with pytest.raises(RemoteError, match="empty"):
        one.say(one.seal(encode(block(last=False, number=1, result=b""))))


def test_blocks_without_end_run_into_the_limit(meter):
    one = meter(largest_joined=10_000).associate()
    one.ask()
    with pytest.raises(RemoteError, match="more than 10000 octets"):
        for number in range(1, 1000):
            one.say(one.seal(encode(block(last=False, number=number, result=bytes(100)))))
    assert number == 101


def test_a_missing_last_block_is_told_when_the_stream_ends(meter):
    one = meter().associate()
    one.ask()
    one.say(one.seal(encode(block(last=False, number=1, result=b"x"))))
    with pytest.raises(RemoteError, match="closed the connection while requesting"):
        one.client.receive_eof()
    assert one.client.state is State.CLOSED


def test_an_error_ends_a_block_transfer(meter):
    for last in (block(last=True, number=2, result=DataAccessResult.LONG_GET_ABORTED),
                 GetResponseNormal(0xC1, DataAccessResult.LONG_GET_ABORTED)):  # fmt: skip
        one = meter().associate()
        one.ask()
        one.say(one.seal(encode(block(last=False, number=1, result=b"\x09\x02"))))
        assert one.say(one.seal(encode(last))) == [GetResponseNormal(0xC1, DataAccessResult.LONG_GET_ABORTED)]
        one.ask()


def test_a_whole_value_in_the_middle_of_blocks_is_refused(meter):
    one = meter().associate()
    one.ask()
    one.say(one.seal(encode(block(last=False, number=1, result=b"\x09\x02"))))
    with pytest.raises(RemoteError):
        one.say(one.seal(encode(GetResponseNormal(0xC1, VALUE))))


def long_set(meter):
    one = meter().associate()
    one.ask(SetRequestNormal(0xC1, REGISTER, None, EncodedData(encode_data(octet_string(bytes(3000))))))
    return one


@pytest.mark.parametrize(
    "answer",
    [
        SetResponseDatablock(0xC1, 2),
        SetResponseDatablock(0xC1, 0),
        SetResponseNormal(0xC1, DataAccessResult.SUCCESS),
        SetResponseDatablock(0xC2, 1),
    ],
)
def test_a_long_set_goes_on_only_for_the_block_that_was_sent(meter, answer):
    one = long_set(meter)
    with pytest.raises(RemoteError):
        one.say(one.seal(encode(answer)))


def test_a_long_set_may_be_refused_at_any_block(meter):
    one = long_set(meter)
    assert one.say(one.seal(encode(SetResponseDatablock(0xC1, 1)))) == []
    refused = SetResponseNormal(0xC1, DataAccessResult.READ_WRITE_DENIED)
    assert one.say(one.seal(encode(refused))) == [refused]
    assert one.client.state is State.ASSOCIATED


def test_a_meter_that_asks_for_more_blocks_than_there_are_is_refused(meter):
    one = long_set(meter)
    with pytest.raises(RemoteError, match="there is none"):
        for number in range(1, 10):
            one.say(one.seal(encode(SetResponseDatablock(0xC1, number))))


# General blocks


def general(number, ack=0, *, last=False, streaming=False, window=1, data=b"x"):
    control = last << 7 | streaming << 6 | window
    return b"\xe0%c%b%b%c%b" % (control, number.to_bytes(2, "big"), ack.to_bytes(2, "big"), len(data), data)


def test_general_blocks_without_end_run_into_the_limit(meter):
    one = meter(largest_joined=1000).associate()
    one.ask()
    with pytest.raises(RemoteError, match="more than 1000 octets"):
        for number in range(1, 1000):
            one.say(general(number, data=bytes(100)))


def test_general_blocks_that_bring_nothing_are_given_up(meter):
    for block in (general(5), general(1, data=b""), general(0)):
        one = meter().associate()
        one.ask()
        with pytest.raises(RemoteError, match="nothing new"):
            for _ in range(100):
                one.say(block)


def test_a_confirmation_of_blocks_never_sent_is_refused(meter):
    one = meter().associate()
    one.ask()
    with pytest.raises(RemoteError, match="confirmed"):
        one.say(general(1, ack=3))


def test_what_general_blocks_carry_is_protected_or_refused(meter):
    one = meter().associate()
    one.ask()
    assert one.refuses(general(1, last=True, data=encode(GetResponseNormal(0xC1, VALUE))), match="not protected")
    two = meter().associate()
    two.ask()
    sealed = two.seal(encode(GetResponseNormal(0xC1, VALUE)))
    assert two.say(general(1, last=True, data=sealed)) == [GetResponseNormal(0xC1, VALUE)]


def test_general_blocks_inside_general_blocks_are_refused(meter):
    one = meter().associate()
    one.ask()
    with pytest.raises(RemoteError):
        one.say(general(1, last=True, data=general(1, last=True)))


# The end


def test_the_end_of_the_stream_is_an_error_exactly_where_something_is_outstanding(meter):
    one = meter()
    with pytest.raises(RemoteError, match="associating"):
        one.client.receive_eof()
    two = meter()
    two.say(two.aare())
    with pytest.raises(RemoteError, match="authenticating"):
        two.client.receive_eof()
    three = meter().associate()
    assert three.client.receive_eof() == []
    assert three.client.state is State.CLOSED
    assert three.client.receive_eof() == []
    assert three.client.receive(encode_wrapper(1, 48, b"\xd8\x01\x01")) == []


@pytest.mark.parametrize(
    ("octets", "confirmed"),
    [
        (encode(Rlre()), True),
        (bytes.fromhex("6300"), True),
        (bytes.fromhex("d80101"), False),
        (bytes.fromhex("0e060006"), False),
        (encode(Rlre(user_information=b"\x28\x01\x30")), False),
    ],
)
def test_whatever_answers_a_release_ends_the_association(meter, octets, confirmed):
    one = meter().associate()
    assert one.client.release() is True
    assert one.say(octets) == [Released(confirmed=confirmed)]
    assert one.client.state is State.RELEASED
    with pytest.raises(LocalError):
        one.client.associate()


def test_a_ciphered_release_answer_is_verified(meter, kit):
    for keys, confirmed in ((kit.KEYS, True), (kit.OTHER_KEYS, False)):
        one = meter().associate()
        one.client.release()
        answer = Rlre(user_information=one.seal(one.initiate(), keys=keys))
        assert one.say(encode(answer)) == [Released(confirmed=confirmed)]


def test_only_negotiated_services_may_be_sent(meter):
    for conformance, request in (
        (Conformance.GET, SetRequestNormal(0xC1, REGISTER, None, VALUE)),
        (Conformance.GET, GetRequestWithList(0xC1, ((REGISTER, None),))),
        (Conformance.SET, GetRequestNormal(0xC1, REGISTER)),
        (Conformance.GET, GetRequestNormal(0xC1, CosemAttribute(3, REGISTER.instance, 0))),
    ):
        one = meter(authentication=Authentication.LLS)
        one.say(one.aare(initiate=one.initiate(conformance=conformance)))
        with pytest.raises(LocalError, match="did not agree"):
            one.client.send(request)
        assert one.client.take_output() == b""
        assert one.client.state is State.ASSOCIATED


def test_a_service_that_was_not_proposed_is_not_negotiated_by_the_meter(meter):
    one = meter(authentication=Authentication.LLS, conformance=Conformance.GET)
    one.say(one.aare())
    assert one.client.conformance == Conformance.GET


def test_a_request_too_long_for_the_meter_is_our_own_fault(meter):
    one = meter(authentication=Authentication.LLS)
    one.say(one.aare(initiate=one.initiate(conformance=Conformance.GET | Conformance.MULTIPLE_REFERENCES, size=100)))
    with pytest.raises(LocalError, match="takes"):
        one.client.send(GetRequestWithList(0xC1, ((REGISTER, None),) * 20))


def test_a_second_request_waits_for_the_first_answer(meter):
    one = meter().associate()
    one.ask()
    with pytest.raises(LocalError, match="requesting"):
        one.client.send(GetRequestNormal(0xC2, REGISTER))
    with pytest.raises(LocalError):
        one.client.release()
