"""10,000 generated APDUs against dlms-cosem 21.3.2: it reads what we write, and writes the same octets.

Generated is what that library does right. What it does otherwise, each with the reason why we differ, is tested below.
"""

from collections.abc import Callable
from random import Random

import pytest
from dlms_cosem import enumerations as peer
from dlms_cosem import security as peer_security
from dlms_cosem.connection import XDlmsApduFactory

from headend.dlms import axdr
from headend.dlms.apdu import (
    Aare,
    Aarq,
    ActionRequestNormal,
    ActionResponseNormal,
    ConfirmedServiceError,
    DataNotification,
    ExceptionResponse,
    GeneralGloCiphering,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    InitiateRequest,
    InitiateResponse,
    Rlre,
    Rlrq,
    SetRequestNormal,
    SetResponseNormal,
    decode,
    encode,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod
from headend.dlms.enumerations import (
    ActionResult,
    ApplicationContext,
    AssociationResult,
    Authentication,
    ConfirmedService,
    Conformance,
    DataAccessResult,
    ErrorGroup,
    ReleaseRequestReason,
    ReleaseResponseReason,
    ServiceError,
    StateError,
)
from headend.dlms.errors import DecodeError
from headend.dlms.security import KeyContext, gmac, protect, unprotect
from tests.dlms.generated import encoded, number, octets

EACH = 500
CLASSES = tuple(map(int, peer.CosemInterface))
DATA_RESULTS = tuple(map(int, peer.DataAccessResult))
ACTION_RESULTS = tuple(map(int, peer.ActionResultStatus))
#: The bits of logical-name referencing, which are all the library knows.
CONFORMANCE = Conformance(0x62FEDF)
#: Of a request it forgets the first octet of them.
REQUESTED = Conformance(0x00FEDF)
ERRORS = {
    0: peer.ApplicationReferenceError,
    1: peer.HardwareResourceError,
    2: peer.VdeStateError,
    3: peer.ServiceError,
    4: peer.DefinitionError,
    5: peer.AccessError,
    6: peer.InitiateError,
}


def invoke(rng: Random) -> int:
    return rng.randrange(16) | rng.choice((0x00, 0x40, 0x80, 0xC0))


def attribute(rng: Random) -> CosemAttribute:
    return CosemAttribute(rng.choice(CLASSES), rng.randbytes(6), rng.randrange(128))


def data_result(rng: Random) -> DataAccessResult:
    return DataAccessResult(rng.choice(DATA_RESULTS))


def integers(rng: Random) -> EncodedData:
    values = (axdr.long(rng.randint(-32768, 32767)), axdr.double_long_unsigned(rng.randrange(1 << 32)))
    return EncodedData(axdr.encode(rng.choice(values)))


def block(rng: Random) -> GetResponseWithDatablock:
    last = rng.random() < 0.5
    result = data_result(rng) if last and rng.random() < 0.5 else octets(rng)
    return GetResponseWithDatablock(invoke(rng), last, number(rng), result)


def action_response(rng: Random) -> ActionResponseNormal:
    returned = rng.choice((lambda _: None, encoded, data_result))(rng)
    return ActionResponseNormal(invoke(rng), ActionResult(rng.choice(ACTION_RESULTS)), returned)


def exception_response(rng: Random) -> ExceptionResponse:
    return ExceptionResponse(StateError(rng.randint(1, 2)), ServiceError(rng.randint(1, 5)))


def confirmed_service_error(rng: Random) -> ConfirmedServiceError:
    group = rng.choice(tuple(ERRORS))
    error = int(rng.choice(tuple(ERRORS[group])))
    return ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, ErrorGroup(group), error)


def data_notification(rng: Random) -> DataNotification:
    return DataNotification(rng.randrange(16) << 28 | rng.randrange(1 << 24), b"", encoded(rng))


def general_glo(rng: Random) -> GeneralGloCiphering:
    control = rng.randrange(3) | rng.choice((0x00, 0x10, 0x20, 0x30)) | rng.choice((0x00, 0x40))
    return GeneralGloCiphering(rng.randbytes(8), control, number(rng), rng.randbytes(rng.randint(0, 122)))


