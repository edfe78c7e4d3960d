"""Cryptography of suites 0, 1 and 2 as pure functions of keys, titles, counters and octets (Green Book 9.2).

Nothing here decides what is required: the caller pins suite, policy and system title, keeps counters, gives randomness.
"""

from headend.dlms.security.elliptic import SigningContext, derive_key, point, private_key, public_key, shared_secret
from headend.dlms.security.general import (
    KeyRing,
    agree_one_pass,
    agree_static,
    protect_general,
    resolve_key,
    sign_general,
    unprotect_general,
    verify_general,
)
from headend.dlms.security.hls import HlsContext, ManufacturerFunction, hls_reply, hls_verify
from headend.dlms.security.manufacturers import aes_ecb
from headend.dlms.security.symmetric import TAG_OCTETS, KeyContext, gmac, protect, unprotect
from headend.dlms.security.wrapping import key_transfer, read_key_transfer, unwrap_key, wrap_key

__all__ = [
    "TAG_OCTETS",
    "HlsContext",
    "KeyContext",
    "KeyRing",
    "ManufacturerFunction",
    "SigningContext",
    "aes_ecb",
    "agree_one_pass",
    "agree_static",
    "derive_key",
    "gmac",
    "hls_reply",
    "hls_verify",
    "key_transfer",
    "point",
    "private_key",
    "protect",
    "protect_general",
    "public_key",
    "read_key_transfer",
    "resolve_key",
    "shared_secret",
    "sign_general",
    "unprotect",
    "unprotect_general",
    "unwrap_key",
    "verify_general",
    "wrap_key",
]
