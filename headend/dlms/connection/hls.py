"""The proof that HLS asks of both ends, out of what the caller pinned (Green Book 9.2.7.4)."""

from headend.dlms import axdr
from headend.dlms.axdr import EncodedData, Tag
from headend.dlms.connection.counters import InvocationCounter
from headend.dlms.connection.parameters import ClientParameters, ServerParameters
from headend.dlms.enumerations import Authentication
from headend.dlms.errors import DecodeError, RemoteError
from headend.dlms.security import HlsContext, hls_reply, hls_verify

#: Lengths below this take one octet.
_SHORT = 0x80


class Proof:
    """Both halves of HLS in one association: our challenge `sent`, the peer's `received`, and what answers each."""

    __slots__ = ("_context", "_counter", "_received", "_sent")

    def __init__(
        self,
        parameters: ClientParameters | ServerParameters,
        counter: InvocationCounter | None,
        peer_title: bytes | None,
        *,
        sent: bytes,
        received: bytes,
    ) -> None:
        security = parameters.security
        self._counter = counter
        self._sent = sent
        self._received = received
        if security is None:
            self._context = HlsContext(
                mechanism=parameters.authentication, secret=parameters.secret, manufacturer=parameters.manufacturer
            )
        else:
            self._context = HlsContext(
                mechanism=parameters.authentication,
                own_system_title=security.system_title,
                peer_system_title=peer_title or b"",
                secret=parameters.secret,
                keys=security.keys,
                suite=security.suite,
                signing=security.signing,
                manufacturer=parameters.manufacturer,
            )

    def ours(self) -> EncodedData:
        """The answer to the peer's challenge; with GMAC it takes an invocation counter that nothing else gets."""
        counter = None
        if self._context.mechanism is Authentication.HLS_GMAC and self._counter is not None:
            counter = self._counter.take()
        reply = hls_reply(self._context, received=self._received, sent=self._sent, invocation_counter=counter)
        return EncodedData(b"\x09%b%b" % (axdr.encode_length(len(reply)), reply))

    def check(self, proof: EncodedData) -> None:
        """`SecurityError` unless `proof` answers our challenge.

        The counter inside a GMAC is not compared with those of the APDUs: our challenge makes the proof fresh, and
        meters take that counter from anywhere, a few even from the APDU around it.
        """
        octets = proof.octets
        if 2 <= len(octets) < _SHORT and octets[0] == Tag.OCTET_STRING and octets[1] == len(octets) - 2:
            reply = octets[2:]
        else:
            data = proof.decode()
            if data.tag is not Tag.OCTET_STRING:
                raise DecodeError("an answer to a challenge is an octet-string", 0)
            reply = data.value
        hls_verify(self._context, reply, sent=self._sent, received=self._received)


def needs_title(authentication: Authentication) -> bool:
    """Whether the mechanism has system titles in its proof."""
    return authentication in (Authentication.HLS_GMAC, Authentication.HLS_SHA256, Authentication.HLS_ECDSA)


def check_title(authentication: Authentication, title: bytes | None) -> None:
    """`RemoteError` if the mechanism needs the peer's system title and there is none."""
    if title is None and needs_title(authentication):
        raise RemoteError("the peer gave no system title, which its authentication needs")