def conformance(rng: Random) -> Conformance:
    return Conformance(rng.randrange(1 << 24)) & CONFORMANCE


def initiate_request(rng: Random) -> InitiateRequest:
    return InitiateRequest(conformance(rng) & REQUESTED, rng.randrange(1 << 16))


def initiate_response(rng: Random) -> InitiateResponse:
    return InitiateResponse(conformance(rng), rng.randrange(1 << 16))


def aarq(rng: Random) -> Aarq:
    secured = rng.random() < 0.7
    return Aarq(
        application_context=rng.choice((ApplicationContext.LN, ApplicationContext.LN_CIPHERED)),
        mechanism=rng.choice(tuple(Authentication)[1:]) if secured else None,
        authentication_value=rng.randbytes(rng.randint(1, 32)) if secured else None,
        calling_ap_title=rng.randbytes(8) if rng.random() < 0.5 else None,
        user_information=encode(initiate_request(rng)),
    )


def aare(rng: Random) -> Aare:
    secured = rng.random() < 0.5
    return Aare(
        application_context=rng.choice((ApplicationContext.LN, ApplicationContext.LN_CIPHERED)),
        result=AssociationResult(rng.randint(0, 2)),
        diagnostic=rng.choice((0, 1, 2, 11, 12, 13, 14)),
        mechanism=rng.choice(tuple(Authentication)[1:]) if secured else None,
        authentication_value=rng.randbytes(rng.randint(1, 32)) if secured else None,
        responding_ap_title=rng.randbytes(8) if rng.random() < 0.5 else None,
        user_information=encode(initiate_response(rng)),
    )


MAKERS: dict[str, Callable[[Random], object]] = {
    "get-request-normal": lambda r: GetRequestNormal(invoke(r), attribute(r)),
    "get-request-next": lambda r: GetRequestNext(invoke(r), number(r)),
    "get-request-with-list": lambda r: GetRequestWithList(
        invoke(r), tuple((attribute(r), None) for _ in range(r.randint(1, 20)))
    ),
    "get-response-normal": lambda r: GetResponseNormal(invoke(r), encoded(r) if r.random() < 0.7 else data_result(r)),
    "get-response-with-datablock": block,
    "get-response-with-list": lambda r: GetResponseWithList(
        invoke(r), tuple(integers(r) if r.random() < 0.7 else data_result(r) for _ in range(r.randint(1, 20)))
    ),
    "set-request-normal": lambda r: SetRequestNormal(invoke(r), attribute(r), None, encoded(r)),
    "set-response-normal": lambda r: SetResponseNormal(invoke(r), data_result(r)),
    "action-request-normal": lambda r: ActionRequestNormal(
        invoke(r),
        CosemMethod(r.choice(CLASSES), r.randbytes(6), r.randrange(128)),
        encoded(r) if r.random() < 0.7 else None,
    ),
    "action-response-normal": action_response,
    "exception-response": exception_response,
    "confirmed-service-error": confirmed_service_error,
    "data-notification": data_notification,
    "general-glo-ciphering": general_glo,
    "initiate-request": initiate_request,
    "initiate-response": initiate_response,
    "aarq": aarq,
    "aare": aare,
    "rlrq": lambda r: Rlrq(ReleaseRequestReason(r.choice((0, 1, 30)))),
    "rlre": lambda r: Rlre(ReleaseResponseReason(r.choice((0, 1, 30)))),
}


def read(octets: bytes):
    return XDlmsApduFactory.apdu_from_bytes(octets)


def written(apdu) -> bytes:
    """What the library writes; its GetResponseNormal appends the invoke octet as bytes to a bytearray and fails."""
    if type(apdu).__name__ == "GetResponseNormal":
        return b"\xc4\x01" + apdu.invoke_id_and_priority.to_bytes() + b"\x00" + apdu.data
    return bytes(apdu.to_bytes())


@pytest.mark.parametrize("kind", MAKERS)
def test_dlms_cosem_reads_what_we_write_and_writes_the_same(kind: str):
    rng = Random(f"dlms-cosem {kind}")
    for _ in range(EACH):
        ours = MAKERS[kind](rng)
        octets = encode(ours)
        theirs = read(octets)
        assert written(theirs) == octets, ours
        assert decode(written(theirs), strict=True) == ours


