"""General-ciphering and general-signing, applied and removed (Green Book 9.2.7.2.4); the envelopes: `apdu.general`."""

from typing import assert_never

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from headend.dlms.apdu.general import (
    AgreedKey,
    AgreementScheme,
    GeneralCiphering,
    GeneralHeader,
    GeneralSigning,
    IdentifiedKey,
    KeyInfo,
    WrappedKey,
)
from headend.dlms.enumerations import KeyId
from headend.dlms.errors import LocalError, SecurityError
from headend.dlms.security.elliptic import (
    SigningContext,
    curve,
    derive_key,
    point,
    public_key,
    shared_secret,
)
from headend.dlms.security.symmetric import KeyContext, open_sealed, seal
from headend.dlms.security.wrapping import unwrap_key
from headend.dlms.writing import octet_string


@frozen(kw_only=True)
class KeyRing:
    """Every key that key information may point to; what isn't given can't be used."""

    authentication_key: bytes = field(repr=False)
    unicast_key: bytes | None = field(default=None, repr=False)
    broadcast_key: bytes | None = field(default=None, repr=False)
    master_key: bytes | None = field(default=None, repr=False)
    #: Our static key-agreement key, and the peer's.
    agreement_key: ec.EllipticCurvePrivateKey | None = field(default=None, repr=False)
    peer_agreement_key: ec.EllipticCurvePublicKey | None = field(default=None, repr=False)
    #: Whose signature an ephemeral public key must carry.
    signing: SigningContext | None = field(default=None, repr=False)


def protect_general(
    header: GeneralHeader,
    key_info: KeyInfo | None,
    context: KeyContext,
    security_control: int,
    invocation_counter: int,
    plaintext: bytes,
) -> GeneralCiphering:
    """`plaintext` under `context`, with `header` authenticated; `key_info` tells the recipient which key that is.

    The originator's system title in `header` is in the IV.
    """
    title = header.originator_system_title
    ciphertext = seal(context, title, security_control, invocation_counter, plaintext, header.encode())
    return GeneralCiphering(header, key_info, security_control, invocation_counter, ciphertext)


def unprotect_general(apdu: GeneralCiphering, context: KeyContext, security_control: int) -> bytes:
    """The plaintext; SecurityError when the tag is wrong or the APDU's security control isn't the one demanded."""
    if apdu.security_control != security_control:
        raise SecurityError(f"security control {apdu.security_control:02x}, not {security_control:02x}")
    title = apdu.header.originator_system_title
    if len(title) != 8:
        raise SecurityError("general-ciphering without the originator's system title")
    return open_sealed(context, title, security_control, apdu.invocation_counter, apdu.ciphertext, apdu.header.encode())


def resolve_key(suite: int, header: GeneralHeader, key_info: KeyInfo, ring: KeyRing) -> KeyContext:
    """The key that received `key_info` names, unwrapped or agreed where it says so.

    SecurityError when it names one that can't be had; LocalError when a key of ours that it takes is missing.
    """
    match key_info:
        case IdentifiedKey(key_id=key_id):
            key = _identified(key_id, ring)
        case WrappedKey(kek_id=kek_id, wrapped=wrapped):
            if kek_id != 0:
                raise SecurityError(f"a key wrapped under the unknown key {kek_id}")
            key = unwrap_key(_have(ring.master_key, "master key"), wrapped)
        case AgreedKey():
            key = _agreed(suite, header, key_info, ring)
        case _:
            assert_never(key_info)
    return KeyContext(key, ring.authentication_key)


def agree_one_pass(
    suite: int,
    header: GeneralHeader,
    ephemeral: ec.EllipticCurvePrivateKey,
    peer: ec.EllipticCurvePublicKey,
    signing: SigningContext,
    authentication_key: bytes,
) -> tuple[AgreedKey, KeyContext]:
    """One-pass Diffie-Hellman, C(1e, 1s), the originator's side (Green Book 9.2.3.4.6.3).

    `ephemeral` is used once; its public key goes along, signed.
    """
    if ephemeral.curve.name != curve(suite).name:
        raise LocalError(f"suite {suite} takes keys on {curve(suite).name}")
    octets = point(ephemeral.public_key())
    info = AgreedKey(bytes((AgreementScheme.ONE_PASS_DIFFIE_HELLMAN,)), octets + signing.sign(octets))
    key = derive_key(
        suite, shared_secret(ephemeral, peer), header.originator_system_title, header.recipient_system_title
    )
    return info, KeyContext(key, authentication_key)


def agree_static(
    suite: int,
    header: GeneralHeader,
    own: ec.EllipticCurvePrivateKey,
    peer: ec.EllipticCurvePublicKey,
    authentication_key: bytes,
) -> tuple[AgreedKey, KeyContext]:
    """Static unified model, C(0e, 2s), either side (Green Book 9.2.3.4.6.4); the transaction id is the nonce."""
    info = AgreedKey(bytes((AgreementScheme.STATIC_UNIFIED_MODEL,)), b"")
    party_u = header.originator_system_title + octet_string(header.transaction_id)
    key = derive_key(suite, shared_secret(own, peer), party_u, header.recipient_system_title)
    return info, KeyContext(key, authentication_key)


def sign_general(header: GeneralHeader, content: bytes, signing: SigningContext) -> GeneralSigning:
    """`content` signed together with `header`."""
    return GeneralSigning(header, content, signing.sign(_signed_octets(header, content, signing)))


def verify_general(apdu: GeneralSigning, signing: SigningContext) -> bytes:
    """The content; SecurityError when the signature isn't the originator's."""
    signing.verify(_signed_octets(apdu.header, apdu.content, signing), apdu.signature)
    return apdu.content


def _signed_octets(header: GeneralHeader, content: bytes, signing: SigningContext) -> bytes:
    return header.encode() + (octet_string(content) if signing.signs_content_length else content)


def _identified(key_id: int, ring: KeyRing) -> bytes:
    if key_id == KeyId.UNICAST_ENCRYPTION:
        return _have(ring.unicast_key, "global unicast encryption key")
    if key_id == KeyId.BROADCAST_ENCRYPTION:
        return _have(ring.broadcast_key, "global broadcast encryption key")
    raise SecurityError(f"key {key_id} can't protect an APDU")


def _agreed(suite: int, header: GeneralHeader, info: AgreedKey, ring: KeyRing) -> bytes:
    own = ring.agreement_key
    if own is None:
        raise LocalError("no key-agreement key of ours")
    if info.parameters == bytes((AgreementScheme.ONE_PASS_DIFFIE_HELLMAN,)):
        ephemeral = _ephemeral(suite, info.ciphered_data, ring)
        secret = shared_secret(own, ephemeral)
        return derive_key(suite, secret, header.originator_system_title, header.recipient_system_title)
    if info.parameters == bytes((AgreementScheme.STATIC_UNIFIED_MODEL,)) and not info.ciphered_data:
        if ring.peer_agreement_key is None:
            raise LocalError("no key-agreement key of the peer")
        return agree_static(suite, header, own, ring.peer_agreement_key, ring.authentication_key)[1].encryption_key
    raise SecurityError(f"key agreement {info.parameters.hex()} isn't known")


def _ephemeral(suite: int, octets: bytes, ring: KeyRing) -> ec.EllipticCurvePublicKey:
    if ring.signing is None:
        raise LocalError("no key to verify the ephemeral key's signature with")
    half = len(octets) // 2
    ring.signing.verify(octets[:half], octets[half:])
    return public_key(suite, octets[:half])


def _have(key: bytes | None, name: str) -> bytes:
    if key is None:
        raise LocalError(f"no {name}")
    return key
