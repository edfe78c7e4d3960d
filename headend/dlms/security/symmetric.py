"""Authenticated encryption of APDUs: AES-GCM with a tag of 12 octets (Green Book 9.2.3.3, 9.2.7.2).

IV: system title of the sender and invocation counter. AAD: security control byte and authentication key; with
authentication only, the plaintext after them.

Verifying works by encrypting. GCM is a stream cipher, so encrypting the ciphertext gives the plaintext, and encrypting
that again, with the AAD, gives the tag to compare with. The library's one-shot encryption runs about three times as
fast as its streaming decryption, the only one that takes a tag of 12 octets. Nothing is released before the tag was
compared.
"""

from hmac import compare_digest
from typing import Final

from attrs import Factory, field, frozen
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headend.dlms.errors import LocalError, SecurityError

#: Octets of the tag on the wire; the library makes 16.
TAG_OCTETS: Final = 12
_IV_OCTETS: Final = 12
_KEY_SIZES: Final = (16, 32)
_OCTETS: Final = tuple(bytes((octet,)) for octet in range(256))

_AUTHENTICATED: Final = 0x10
_ENCRYPTED: Final = 0x20
_BOTH: Final = 0x30
#: Security controls of authenticated encryption under the unicast key, one a suite.
_USUAL: Final = (0x30, 0x31, 0x32)
_LARGEST_COUNTER: Final = 0xFFFFFFFF
#: Bits that say what was done to the APDU: compression, encryption, authentication.
_TREATMENT: Final = 0xB0


def _encryption_key(key: bytes) -> bytes:
    if len(key) not in _KEY_SIZES:
        raise LocalError(f"an encryption key of {len(key)} octets; suites 0 and 1 take 16, suite 2 takes 32")
    return key


def _authentication_key(key: bytes) -> bytes:
    if key and len(key) not in _KEY_SIZES:
        raise LocalError(f"an authentication key of {len(key)} octets; suites 0 and 1 take 16, suite 2 takes 32")
    return key


@frozen
class KeyContext:
    """An encryption key and the authentication key beside it, with the cipher kept ready.

    16 octets each for suites 0 and 1, 32 for suite 2; LocalError otherwise. Without an authentication key only
    encryption works.
    """

    encryption_key: bytes = field(repr=False, converter=_encryption_key)
    authentication_key: bytes = field(default=b"", repr=False, converter=_authentication_key)
    cipher: AESGCM = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: AESGCM(self.encryption_key), takes_self=True)
    )
    #: The AAD of authenticated encryption for the security control of each suite, kept for the hot path.
    aad: dict[int, bytes] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: _aad(self.authentication_key), takes_self=True)
    )


def _aad(authentication_key: bytes) -> dict[int, bytes]:
    return {control: _OCTETS[control] + authentication_key for control in _USUAL} if authentication_key else {}


def protect(
    context: KeyContext, system_title: bytes, security_control: int, invocation_counter: int, plaintext: bytes
) -> bytes:
    """What follows the invocation counter in the APDU: ciphertext or plaintext, then the tag if authenticated.

    `system_title` is the sender's. LocalError when title, counter or security control can't be used.
    """
    aad = context.aad.get(security_control)
    if aad is not None and len(system_title) == 8 and 0 <= invocation_counter <= _LARGEST_COUNTER:
        return context.cipher.encrypt(system_title + invocation_counter.to_bytes(4), plaintext, aad)[:-4]
    treatment = security_control & _TREATMENT
    if treatment == 0:
        return plaintext
    if treatment not in (_AUTHENTICATED, _ENCRYPTED, _BOTH):
        raise LocalError(f"security control {security_control:02x} asks for compression, which isn't supported")
    return seal(context, system_title, security_control, invocation_counter, plaintext, b"")


