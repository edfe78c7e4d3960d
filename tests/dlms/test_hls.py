"""Both directions of every HLS mechanism, and what must not pass for a proof."""

from hashlib import md5, sha1, sha256

import attrs
import pytest

from headend.dlms.enumerations import Authentication
from headend.dlms.errors import LocalError, SecurityError
from headend.dlms.security import HlsContext, KeyContext, SigningContext, aes_ecb, hls_reply, hls_verify, private_key
from tests.vectors import load

KEYS = KeyContext(bytes(range(16)), bytes(range(0xD0, 0xE0)))
CLIENT_TITLE = bytes.fromhex("4d4d4d0000000001")
SERVER_TITLE = bytes.fromhex("4d4d4d0000bc614e")
CTOS = bytes.fromhex("4b35366956616759")
STOC = bytes.fromhex("503677524a323146")
SECRET = b"HLS-secret-HLS-x"
CLIENT_KEY, SERVER_KEY = private_key(1, bytes(31) + b"\x05"), private_key(1, bytes(31) + b"\x07")


def reverse(challenge: bytes, secret: bytes) -> bytes:
    """A manufacturer's function for the tests."""
    return secret + challenge[::-1]


def side(mechanism: Authentication, *, client: bool, suite: int = 0) -> HlsContext:
    own, peer = (CLIENT_TITLE, SERVER_TITLE) if client else (SERVER_TITLE, CLIENT_TITLE)
    own_key, peer_key = (CLIENT_KEY, SERVER_KEY) if client else (SERVER_KEY, CLIENT_KEY)
    return HlsContext(
        mechanism=mechanism,
        own_system_title=own,
        peer_system_title=peer,
        secret=SECRET,
        keys=KEYS,
        suite=suite,
        signing=SigningContext(1, own_key, peer_key.public_key()),
        manufacturer=reverse,
    )


MECHANISMS = [
    Authentication.HLS,
    Authentication.HLS_MD5,
    Authentication.HLS_SHA1,
    Authentication.HLS_GMAC,
    Authentication.HLS_SHA256,
    Authentication.HLS_ECDSA,
]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_side_verifies_the_others_proof(mechanism: Authentication):
    client, server = side(mechanism, client=True), side(mechanism, client=False)
    pass_3 = hls_reply(client, received=STOC, sent=CTOS, invocation_counter=1)
    counter = hls_verify(server, pass_3, sent=STOC, received=CTOS)
    pass_4 = hls_reply(server, received=CTOS, sent=STOC, invocation_counter=9)
    assert hls_verify(client, pass_4, sent=CTOS, received=STOC) == (9 if counter else None)
    assert counter == (1 if mechanism is Authentication.HLS_GMAC else None)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_proof_does_not_pass_for_the_other_direction(mechanism: Authentication):
    client = side(mechanism, client=True)
    own_proof = hls_reply(client, received=STOC, sent=CTOS, invocation_counter=1)
    with pytest.raises(SecurityError):
        hls_verify(client, own_proof, sent=CTOS, received=STOC)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_any_changed_or_missing_octet_fails(mechanism: Authentication):
    client, server = side(mechanism, client=True), side(mechanism, client=False)
    proof = hls_reply(client, received=STOC, sent=CTOS, invocation_counter=1)
    for place in range(len(proof)):
        forged = proof[:place] + bytes((proof[place] ^ 1,)) + proof[place + 1 :]
        with pytest.raises(SecurityError):
            hls_verify(server, forged, sent=STOC, received=CTOS)
        with pytest.raises(SecurityError):
            hls_verify(server, proof[:place], sent=STOC, received=CTOS)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_our_own_challenge_sent_back_is_refused(mechanism: Authentication):
    client = side(mechanism, client=True)
    proof = hls_reply(client, received=CTOS, sent=CTOS, invocation_counter=1)
    with pytest.raises(SecurityError):
        hls_verify(side(mechanism, client=False), proof, sent=CTOS, received=CTOS)


