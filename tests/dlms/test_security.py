"""Suite 0 to 2: worked examples of the Green Book and RFC 3394, then what must hold for all."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from headend.dlms import axdr
from headend.dlms.apdu import GeneralHeader, GeneralSigning, IdentifiedKey, WrappedKey, decode, encode
from headend.dlms.apdu.general import AgreedKey
from headend.dlms.enumerations import KeyId
from headend.dlms.errors import DecodeError, LocalError, SecurityError
from headend.dlms.security import (
    KeyContext,
    KeyRing,
    SigningContext,
    agree_one_pass,
    agree_static,
    derive_key,
    gmac,
    key_transfer,
    point,
    private_key,
    protect,
    protect_general,
    public_key,
    read_key_transfer,
    resolve_key,
    shared_secret,
    sign_general,
    unprotect,
    unprotect_general,
    unwrap_key,
    verify_general,
    wrap_key,
)
from tests.vectors import load

ENCRYPTION_KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
AUTHENTICATION_KEY = bytes.fromhex("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf")
KEYS = KeyContext(ENCRYPTION_KEY, AUTHENTICATION_KEY)
CLIENT = bytes.fromhex("4d4d4d0000bc614e")
SERVER = bytes.fromhex("4d4d4d0000000001")
COUNTER = 0x01234567
#: GET of the clock's logical name, Green Book table 40.
PLAIN = bytes.fromhex("c0010000080000010000ff0200")
SECURITY = {vector.name: vector for vector in load("security")}


def test_authenticated_encryption_gives_the_green_books_octets():
    assert protect(KEYS, CLIENT, 0x30, COUNTER, PLAIN).hex() == "411312ff935a47566827c467bc7d825c3be4a77c3fcc056b6b"


def test_authentication_only_gives_the_green_books_tag():
    assert protect(KEYS, CLIENT, 0x10, COUNTER, PLAIN).hex() == PLAIN.hex() + "06725d910f9221d263877516"


def test_encryption_only_gives_the_same_ciphertext_without_a_tag():
    assert protect(KEYS, CLIENT, 0x20, COUNTER, PLAIN).hex() == "411312ff935a47566827c467bc"


def test_gmac_of_a_challenge_gives_the_green_books_tag():
    challenge = bytes.fromhex("503677524a323146")
    assert gmac(KEYS, SERVER, 0x10, 1, challenge).hex() == "1a52fe7dd3e72748973c1e28"


def test_unprotect_gives_what_the_librarys_own_decryption_gives():
    octets = protect(KEYS, CLIENT, 0x30, COUNTER, PLAIN)
    iv = CLIENT + COUNTER.to_bytes(4, "big")
    decryptor = Cipher(algorithms.AES(ENCRYPTION_KEY), modes.GCM(iv, octets[-12:], min_tag_length=12)).decryptor()
    decryptor.authenticate_additional_data(b"\x30" + AUTHENTICATION_KEY)
    assert (
        decryptor.update(octets[:-12]) + decryptor.finalize() == PLAIN == unprotect(KEYS, CLIENT, 0x30, COUNTER, octets)
    )


@settings(max_examples=300, deadline=None)
@given(
    plain=st.binary(max_size=600),
    title=st.binary(min_size=8, max_size=8),
    counter=st.integers(0, (1 << 32) - 1),
    control=st.sampled_from([0x00, 0x10, 0x20, 0x30, 0x50, 0x70, 0x11, 0x31, 0x32]),
    size=st.sampled_from([16, 32]),
)
def test_unprotect_undoes_protect(plain: bytes, title: bytes, counter: int, control: int, size: int):
    keys = KeyContext(bytes(range(size)), bytes(range(size, 2 * size)))
    assert unprotect(keys, title, control, counter, protect(keys, title, control, counter, plain)) == plain


@settings(max_examples=300, deadline=None)
@given(data=st.data(), control=st.sampled_from([0x10, 0x30]))
def test_any_changed_bit_fails_the_tag(data: st.DataObject, control: int):
    octets = bytearray(protect(KEYS, CLIENT, control, COUNTER, PLAIN))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SecurityError):
        unprotect(KEYS, CLIENT, control, COUNTER, bytes(octets))


@pytest.mark.parametrize("control", [0x10, 0x30])
@pytest.mark.parametrize("size", range(12))
def test_octets_too_short_for_a_tag_fail_it(control: int, size: int):
    with pytest.raises(SecurityError):
        unprotect(KEYS, CLIENT, control, COUNTER, bytes(size))


@pytest.mark.parametrize(
    ("keys", "title", "counter"),
    [
        (KeyContext(bytes(16), AUTHENTICATION_KEY), CLIENT, COUNTER),
        (KeyContext(ENCRYPTION_KEY, bytes(16)), CLIENT, COUNTER),
        (KEYS, SERVER, COUNTER),
        (KEYS, CLIENT, COUNTER + 1),
    ],
    ids=["encryption key", "authentication key", "system title", "counter"],
)
def test_another_key_title_or_counter_fails_the_tag(keys: KeyContext, title: bytes, counter: int):
    with pytest.raises(SecurityError):
        unprotect(keys, title, 0x30, counter, protect(KEYS, CLIENT, 0x30, COUNTER, PLAIN))


def test_what_is_verified_is_what_the_caller_demands_not_what_the_frame_says():
    encrypted_only = protect(KEYS, CLIENT, 0x20, COUNTER, PLAIN)
    with pytest.raises(SecurityError):
        unprotect(KEYS, CLIENT, 0x30, COUNTER, encrypted_only)
    with pytest.raises(SecurityError):
        unprotect(KEYS, CLIENT, 0x31, COUNTER, protect(KEYS, CLIENT, 0x30, COUNTER, PLAIN))


def test_compression_is_refused_in_both_directions():
    with pytest.raises(LocalError):
        protect(KEYS, CLIENT, 0xB0, COUNTER, PLAIN)
    with pytest.raises(SecurityError):
        unprotect(KEYS, CLIENT, 0xB0, COUNTER, PLAIN)


@pytest.mark.parametrize("title", [b"", bytes(7), bytes(9)])
def test_a_system_title_of_another_size_is_our_fault(title: bytes):
    with pytest.raises(LocalError):
        protect(KEYS, title, 0x30, 1, PLAIN)


@pytest.mark.parametrize("counter", [-1, 1 << 32])
def test_a_counter_that_does_not_fit_is_our_fault(counter: int):
    with pytest.raises(LocalError):
        protect(KEYS, CLIENT, 0x30, counter, PLAIN)


def test_authentication_without_an_authentication_key_is_our_fault():
    with pytest.raises(LocalError):
        protect(KeyContext(ENCRYPTION_KEY), CLIENT, 0x30, 1, PLAIN)
    with pytest.raises(LocalError):
        unprotect(KeyContext(ENCRYPTION_KEY), CLIENT, 0x10, 1, PLAIN)


@pytest.mark.parametrize("size", [0, 8, 15, 17, 24, 33])
def test_keys_of_other_sizes_are_refused(size: int):
    with pytest.raises(LocalError):
        KeyContext(bytes(size))
    if size:
        with pytest.raises(LocalError):
            KeyContext(bytes(16), bytes(size))


def test_no_key_shows_in_a_representation():
    ephemeral = private_key(1, bytes(31) + b"\x05")
    ring = KeyRing(authentication_key=AUTHENTICATION_KEY, unicast_key=ENCRYPTION_KEY, agreement_key=ephemeral)
    shown = repr((KEYS, ring, SigningContext(1, ephemeral), WrappedKey(0, ENCRYPTION_KEY)))
    for key in (ENCRYPTION_KEY, AUTHENTICATION_KEY):
        assert key.hex() not in shown
        assert repr(key)[2:-1] not in shown


# Key wrap


def test_key_wrap_gives_the_rfcs_octets():
    vector = SECURITY["aes-key-wrap-256"]
    assert wrap_key(vector.keys["kek"], vector.keys["key"]) == vector.octets
    assert unwrap_key(vector.keys["kek"], vector.octets).hex() == vector.expected["unwrapped_key"]


def test_key_wrap_of_128_bits_gives_the_rfcs_octets():
    wrapped = wrap_key(ENCRYPTION_KEY, bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert wrapped.hex() == "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"


def test_a_key_wrapped_under_another_key_is_refused():
    with pytest.raises(SecurityError):
        unwrap_key(AUTHENTICATION_KEY, wrap_key(ENCRYPTION_KEY, bytes(16)))


@pytest.mark.parametrize("size", [0, 8, 23, 25, 41])
def test_a_wrapped_key_of_another_size_is_refused(size: int):
    with pytest.raises(SecurityError):
        unwrap_key(ENCRYPTION_KEY, bytes(size))


def test_key_transfer_is_an_array_of_key_id_and_wrapped_key():
    keys = ((KeyId.UNICAST_ENCRYPTION, bytes(16)), (KeyId.AUTHENTICATION, bytes(range(16))))
    parameter = key_transfer(ENCRYPTION_KEY, keys)
    octets = axdr.encode(parameter)
    assert octets.hex().startswith("010202021600" + "0918")
    assert read_key_transfer(ENCRYPTION_KEY, axdr.decode(octets)) == keys


@pytest.mark.parametrize(
    "parameter",
    [
        axdr.structure(),
        axdr.array(axdr.enum(0)),
        axdr.array(axdr.structure(axdr.enum(0))),
        axdr.array(axdr.structure(axdr.enum(9), axdr.octet_string(bytes(24)))),
        axdr.array(axdr.structure(axdr.unsigned(0), axdr.octet_string(bytes(24)))),
    ],
    ids=str,
)
def test_a_key_transfer_of_another_shape_is_refused(parameter: axdr.Data):
    with pytest.raises(DecodeError):
        read_key_transfer(ENCRYPTION_KEY, parameter)


# Elliptic curves


@pytest.mark.parametrize(
    ("secret", "party_u", "party_v", "key"),
    [
        (
            "0d4385ba0dd756cbcab9887eb538396ee8f090a14c1079b4359f115b977f4615",
            CLIENT,
            SERVER,
            "59a71fd81c929a86a99438da17a66c05",
        ),
        (
            "2b4302dc49790e2e78d990cfb52ed6e2f273dece441a2d95e4301b93812a9fac",
            SERVER,
            CLIENT,
            "f0184bda9466bfa4601a64a7ef46504a",
        ),
    ],
)
def test_key_derivation_gives_the_green_books_keys(secret: str, party_u: bytes, party_v: bytes, key: str):
    """Green Book table C.2, one-pass Diffie-Hellman in suite 1, both directions."""
    assert derive_key(1, bytes.fromhex(secret), party_u, party_v).hex() == key


PRIVATE = {
    1: bytes.fromhex("418073c239fa6125011de4d6cd2e645780289f761bb21bfb0835cb5585e8b373"),
    2: bytes(47) + b"\x11",
}
OTHER = {
    1: bytes.fromhex("ae55414ffe079f9fc95649536bd1c2b5653d200813727e07d501a8b550c69207"),
    2: bytes(47) + b"\x22",
}
#: Sizes of a point and a signature, and of the derived key.
SIZES = {1: (64, 16), 2: (96, 32)}


@pytest.mark.parametrize("suite", [1, 2])
def test_both_sides_of_diffie_hellman_have_the_same_secret(suite: int):
    own, peer = private_key(suite, PRIVATE[suite]), private_key(suite, OTHER[suite])
    assert shared_secret(own, peer.public_key()) == shared_secret(peer, own.public_key())
    assert len(derive_key(suite, shared_secret(own, peer.public_key()), CLIENT, SERVER)) == SIZES[suite][1]


@pytest.mark.parametrize("suite", [1, 2])
def test_points_and_signatures_are_raw_and_of_fixed_size(suite: int):
    own = private_key(suite, PRIVATE[suite])
    size = SIZES[suite][0]
    octets = point(own.public_key())
    assert len(octets) == size
    assert point(public_key(suite, octets)) == octets
    signing = SigningContext(suite, own, own.public_key())
    signature = signing.sign(PLAIN)
    assert len(signature) == size
    assert signature == signing.sign(PLAIN)
    signing.verify(PLAIN, signature)


def test_ecdsa_gives_the_rfcs_signature():
    """RFC 6979, A.2.5: P-256, SHA-256, message `sample`."""
    key = private_key(1, bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
    assert SigningContext(1, key).sign(b"sample").hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


@pytest.mark.parametrize("suite", [1, 2])
def test_a_signature_over_other_octets_or_by_another_key_is_refused(suite: int):
    own, other = private_key(suite, PRIVATE[suite]), private_key(suite, OTHER[suite])
    signature = SigningContext(suite, own).sign(PLAIN)
    for key, octets, octets_signed in (
        (own, PLAIN + b"\x00", signature),
        (other, PLAIN, signature),
        (own, PLAIN, signature[:-1]),
        (own, PLAIN, bytes(len(signature))),
    ):
        with pytest.raises(SecurityError):
            SigningContext(suite, None, key.public_key()).verify(octets, octets_signed)


@pytest.mark.parametrize("octets", [b"", bytes(64), b"\x01" * 64, bytes(96)])
def test_a_point_that_is_not_on_the_curve_is_refused(octets: bytes):
    with pytest.raises(SecurityError):
        public_key(1, octets)


def test_keys_on_the_wrong_curve_or_missing_are_our_fault():
    p384 = private_key(2, PRIVATE[2])
    with pytest.raises(LocalError):
        SigningContext(1, p384)
    with pytest.raises(LocalError):
        SigningContext(0)
    with pytest.raises(LocalError):
        SigningContext(1).sign(b"")
    with pytest.raises(LocalError):
        SigningContext(1).verify(b"", bytes(64))
    with pytest.raises(LocalError):
        shared_secret(p384, private_key(1, PRIVATE[1]).public_key())
    with pytest.raises(LocalError):
        private_key(1, bytes(32))
    with pytest.raises(LocalError):
        private_key(1, bytes(31))
    with pytest.raises(LocalError):
        derive_key(0, b"", CLIENT, SERVER)


# General-ciphering and general-signing

HEADER = GeneralHeader(bytes(range(8)), CLIENT, SERVER, b"", b"\x01")


@pytest.mark.parametrize("control", [0x11, 0x21, 0x31])
def test_general_ciphering_round_trip_through_its_apdu(control: int):
    apdu = protect_general(HEADER, IdentifiedKey(0), KEYS, control, COUNTER, PLAIN)
    received = decode(encode(apdu), strict=True)
    context = resolve_key(
        1,
        received.header,
        received.key_info,
        KeyRing(authentication_key=AUTHENTICATION_KEY, unicast_key=ENCRYPTION_KEY),
    )
    assert unprotect_general(received, context, control) == PLAIN


def test_general_ciphering_authenticates_its_header():
    apdu = protect_general(HEADER, None, KEYS, 0x30, COUNTER, PLAIN)
    for field in ("transaction_id", "recipient_system_title", "other_information"):
        import attrs

        forged = attrs.evolve(apdu, header=attrs.evolve(apdu.header, **{field: bytes(8)}))
        with pytest.raises(SecurityError):
            unprotect_general(forged, KEYS, 0x30)


def test_general_ciphering_is_the_same_as_plain_gcm_over_header_and_content():
    apdu = protect_general(HEADER, None, KEYS, 0x30, COUNTER, PLAIN)
    aad = (
        b"\x30" + AUTHENTICATION_KEY + b"\x08" + bytes(range(8)) + b"\x08" + CLIENT + b"\x08" + SERVER + b"\x00\x01\x01"
    )
    decryptor = Cipher(
        algorithms.AES(ENCRYPTION_KEY),
        modes.GCM(CLIENT + COUNTER.to_bytes(4, "big"), apdu.ciphertext[-12:], min_tag_length=12),
    ).decryptor()
    decryptor.authenticate_additional_data(aad)
    assert decryptor.update(apdu.ciphertext[:-12]) + decryptor.finalize() == PLAIN


def test_general_ciphering_with_another_security_control_than_demanded_is_refused():
    apdu = protect_general(HEADER, None, KEYS, 0x20, COUNTER, PLAIN)
    with pytest.raises(SecurityError):
        unprotect_general(apdu, KEYS, 0x30)
    with pytest.raises(LocalError):
        protect_general(HEADER, None, KEYS, 0x00, COUNTER, PLAIN)
    untitled = GeneralHeader(b"", b"", SERVER)
    with pytest.raises(SecurityError):
        unprotect_general(decode(bytes.fromhex("dd0000000000000a3000000001") + bytes(5)), KEYS, 0x30)
    with pytest.raises(LocalError):
        protect_general(untitled, None, KEYS, 0x30, COUNTER, PLAIN)


def test_wrapped_key_is_unwrapped_under_the_master_key():
    master = bytes(range(16, 32))
    ring = KeyRing(authentication_key=AUTHENTICATION_KEY, master_key=master)
    context = resolve_key(0, HEADER, WrappedKey(0, wrap_key(master, ENCRYPTION_KEY)), ring)
    assert context == KEYS
    with pytest.raises(SecurityError):
        resolve_key(0, HEADER, WrappedKey(1, wrap_key(master, ENCRYPTION_KEY)), ring)
    with pytest.raises(SecurityError):
        resolve_key(0, HEADER, WrappedKey(0, bytes(24)), ring)


@pytest.mark.parametrize("suite", [1, 2])
def test_one_pass_diffie_hellman_gives_both_sides_one_key(suite: int):
    ephemeral, static = private_key(suite, PRIVATE[suite]), private_key(suite, OTHER[suite])
    signer = ec.derive_private_key(77, ephemeral.curve)
    key = bytes(SIZES[suite][1])
    info, ours = agree_one_pass(suite, HEADER, ephemeral, static.public_key(), SigningContext(suite, signer), key)
    ring = KeyRing(
        authentication_key=key, agreement_key=static, signing=SigningContext(suite, None, signer.public_key())
    )
    assert resolve_key(suite, HEADER, info, ring) == ours
    tampered = AgreedKey(info.parameters, point(static.public_key()) + info.ciphered_data[SIZES[suite][0] :])
    with pytest.raises(SecurityError):
        resolve_key(suite, HEADER, tampered, ring)


@pytest.mark.parametrize("suite", [1, 2])
def test_static_unified_model_gives_both_sides_one_key_that_changes_with_the_transaction(suite: int):
    own, peer = private_key(suite, PRIVATE[suite]), private_key(suite, OTHER[suite])
    key = bytes(SIZES[suite][1])
    info, ours = agree_static(suite, HEADER, own, peer.public_key(), key)
    ring = KeyRing(authentication_key=key, agreement_key=peer, peer_agreement_key=own.public_key())
    assert resolve_key(suite, HEADER, info, ring) == ours
    later = GeneralHeader(bytes(8), CLIENT, SERVER)
    assert resolve_key(suite, later, info, ring) != ours


@pytest.mark.parametrize(
    "info",
    [
        IdentifiedKey(2),
        AgreedKey(b"\x03", b""),
        AgreedKey(b"", b""),
        AgreedKey(b"\x02", b"\x00"),
        AgreedKey(b"\x01", b""),
        AgreedKey(b"\x01", bytes(128)),
    ],
    ids=repr,
)
def test_key_information_that_leads_nowhere_is_refused(info):
    own = private_key(1, PRIVATE[1])
    ring = KeyRing(
        authentication_key=AUTHENTICATION_KEY, agreement_key=own, signing=SigningContext(1, None, own.public_key())
    )
    with pytest.raises(SecurityError):
        resolve_key(1, HEADER, info, ring)


@pytest.mark.parametrize(
    "info", [IdentifiedKey(0), IdentifiedKey(1), WrappedKey(0, bytes(24)), AgreedKey(b"\x01", b"")]
)
def test_a_key_of_ours_that_is_missing_is_our_fault(info):
    with pytest.raises(LocalError):
        resolve_key(1, HEADER, info, KeyRing(authentication_key=AUTHENTICATION_KEY))


@pytest.mark.parametrize("suite", [1, 2])
@pytest.mark.parametrize("signs_length", [False, True])
def test_general_signing_covers_header_and_content(suite, signs_length):
    own = private_key(suite, PRIVATE[suite])
    signing = SigningContext(suite, own, own.public_key(), signs_length)
    apdu = decode(encode(sign_general(HEADER, PLAIN, signing)), strict=True)
    assert verify_general(apdu, signing) == PLAIN
    for forged in (
        GeneralSigning(HEADER, PLAIN + b"\x00", apdu.signature),
        GeneralSigning(GeneralHeader(b"", CLIENT, SERVER), PLAIN, apdu.signature),
    ):
        with pytest.raises(SecurityError):
            verify_general(forged, signing)
    other_way = SigningContext(suite, own, own.public_key(), not signs_length)
    with pytest.raises(SecurityError):
        verify_general(apdu, other_way)
