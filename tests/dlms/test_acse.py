"""Opening and closing associations: the fields of ACSE in any order and length that meters send."""

import attrs
import pytest

from headend.dlms import ber
from headend.dlms.apdu import Aare, Aarq, InitiateRequest, Rlre, Rlrq, decode, encode
from headend.dlms.enumerations import (
    ApplicationContext,
    AssociationResult,
    Authentication,
    Conformance,
    DiagnosticSource,
    ProviderDiagnostic,
    ReleaseRequestReason,
    UserDiagnostic,
)
from headend.dlms.errors import DecodeError, LocalError
from tests.vectors import load, load_form

ACSE = {vector.name: vector for vector in load("acse")}
AARE_OK = ACSE["aare-ok-gb"].octets


def recorded(name: str):
    return decode(ACSE[name].octets, strict=True)


def test_an_aarq_is_built_as_the_green_book_shows_it():
    initiate = InitiateRequest(Conformance(0x007E1F), 1200)
    aarq = Aarq(
        application_context=ApplicationContext.LN,
        mechanism=Authentication.LLS,
        authentication_value=b"12345678",
        user_information=encode(initiate),
    )
    assert encode(aarq) == ACSE["aarq-lls-gb"].octets


def test_an_aarq_without_authentication_has_no_requirements():
    aarq = Aarq(application_context=ApplicationContext.LN)
    assert aarq.sender_acse_requirements is None
    assert encode(aarq).hex() == "600ba109060760857405080101"


def test_diagnostic_of_the_provider_is_told_from_the_users():
    aare = recorded("aare-rejected-ciphered-cse-sagemcom")
    assert aare.diagnostic_source is DiagnosticSource.ACSE_SERVICE_PROVIDER
    assert ProviderDiagnostic(aare.diagnostic) is ProviderDiagnostic.NO_COMMON_ACSE_VERSION


def test_a_rejection_without_user_information_is_read():
    aare = recorded("aare-auth-failure-no-user-info-lgz")
    assert (aare.result, aare.user_information) == (AssociationResult.REJECTED_PERMANENT, None)
    assert UserDiagnostic(aare.diagnostic) is UserDiagnostic.AUTHENTICATION_FAILURE


def test_a_vaa_name_of_0080_is_read():
    aare = recorded("aare-auth-failure-sagemcom-bad-vaa")
    assert decode(aare.user_information, strict=True).vaa_name == 0x0080


def test_a_title_behind_the_authentication_value_is_read_and_keeps_its_place():
    genus = next(vector for vector in load_form("hdlc") if vector.name == "genus-aare-flag-in-challenge")
    octets = bytes.fromhex(genus.expected["frames"][0]["information"])[3:]
    aare = decode(octets, strict=True)
    assert aare.field_order is not None
    assert aare.field_order.index(0xAA) < aare.field_order.index(0xA4)
    assert aare.responding_ap_title.hex() == "474f450000581cf1"
    assert encode(aare) == octets
    assert aare == decode(encode(attrs.evolve(aare, field_order=None)))


def test_a_field_order_that_leaves_a_field_out_is_our_fault():
    aare = attrs.evolve(decode(AARE_OK), field_order=(0xA1, 0xA2, 0xA3))
    with pytest.raises(LocalError):
        encode(aare)


@pytest.mark.parametrize("size", [100, 127, 128, 255, 256, 1000, 65_536])
def test_lengths_of_any_number_of_octets_go_both_ways(size: int):
    aarq = Aarq(
        application_context=ApplicationContext.LN_CIPHERED,
        mechanism=Authentication.HLS_ECDSA,
        authentication_value=bytes(64),
        calling_ae_qualifier=bytes(size),
        user_information=bytes(size),
    )
    octets = encode(aarq)
    assert decode(octets, strict=True) == aarq
    assert octets[1] >= 0x80


@pytest.mark.parametrize("form", ["8117", "820017", "83000017", "8400000017"])
def test_a_length_in_more_octets_than_needed_is_read(form: str):
    short = ACSE["aare-auth-failure-no-user-info-lgz"].octets
    assert decode(b"\x61" + bytes.fromhex(form) + short[2:], strict=True) == decode(short)


@pytest.mark.parametrize("form", ["80", "850000000017", "ff", "84ffffffff"])
def test_an_indefinite_or_absurd_length_is_refused(form: str):
    with pytest.raises(DecodeError):
        decode(b"\x61" + bytes.fromhex(form) + AARE_OK[2:])


def test_a_field_of_another_apdu_is_refused_when_strict_and_passed_over_otherwise():
    unknown = bytes.fromhex("8c0101")
    octets = b"\x61" + bytes((AARE_OK[1] + len(unknown),)) + AARE_OK[2:] + unknown
    with pytest.raises(DecodeError):
        decode(octets, strict=True)
    assert decode(octets).user_information == decode(AARE_OK).user_information


