"""The short way of reading and making AARQ, AARE, RLRQ and RLRE comes to the same as the general one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headend.dlms.apdu import Aare, Aarq, InitiateRequest, InitiateResponse, Rlre, Rlrq, decode, encode
from headend.dlms.connection import initiation
from headend.dlms.enumerations import ApplicationContext, AssociationResult, Authentication, Conformance
from headend.dlms.errors import DecodeError

octets = st.binary(max_size=70)
titles = st.none() | st.binary(min_size=8, max_size=8)
aares = st.builds(
    Aare,
    application_context=st.sampled_from(ApplicationContext),
    result=st.sampled_from(AssociationResult),
    diagnostic=st.integers(0, 127),
    user_information=st.none() | octets,
    mechanism=st.none() | st.sampled_from(Authentication),
    authentication_value=st.none() | octets | st.just(b"\xbe\x0c\x04\x0a0123456789"),
    responding_ap_title=titles,
)


def assert_same(quick, octets):
    """What the short way gave, if anything, is what the general way gives."""
    if isinstance(quick, initiation.PlainAare):
        assert quick == tuple(getattr(decode(octets), name) for name in quick._fields)
    else:
        assert quick is None or quick == decode(octets)


@given(aares)
def test_an_aare_is_read_alike_both_ways(aare):
    encoded = encode(aare)
    for _ in range(2):  # the second time its kind is known
        assert_same(initiation.read_aare(encoded), encoded)


@settings(max_examples=400, deadline=None)
@given(aares, st.data())
def test_a_damaged_aare_is_never_read_otherwise_than_the_general_way_reads_it(aare, data):
    damaged = bytearray(encode(aare))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    initiation.read_aare(encode(aare))
    assert_same(initiation.read_aare(bytes(damaged)), bytes(damaged))


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=64), st.binary(min_size=1, max_size=40))
def test_an_aare_of_a_known_kind_brings_its_own_title_challenge_and_information(title, challenge, information):
    usual = {
        "application_context": ApplicationContext.LN_CIPHERED,
        "result": AssociationResult.ACCEPTED,
        "diagnostic": 14,
        "mechanism": Authentication.HLS_GMAC,
    }
    first = Aare(
        **usual,
        responding_ap_title=b"MTR00001",
        authentication_value=bytes(len(challenge)),
        user_information=bytes(len(information)),
    )
    initiation.read_aare(encode(first))
    second = Aare(**usual, responding_ap_title=title, authentication_value=challenge, user_information=information)
    quick = initiation.read_aare(encode(second))
    assert isinstance(quick, initiation.PlainAare)
    assert_same(quick, encode(second))


@given(st.sampled_from(["application_context", "result", "diagnostic", "mechanism"]), st.integers(0, 3))
def test_another_kind_of_aare_is_never_taken_for_a_known_one(name, number):
    usual = {
        "application_context": ApplicationContext.LN_CIPHERED,
        "result": AssociationResult.ACCEPTED,
        "diagnostic": 14,
        "mechanism": Authentication.HLS_GMAC,
        "responding_ap_title": b"MTR00001",
        "authentication_value": bytes(16),
        "user_information": bytes(33),
    }
    initiation.read_aare(encode(Aare(**usual)))
    others = {
        "application_context": tuple(ApplicationContext),
        "result": tuple(AssociationResult),
        "diagnostic": (0, 1, 12, 14),
        "mechanism": tuple(Authentication),
    }
    chosen = others[name][number % len(others[name])]
    octets = encode(Aare(**usual | {name: chosen}))
    assert_same(initiation.read_aare(octets), octets)


def test_the_usual_aare_is_read_the_short_way():
    aare = Aare(
        application_context=ApplicationContext.LN_CIPHERED,
        result=AssociationResult.ACCEPTED,
        diagnostic=14,
        mechanism=Authentication.HLS_GMAC,
        authentication_value=b"challenge of meter",
        responding_ap_title=b"MTR00001",
        user_information=bytes(33),
    )
    quick = initiation.read_aare(encode(aare))
    assert quick is not None
    assert_same(quick, encode(aare))


@given(
    st.sampled_from(ApplicationContext),
    st.none() | st.sampled_from(Authentication),
    titles,
    st.none() | octets,
    st.binary(max_size=200),
)
def test_an_aarq_is_made_alike_both_ways(context, mechanism, title, value, information):
    aarq = Aarq(
        application_context=context,
        mechanism=mechanism,
        calling_ap_title=title,
        authentication_value=value,
        user_information=information,
    )
    assert initiation.aarq(context, mechanism, title, value, information) == encode(aarq)


@given(st.binary(max_size=200))
def test_a_release_is_made_and_read_alike_both_ways(information):
    assert initiation.rlrq(information) == encode(Rlrq(user_information=information))
    encoded = encode(Rlre(user_information=information))
    assert (initiation.read_rlre(encoded) or decode(encoded)) == decode(encoded)


@given(st.binary(max_size=60))
def test_any_octets_are_read_alike_or_not_at_all(rubbish):
    for quick, head in ((initiation.read_aare, b"\x61"), (initiation.read_rlre, b"\x63")):
        apdu = quick(head + rubbish)
        assert apdu is None or apdu == decode(head + rubbish)


@given(st.integers(0, 0xFFFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.none() | st.integers(-128, 127))
def test_an_initiate_response_is_read_alike_both_ways(conformance, size, vaa_name, quality):
    response = InitiateResponse(Conformance(conformance), size, vaa_name, quality)
    assert initiation.read_initiate_response(encode(response)) == response


def test_octets_that_are_no_initiate_response_are_refused():
    with pytest.raises(DecodeError):
        initiation.read_initiate_response(bytes(14))


def test_initiate_requests_are_kept_without_keys():
    assert initiation.initiate_request(Conformance.GET, 100) == encode(InitiateRequest(Conformance.GET, 100))