def test_these_are_ten_thousand():
    assert EACH * len(MAKERS) == 10_000


def test_protection_is_the_same_in_both_directions():
    rng = Random("protection")
    for _ in range(EACH):
        encryption_key, authentication_key, title = rng.randbytes(16), rng.randbytes(16), rng.randbytes(8)
        counter, plain = rng.randrange(1 << 32), rng.randbytes(rng.randint(1, 300))
        keys = KeyContext(encryption_key, authentication_key)
        field = peer_security.SecurityControlField(security_suite=0, authenticated=True, encrypted=True)
        sealed = protect(keys, title, 0x30, counter, plain)
        assert sealed == peer_security.encrypt(field, title, counter, encryption_key, plain, authentication_key)
        assert plain == peer_security.decrypt(field, title, counter, encryption_key, sealed, authentication_key)
        assert unprotect(keys, title, 0x30, counter, sealed) == plain


def test_gmac_proofs_are_the_same():
    rng = Random("gmac")
    for _ in range(EACH):
        encryption_key, authentication_key, title = rng.randbytes(16), rng.randbytes(16), rng.randbytes(8)
        counter, challenge = rng.randrange(1 << 32), rng.randbytes(rng.randint(8, 64))
        field = peer_security.SecurityControlField(security_suite=0, authenticated=True)
        theirs = peer_security.gmac(field, title, counter, encryption_key, authentication_key, challenge)
        assert gmac(KeyContext(encryption_key, authentication_key), title, 0x10, counter, challenge) == theirs


# What the library does otherwise, and why we don't follow it.

CLOCK = CosemAttribute(8, "0.0.1.0.0.255", 2)


def test_reserved_bits_of_the_invoke_octet_are_kept_here_and_dropped_there():
    octets = encode(GetRequestNext(0xF1, 1))
    assert decode(octets).invoke == 0xF1
    assert written(read(octets))[2] == 0xC1


def test_classes_and_codes_of_manufacturers_are_kept_here_and_refused_there():
    for apdu in (
        GetRequestNormal(0xC1, CosemAttribute(8192, "0.0.1.0.0.255", 2)),
        SetResponseNormal(0xC1, DataAccessResult(100)),
        ActionResponseNormal(0xC1, ActionResult(100)),
    ):
        assert decode(encode(apdu), strict=True) == apdu
        with pytest.raises(ValueError):
            read(encode(apdu))


def test_negative_attributes_are_signed_here_and_unsigned_there():
    octets = encode(GetRequestNormal(0xC1, CosemAttribute(8, "0.0.1.0.0.255", -1)))
    assert decode(octets).attribute.attribute == -1
    assert read(octets).cosem_attribute.attribute == 255


def test_conformance_bits_of_short_names_are_kept_here_and_forgotten_there():
    octets = encode(InitiateResponse(Conformance.READ | Conformance.PARAMETERIZED_ACCESS | Conformance.GET, 500))
    assert decode(octets).negotiated_conformance == Conformance(0x100030)
    assert written(read(octets))[7:10] == bytes.fromhex("000010")


def test_general_protection_can_be_proposed_here_and_is_forgotten_there():
    octets = encode(InitiateRequest(Conformance.GENERAL_PROTECTION | Conformance.GET))
    assert decode(octets).proposed_conformance == Conformance.GENERAL_PROTECTION | Conformance.GET
    assert written(read(octets))[9:12] == bytes.fromhex("000010")


def test_encryption_or_authentication_alone_is_done_here_and_always_both_there():
    """Green Book table 38: no tag with encryption only, no ciphertext with authentication only."""
    title, key = bytes(8), bytes(16)
    keys = KeyContext(key, key)
    for control in (0x10, 0x20):
        field = peer_security.SecurityControlField.from_bytes(bytes((control,)))
        theirs = peer_security.encrypt(field, title, 1, key, b"plain", key)
        assert len(theirs) == 5 + 12
        assert theirs != protect(keys, title, control, 1, b"plain")
    assert len(protect(keys, title, 0x20, 1, b"plain")) == 5
    assert protect(keys, title, 0x10, 1, b"plain").startswith(b"plain")


