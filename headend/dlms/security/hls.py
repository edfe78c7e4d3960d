"""High-level security: how each side proves that it knows the secret (Green Book 9.2.2.2.2.5, 9.2.7.4).

After the AARE each side has the other's challenge. The client answers StoC with f(StoC) by ACTION 1 of the association
object; the server answers CtoS with f(CtoS) in the return parameters. f depends on the mechanism; both directions use
the same function with the roles exchanged.
"""

from collections.abc import Callable
from hashlib import md5, sha1, sha256
from hmac import compare_digest
from typing import Final

from attrs import field, frozen

from headend.dlms.enumerations import Authentication
from headend.dlms.errors import LocalError, SecurityError
from headend.dlms.security.elliptic import SigningContext
from headend.dlms.security.symmetric import TAG_OCTETS, KeyContext, gmac

_AUTHENTICATED: Final = 0x10
#: Security control byte and invocation counter before the GMAC.
_GMAC_HEADER_OCTETS: Final = 5

#: A manufacturer's own f for mechanism 2: challenge and secret in, proof out.
ManufacturerFunction = Callable[[bytes, bytes], bytes]


@frozen(kw_only=True)
class HlsContext:
    """What one side needs to answer and to check; which parts are used depends on `mechanism`.

    `secret` for 2, 3, 4 and 6, `keys` for 5, `signing` for 7, both system titles (8 octets) for 5, 6 and 7.
    """

    mechanism: Authentication
    own_system_title: bytes = b""
    peer_system_title: bytes = b""
    secret: bytes = field(default=b"", repr=False)
    keys: KeyContext | None = field(default=None, repr=False)
    suite: int = 0
    signing: SigningContext | None = field(default=None, repr=False)
    manufacturer: ManufacturerFunction | None = field(default=None, repr=False)


def hls_reply(context: HlsContext, *, received: bytes, sent: bytes, invocation_counter: int | None = None) -> bytes:
    """The proof that answers the peer's challenge `received`; `sent` is the challenge we gave.

    GMAC takes an invocation counter of its own, used for nothing else. LocalError when a part of `context` is missing.
    """
    if context.mechanism is Authentication.HLS_GMAC:
        if invocation_counter is None:
            raise LocalError("HLS-GMAC takes an invocation counter")
        return gmac_reply(_keys(context), context.suite, context.own_system_title, invocation_counter, received)
    if context.mechanism is Authentication.HLS_ECDSA:
        return _signing(context).sign(_titles(context.own_system_title, context.peer_system_title) + received + sent)
    return _digest(context, received, sent, context.own_system_title, context.peer_system_title)


def hls_verify(context: HlsContext, reply: bytes, *, sent: bytes, received: bytes) -> int | None:
    """SecurityError unless `reply` proves that the peer knows the secret; `sent` is the challenge it answers.

    Returns the peer's invocation counter where the mechanism has one (GMAC): whether it is fresh is the caller's check.
    """
    if sent == received:
        raise SecurityError("the peer sent our own challenge back")
    if context.mechanism is Authentication.HLS_GMAC:
        return gmac_verify(_keys(context), context.suite, context.peer_system_title, reply, sent)
    if context.mechanism is Authentication.HLS_ECDSA:
        octets = _titles(context.peer_system_title, context.own_system_title) + sent + received
        _signing(context).verify(octets, reply)
        return None
    expected = _digest(context, sent, received, context.peer_system_title, context.own_system_title)
    if not compare_digest(expected, reply):
        raise SecurityError("the answer to our challenge is wrong")
    return None


def gmac_reply(keys: KeyContext, suite: int, system_title: bytes, invocation_counter: int, received: bytes) -> bytes:
    """The proof of mechanism 5 that answers `received`; `system_title` is ours, the counter used for nothing else."""
    control = _AUTHENTICATED | suite
    tag = gmac(keys, system_title, control, invocation_counter, received)
    return b"%c%b%b" % (control, invocation_counter.to_bytes(4, "big"), tag)


def gmac_verify(keys: KeyContext, suite: int, peer_title: bytes, reply: bytes, sent: bytes) -> int:
    """The counter in the proof of mechanism 5; SecurityError unless it is that of `peer_title` for our `sent`."""
    if len(reply) != _GMAC_HEADER_OCTETS + TAG_OCTETS:
        raise SecurityError(f"an answer to our challenge of {len(reply)} octets")
    control = _AUTHENTICATED | suite
    if reply[0] != control:
        raise SecurityError(f"the answer to our challenge has security control {reply[0]:02x}, not {control:02x}")
    counter = int.from_bytes(reply[1:_GMAC_HEADER_OCTETS], "big")
    expected = gmac(keys, peer_title, control, counter, sent)
    if not compare_digest(expected, reply[_GMAC_HEADER_OCTETS:]):
        raise SecurityError("the answer to our challenge is wrong")
    return counter


def _digest(context: HlsContext, answered: bytes, other: bytes, answerer: bytes, challenger: bytes) -> bytes:
    """F of mechanisms 2, 3, 4 and 6: over the challenge that is answered, by `answerer` to `challenger`."""
    if not context.secret:
        raise LocalError(f"{context.mechanism.name} takes a secret")
    match context.mechanism:
        case Authentication.HLS_MD5:
            return md5(answered + context.secret, usedforsecurity=False).digest()
        case Authentication.HLS_SHA1:
            return sha1(answered + context.secret, usedforsecurity=False).digest()
        case Authentication.HLS_SHA256:
            return sha256(context.secret + _titles(answerer, challenger) + answered + other).digest()
        case Authentication.HLS:
            if context.manufacturer is None:
                raise LocalError("HLS mechanism 2 takes the manufacturer's function")
            return context.manufacturer(answered, context.secret)
        case _:
            raise LocalError(f"{context.mechanism.name} is no HLS")


def _titles(first: bytes, second: bytes) -> bytes:
    if len(first) != 8 or len(second) != 8:
        raise LocalError("this mechanism takes both system titles, of 8 octets")
    return first + second


def _keys(context: HlsContext) -> KeyContext:
    if context.keys is None:
        raise LocalError("HLS-GMAC takes keys")
    return context.keys


def _signing(context: HlsContext) -> SigningContext:
    if context.signing is None:
        raise LocalError("HLS-ECDSA takes signing keys")
    return context.signing