def unprotect(
    context: KeyContext, system_title: bytes, security_control: int, invocation_counter: int, octets: bytes
) -> bytes:
    """The plaintext of what follows the invocation counter; `system_title` is the sender's.

    `security_control` must be what the caller demands, not what the frame says. SecurityError when the tag is wrong or
    missing, or the octets are compressed.
    """
    aad = context.aad.get(security_control)
    if aad is not None and len(system_title) == 8 and 0 <= invocation_counter <= _LARGEST_COUNTER:
        iv = system_title + invocation_counter.to_bytes(4)
        encrypt = context.cipher.encrypt
        plaintext = encrypt(iv, octets[:-12], None)[:-16]
        if compare_digest(encrypt(iv, plaintext, aad)[-16:-4], octets[-12:]):
            return plaintext
        raise SecurityError("the authentication tag is wrong")
    treatment = security_control & _TREATMENT
    if treatment == 0:
        return octets
    if treatment not in (_AUTHENTICATED, _ENCRYPTED, _BOTH):
        raise SecurityError(f"security control {security_control:02x} announces compression, which isn't supported")
    return open_sealed(context, system_title, security_control, invocation_counter, octets, b"")


def gmac(
    context: KeyContext, system_title: bytes, security_control: int, invocation_counter: int, octets: bytes
) -> bytes:
    """The tag of 12 octets over security control, authentication key and `octets`; `system_title` is the sender's."""
    key = context.authentication_key or _missing_key()
    iv = _iv(system_title, invocation_counter)
    return context.cipher.encrypt(iv, b"", b"%c%b%b" % (security_control, key, octets))[:TAG_OCTETS]


def seal(
    context: KeyContext,
    system_title: bytes,
    security_control: int,
    invocation_counter: int,
    plaintext: bytes,
    aad: bytes,
) -> bytes:
    """As `protect`, with `aad` between the authentication key and the plaintext: for general-ciphering."""
    iv = _iv(system_title, invocation_counter)
    treatment = security_control & _TREATMENT
    if treatment == _ENCRYPTED:
        return context.cipher.encrypt(iv, plaintext, None)[:-16]
    key = context.authentication_key or _missing_key()
    authenticated = b"%c%b%b" % (security_control, key, aad)
    if treatment == _BOTH:
        return context.cipher.encrypt(iv, plaintext, authenticated)[:-4]
    if treatment == _AUTHENTICATED:
        return plaintext + context.cipher.encrypt(iv, b"", authenticated + plaintext)[:TAG_OCTETS]
    raise LocalError(f"security control {security_control:02x} can't be used in general-ciphering")


def open_sealed(
    context: KeyContext, system_title: bytes, security_control: int, invocation_counter: int, octets: bytes, aad: bytes
) -> bytes:
    """As `unprotect`, with `aad` between the authentication key and the plaintext: for general-ciphering."""
    iv = _iv(system_title, invocation_counter)
    treatment = security_control & _TREATMENT
    if treatment not in (_AUTHENTICATED, _ENCRYPTED, _BOTH):
        raise SecurityError(f"security control {security_control:02x} can't be used in general-ciphering")
    body, tag = (octets, b"") if treatment == _ENCRYPTED else (octets[:-TAG_OCTETS], octets[-TAG_OCTETS:])
    plaintext = context.cipher.encrypt(iv, body, None)[:-16] if treatment & _ENCRYPTED else body
    if treatment & _AUTHENTICATED:
        expected = seal(context, system_title, security_control, invocation_counter, plaintext, aad)[-TAG_OCTETS:]
        if not compare_digest(expected, tag):
            raise SecurityError("the authentication tag is wrong")
    return plaintext


def _iv(system_title: bytes, invocation_counter: int) -> bytes:
    try:
        iv = system_title + invocation_counter.to_bytes(4, "big")
    except OverflowError:
        raise LocalError(f"an invocation counter can't be {invocation_counter}") from None
    if len(iv) != _IV_OCTETS:
        raise LocalError(f"a system title has 8 octets, not {len(system_title)}")
    return iv


def _missing_key() -> bytes:
    raise LocalError("authentication asked for without an authentication key")
