"""The proof that HLS asks of both ends, out of what the caller pinned (Green Book 9.2.7.4)."""

from headend.dlms import axdr
from headend.dlms.axdr import EncodedData, Tag
from headend.dlms.connection.parameters import ClientParameters, ServerParameters
from headend.dlms.connection.protection import InvocationCounter
from headend.dlms.enumerations import Authentication
from headend.dlms.errors import DecodeError, RemoteError
from headend.dlms.security import HlsContext, hls_reply, hls_verify


def _context(parameters: ClientParameters | ServerParameters, peer_title: bytes | None) -> HlsContext:
    security = parameters.security
    if security is None:
        return HlsContext(
            mechanism=parameters.authentication, secret=parameters.secret, manufacturer=parameters.manufacturer
        )
    return HlsContext(
        mechanism=parameters.authentication,
        own_system_title=security.system_title,
        peer_system_title=peer_title or b"",
        secret=parameters.secret,
        keys=security.keys,
        suite=security.suite,
        signing=security.signing,
        manufacturer=parameters.manufacturer,
    )


def prove(
    parameters: ClientParameters | ServerParameters,
    counter: InvocationCounter | None,
    peer_title: bytes | None,
    *,
    received: bytes,
    sent: bytes,
) -> EncodedData:
    """The answer to the challenge `received`; with GMAC it takes an invocation counter that nothing else gets."""
    gmac = parameters.authentication == Authentication.HLS_GMAC
    reply = hls_reply(
        _context(parameters, peer_title),
        received=received,
        sent=sent,
        invocation_counter=counter.take() if gmac and counter is not None else None,
    )
    return EncodedData(axdr.encode(axdr.octet_string(reply)))


def verify(
    parameters: ClientParameters | ServerParameters,
    peer_title: bytes | None,
    proof: EncodedData,
    *,
    sent: bytes,
    received: bytes,
) -> None:
    """`SecurityError` unless `proof` answers our challenge `sent`.

    The counter inside a GMAC is not compared with those of the APDUs: our challenge makes the proof fresh, and meters
    take that counter from anywhere, a few even from the APDU around it.
    """
    data = proof.decode()
    if data.tag is not Tag.OCTET_STRING:
        raise DecodeError("an answer to a challenge is an octet-string", 0)
    hls_verify(_context(parameters, peer_title), data.value, sent=sent, received=received)


def needs_title(authentication: Authentication) -> bool:
    """Whether the mechanism has system titles in its proof."""
    return authentication in (Authentication.HLS_GMAC, Authentication.HLS_SHA256, Authentication.HLS_ECDSA)


def check_title(authentication: Authentication, title: bytes | None) -> None:
    """`RemoteError` if the mechanism needs the peer's system title and there is none."""
    if title is None and needs_title(authentication):
        raise RemoteError("the peer gave no system title, which its authentication needs")