def test_gmac_gives_the_green_books_proof():
    vector = next(vector for vector in load("security") if vector.name == "hls5-f-stoc")
    context = HlsContext(
        mechanism=Authentication.HLS_GMAC,
        own_system_title=vector.keys["title"],
        peer_system_title=SERVER_TITLE,
        keys=KeyContext(vector.keys["ek"], vector.keys["ak"]),
    )
    assert hls_reply(context, received=vector.keys["challenge"], sent=CTOS, invocation_counter=1) == vector.octets


def test_gmac_of_the_server_gives_the_green_books_proof():
    server = side(Authentication.HLS_GMAC, client=False)
    proof = hls_reply(server, received=CTOS, sent=STOC, invocation_counter=0x01234567)
    assert proof.hex() == "1001234567fe1466afb3dbcd4f9389e2b7"
    assert hls_verify(side(Authentication.HLS_GMAC, client=True), proof, sent=CTOS, received=STOC) == 0x01234567


def test_gmac_in_suite_1_says_so_and_suite_0_does_not_pass_for_it():
    client, server = (side(Authentication.HLS_GMAC, client=role, suite=1) for role in (True, False))
    proof = hls_reply(client, received=STOC, sent=CTOS, invocation_counter=1)
    assert proof[0] == 0x11
    assert hls_verify(server, proof, sent=STOC, received=CTOS) == 1
    with pytest.raises(SecurityError):
        hls_verify(side(Authentication.HLS_GMAC, client=False), proof, sent=STOC, received=CTOS)


def test_digests_are_over_what_the_green_book_says():
    client = {mechanism: side(mechanism, client=True) for mechanism in MECHANISMS}
    replies = {kind: hls_reply(client[kind], received=STOC, sent=CTOS, invocation_counter=1) for kind in MECHANISMS}
    assert replies[Authentication.HLS_MD5] == md5(STOC + SECRET).digest()
    assert replies[Authentication.HLS_SHA1] == sha1(STOC + SECRET).digest()
    assert replies[Authentication.HLS_SHA256] == sha256(SECRET + CLIENT_TITLE + SERVER_TITLE + STOC + CTOS).digest()
    SigningContext(1, None, CLIENT_KEY.public_key()).verify(
        CLIENT_TITLE + SERVER_TITLE + STOC + CTOS, replies[Authentication.HLS_ECDSA]
    )
    assert replies[Authentication.HLS] == reverse(STOC, SECRET)


def test_mechanism_2_never_shows_the_secret_of_a_ready_made_function():
    challenge = bytes(range(32))
    proof = aes_ecb(challenge, SECRET)
    assert len(proof) == 32
    assert SECRET not in proof
    with pytest.raises(LocalError):
        aes_ecb(challenge, SECRET[:-1])
    for wrong in (b"", bytes(8)):
        with pytest.raises(SecurityError):
            aes_ecb(wrong, SECRET)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_what_a_mechanism_needs_and_does_not_have_is_our_fault(mechanism: Authentication):
    bare = HlsContext(mechanism=mechanism)
    with pytest.raises(LocalError):
        hls_reply(bare, received=STOC, sent=CTOS, invocation_counter=1)
    with pytest.raises((LocalError, SecurityError)):
        hls_verify(bare, b"", sent=CTOS, received=STOC)


def test_gmac_without_a_counter_and_a_mechanism_that_is_no_hls_are_our_fault():
    with pytest.raises(LocalError):
        hls_reply(side(Authentication.HLS_GMAC, client=True), received=STOC, sent=CTOS)
    with pytest.raises(LocalError):
        hls_reply(side(Authentication.LLS, client=True), received=STOC, sent=CTOS)
    untitled = attrs.evolve(side(Authentication.HLS_SHA256, client=True), own_system_title=b"")
    with pytest.raises(LocalError):
        hls_reply(untitled, received=STOC, sent=CTOS)
    no_function = attrs.evolve(side(Authentication.HLS, client=True), manufacturer=None)
    with pytest.raises(LocalError):
        hls_reply(no_function, received=STOC, sent=CTOS)


def test_no_secret_shows_in_a_representation():
    shown = repr(side(Authentication.HLS_GMAC, client=True))
    assert "HLS-secret" not in shown
    assert "000102" not in shown