def test_a_service_error_says_which_service_here_and_always_initiate_there():
    octets = bytes.fromhex("0e060006")
    assert decode(octets).service is ConfirmedService.WRITE
    assert written(read(octets)) == bytes.fromhex("0e010006")


def test_an_expected_counter_has_four_octets_here_and_one_there():
    apdu = ExceptionResponse(StateError(1), ServiceError.INVOCATION_COUNTER_ERROR, 5)
    assert encode(apdu).hex() == "d8010600000005"
    assert written(read(encode(apdu))).hex() == "d8010605"
    too_large = encode(ExceptionResponse(StateError(1), ServiceError.INVOCATION_COUNTER_ERROR, 256))
    with pytest.raises(ValueError):
        written(read(too_large))


def test_a_date_time_has_its_length_here_and_a_flag_there():
    octets = encode(DataNotification(1, bytes.fromhex("07e5091b01092f0f00ff8880"), EncodedData(b"\x00")))
    assert octets[5] == 12
    assert written(read(octets))[5] == 1


def test_ciphered_content_of_128_octets_and_more_has_a_long_length_here_and_none_there():
    apdu = GeneralGloCiphering(bytes(8), 0x30, 1, bytes(123))
    assert encode(apdu)[10:12] == b"\x81\x80"
    assert decode(encode(apdu), strict=True) == apdu
    assert written(read(encode(apdu)))[10] == 128  # reads the long form, writes one octet that means something else
    longer = encode(GeneralGloCiphering(bytes(8), 0x30, 1, bytes(300)))
    with pytest.raises(ValueError):
        written(read(longer))


def test_lists_of_128_items_and_more_are_read_here_and_misread_there():
    apdu = GetRequestWithList(0xC1, ((CLOCK, None),) * 128)
    assert decode(encode(apdu), strict=True) == apdu
    with pytest.raises((ValueError, IndexError)):
        read(encode(apdu))


def test_acse_of_128_octets_and_more_is_read_here_and_refused_there():
    apdu = Aarq(
        application_context=ApplicationContext.LN,
        mechanism=Authentication.HLS_GMAC,
        authentication_value=bytes(64),
        calling_ap_title=bytes(8),
        user_information=encode(InitiateRequest(Conformance.GET, dedicated_key=bytes(16))),
    )
    assert decode(encode(apdu), strict=True) == apdu
    with pytest.raises((ValueError, IndexError)):
        read(encode(apdu))


def test_octets_after_an_apdu_are_refused_here_and_ignored_there():
    for surplus in ("c003c100000001", "c501c10102", "d8010100"):
        with pytest.raises(DecodeError):
            decode(bytes.fromhex(surplus))
        read(bytes.fromhex(surplus))


def test_a_release_without_reason_is_read_here_and_fails_there():
    assert decode(encode(Rlrq(None)), strict=True) == Rlrq(None)
    with pytest.raises(IndexError):
        read(encode(Rlrq(None)))


def test_a_vaa_name_other_than_0007_is_kept_here_and_refused_there():
    apdu = InitiateResponse(Conformance.GET, 128, 0x0080)
    assert decode(encode(apdu), strict=True) == apdu
    with pytest.raises(ValueError):
        read(encode(apdu))


def test_null_data_in_a_list_is_read_here_and_cannot_be_written_there():
    octets = encode(GetResponseWithList(0xC1, (EncodedData(b"\x00"),)))
    assert decode(octets, strict=True).results == (EncodedData(b"\x00"),)
    with pytest.raises(NotImplementedError):
        written(read(octets))


@pytest.mark.parametrize(
    "octets",
    [
        "c103c100000000010161",
        "c502c100000001",
        "c302c100000001",
        "c704c100000001",
        "d9400000010000 00".replace(" ", ""),
        "c20000010100000300ff0203ff",
        "e0800001000000",
        "c805300000000 1".replace(" ", ""),
        "dc000530000000 01".replace(" ", ""),
        "e60100c501c100",
    ],
)
def test_services_that_the_library_lacks_are_read_here(octets: str):
    decode(bytes.fromhex(octets), strict=True)
    with pytest.raises((NotImplementedError, KeyError)):
        read(bytes.fromhex(octets))