def test_a_field_that_comes_twice_is_refused():
    octets = b"\x61" + bytes((AARE_OK[1] + 5,)) + AARE_OK[2:] + bytes.fromhex("a203020101")
    with pytest.raises(DecodeError, match="twice"):
        decode(octets)


def test_an_aare_without_a_result_is_refused_and_one_without_a_diagnostic_only_when_strict():
    with pytest.raises(DecodeError):
        decode(bytes.fromhex("6112a109060760857405080101a305a103020100"))
    no_diagnostic = bytes.fromhex("6110a109060760857405080101a203020101")
    assert decode(no_diagnostic).result is AssociationResult.REJECTED_PERMANENT
    with pytest.raises(DecodeError):
        decode(no_diagnostic, strict=True)


def test_an_aare_without_a_diagnostic_and_in_another_order_encodes_with_one():
    bent = bytes.fromhex("6110a203020101a109060760857405080101")
    assert decode(encode(decode(bent)), strict=True) == decode(bent)


def test_an_aarq_without_a_context_is_refused():
    with pytest.raises(DecodeError):
        decode(bytes.fromhex("6004a6020400"))


def test_names_that_dlms_does_not_define_keep_their_octets():
    foreign = bytes.fromhex("2a864886f70d010101")
    aarq = Aarq(application_context=foreign, mechanism=foreign)
    assert decode(encode(aarq), strict=True) == aarq
    assert ber.dotted(foreign) == "1.2.840.113549.1.1.1"
    assert ber.dotted(bytes.fromhex("60857405080109")) == "2.16.756.5.8.1.9"


@pytest.mark.parametrize("octets", ["", "80", "6085740508 0185", "ff"])
def test_an_identifier_that_ends_inside_an_arc_is_refused(octets: str):
    with pytest.raises(DecodeError):
        ber.dotted(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "octets",
    [
        "6103a20102",  # INTEGER where an element must be
        "610ba109060760857405080185",  # context name cut inside an arc
        "6117a109060760857405080101a203020101a305a40302010d",  # diagnostic of a third choice
        "6117a109060760857405080101a203020101a305a10302010d00",
        "6117a109060760857405080101a2030201ffa305a10302010d",  # result -1
        "6203800200",
        "620480020000",
        "6202be00",
        "6205be03040401",
        "600da109060760857405080101ac00",
        "600fa109060760857405080101ac02a200",
    ],
)
def test_broken_fields_are_refused(octets: str):
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(octets))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, -1, -128, -129, (1 << 31) - 1, -(1 << 31)])
def test_integers_take_the_fewest_octets_and_keep_their_sign(value: int):
    octets = ber.integer(value)
    assert ber.read_integer(octets, 0, len(octets), "value") == value
    assert len(octets) == 2 + (value if value >= 0 else ~value).bit_length() // 8 + 1


def test_release_has_a_reason_or_none():
    assert encode(Rlrq()).hex() == "6203800100"
    assert encode(Rlrq(None)).hex() == "6200"
    assert decode(bytes.fromhex("6200"), strict=True) == Rlrq(None)
    assert decode(bytes.fromhex("620380011e"), strict=True).reason is ReleaseRequestReason.USER_DEFINED
    assert encode(Rlre()).hex() == "6303800100"


def test_no_secret_shows_in_a_representation():
    aarq = Aarq(
        application_context=ApplicationContext.LN,
        mechanism=Authentication.LLS,
        authentication_value=b"password",
        user_information=encode(InitiateRequest(Conformance(0), dedicated_key=b"dedicated-key-16")),
    )
    shown = repr(aarq) + repr(InitiateRequest(Conformance(0), dedicated_key=b"dedicated-key-16"))
    assert "password" not in shown
    assert "dedicated-key" not in shown


def test_conformance_has_the_standards_names_first_bit_first():
    assert Conformance(0x621E5D).names == [
        "general-protection",
        "general-block-transfer",
        "delta-value-encoding",
        "block-transfer-with-get-or-read",
        "block-transfer-with-set-or-write",
        "block-transfer-with-action",
        "multiple-references",
        "access",
        "get",
        "set",
        "selective-access",
        "action",
    ]


def test_the_old_tag_of_the_conformance_block_is_read_unless_strict():
    old = bytes.fromhex("01000000065f0400007e1f04b0")
    assert decode(old) == InitiateRequest(Conformance(0x007E1F), 1200)
    with pytest.raises(DecodeError):
        decode(old, strict=True)


def test_an_aare_compares_by_what_it_says_not_by_the_order_it_says_it_in():
    one = decode(AARE_OK)
    assert one == attrs.evolve(one, field_order=(0xBE, 0xA3, 0xA2, 0xA1))
    assert isinstance(one, Aare)
