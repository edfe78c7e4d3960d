"""Octets that claim to be protected: nothing that we didn't make ourselves is ever released.

The first octet chooses what the rest claims to be: sealed content, a proof of HLS, a wrapped key, general-ciphering.
"""

from headend.dlms.apdu import AgreedKey, GeneralHeader, IdentifiedKey, WrappedKey
from headend.dlms.apdu.general import decode_general_ciphering, decode_general_signing
from headend.dlms.enumerations import Authentication
from headend.dlms.errors import SecurityError
from headend.dlms.security import (
    HlsContext,
    KeyContext,
    KeyRing,
    SigningContext,
    hls_verify,
    private_key,
    public_key,
    resolve_key,
    unprotect,
    unprotect_general,
    unwrap_key,
    verify_general,
)

KEYS = KeyContext(bytes(range(16)), bytes(range(16, 32)))
OWN, PEER = private_key(1, bytes(31) + b"\x05"), private_key(1, bytes(31) + b"\x07")
SIGNING = SigningContext(1, OWN, PEER.public_key())
TITLES = (b"HES00001", b"MTR00001")
RING = KeyRing(
    authentication_key=bytes(range(16, 32)),
    unicast_key=bytes(16),
    broadcast_key=bytes(16),
    master_key=bytes(range(16)),
    agreement_key=OWN,
    peer_agreement_key=PEER.public_key(),
    signing=SIGNING,
)
HEADER = GeneralHeader(b"\x01", *TITLES)
MECHANISMS = (*Authentication,)[2:]

SHARE = 6


def run(octets: bytes) -> None:
    if not octets:
        return
    choice, rest = octets[0], octets[1:]
    if choice < 0x40:
        control = (0x10, 0x30, 0x31, 0x90)[choice & 3]
        must_fail(unprotect, KEYS, TITLES[0], control, choice, rest)
    elif choice < 0x80:
        context = HlsContext(
            mechanism=MECHANISMS[choice % len(MECHANISMS)],
            own_system_title=TITLES[0],
            peer_system_title=TITLES[1],
            secret=b"secret",
            keys=KEYS,
            signing=SIGNING,
            manufacturer=lambda challenge, secret: secret + challenge,
        )
        hls_verify(context, rest, sent=b"challenge-1", received=b"challenge-2")
    elif choice < 0xA0:
        must_fail(unwrap_key, bytes(range(16)), rest)
    elif choice < 0xC0:
        public_key(1 + (choice & 1), rest)
    elif choice < 0xE0:
        info = (IdentifiedKey(choice & 3), WrappedKey(choice & 1, rest), AgreedKey(rest[:1], rest[1:]))[choice % 3]
        resolve_key(1, HEADER, info, RING)
    elif choice < 0xF0:
        unprotect_general(decode_general_ciphering(b"\xdd" + rest), KEYS, 0x31)
    else:
        must_fail(verify_general, decode_general_signing(b"\xdf" + rest), SIGNING)


def must_fail(function, *arguments):
    try:
        function(*arguments)
    except SecurityError:
        return
    raise AssertionError(f"{function.__name__} believed octets that nobody made")
