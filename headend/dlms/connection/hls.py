"""The proof that HLS asks of both ends, out of what the caller pinned (Green Book 9.2.7.4)."""

from typing import Final

from headend.dlms import axdr
from headend.dlms.axdr import EncodedData, Tag
from headend.dlms.connection.counters import InvocationCounter
from headend.dlms.connection.parameters import ClientParameters, ServerParameters
from headend.dlms.enumerations import Authentication
from headend.dlms.errors import DecodeError, RemoteError, SecurityError
from headend.dlms.security import HlsContext, hls_reply, hls_verify
from headend.dlms.security.hls import gmac_reply, gmac_verify

#: Lengths below this take one octet.
_SHORT: Final = 0x80
_OCTET_STRING: Final = int(Tag.OCTET_STRING)
#: Members of enumerations that every session needs: looked up in their class they take 0.15 us each time (3.11).
_HLS_GMAC: Final = Authentication.HLS_GMAC


class Proof:
    """Both halves of HLS in one association: our challenge `sent`, the peer's `received`, and what answers each."""

    __slots__ = ("_context", "_counter", "_peer_title", "_received", "_security", "_sent")

    def __init__(
        self,
        parameters: ClientParameters | ServerParameters,
        counter: InvocationCounter | None,
        peer_title: bytes | None,
        *,
        sent: bytes,
        received: bytes,
    ) -> None:
        security = self._security = parameters.security
        self._peer_title = peer_title or b""
        self._counter = counter
        self._sent = sent
        self._received = received
        self._context: HlsContext | None = None
        if parameters.authentication is _HLS_GMAC and security is not None:
            return  # needs no more than `security` has: nearly all that there is, so nothing is made for it
        if security is None:
            self._context = HlsContext(
                mechanism=parameters.authentication, secret=parameters.secret, manufacturer=parameters.manufacturer
            )
        else:
            self._context = HlsContext(
                mechanism=parameters.authentication,
                own_system_title=security.system_title,
                peer_system_title=self._peer_title,
                secret=parameters.secret,
                keys=security.keys,
                suite=security.suite,
                signing=security.signing,
                manufacturer=parameters.manufacturer,
            )

    def ours(self) -> EncodedData:
        """The answer to the peer's challenge; with GMAC it takes an invocation counter that nothing else gets."""
        security = self._security
        if self._context is not None:
            reply = hls_reply(self._context, received=self._received, sent=self._sent)
        else:
            assert security is not None
            assert self._counter is not None
            counter = self._counter.take()
            reply = gmac_reply(security.keys, security.suite, security.system_title, counter, self._received)
        return EncodedData(b"\x09%b%b" % (axdr.encode_length(len(reply)), reply))

    def check(self, proof: EncodedData) -> None:
        """`SecurityError` unless `proof` answers our challenge.

        The counter inside a GMAC is not compared with those of the APDUs: our challenge makes the proof fresh, and
        meters take that counter from anywhere, a few even from the APDU around it.
        """
        octets = proof.octets
        if 2 <= len(octets) < _SHORT and octets[0] == _OCTET_STRING and octets[1] == len(octets) - 2:
            reply = octets[2:]
        else:
            data = proof.decode()
            if data.tag is not Tag.OCTET_STRING:
                raise DecodeError("an answer to a challenge is an octet-string", 0)
            reply = data.value
        if self._context is not None:
            hls_verify(self._context, reply, sent=self._sent, received=self._received)
            return
        security = self._security
        assert security is not None
        if self._sent == self._received:
            raise SecurityError("the peer sent our own challenge back")
        gmac_verify(security.keys, security.suite, self._peer_title, reply, self._sent)


def needs_title(authentication: Authentication) -> bool:
    """Whether the mechanism has system titles in its proof."""
    return authentication in (_HLS_GMAC, Authentication.HLS_SHA256, Authentication.HLS_ECDSA)


def check_title(authentication: Authentication, title: bytes | None) -> None:
    """`RemoteError` if the mechanism needs the peer's system title and there is none."""
    if title is None and needs_title(authentication):
        raise RemoteError("the peer gave no system title, which its authentication needs")
