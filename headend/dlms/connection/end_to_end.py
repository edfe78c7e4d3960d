"""General-ciphering, signed where that is agreed: each APDU names its key, for protection through third parties.

Like `Protection` it seals and opens under pinned rules: the kind of key information, suite, policy, both system titles
and a counter that grows (Green Book 9.2.7.2.4). AARQ, AARE and release stay under the global key.
"""

from collections.abc import Callable, Iterator
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from headend.dlms.apdu import (
    AgreedKey,
    GeneralCiphering,
    GeneralHeader,
    GeneralSigning,
    IdentifiedKey,
    KeyInfo,
    WrappedKey,
    decode,
    encode,
)
from headend.dlms.connection.counters import CounterError, InvocationCounter
from headend.dlms.errors import LocalError, RemoteError, SecurityError
from headend.dlms.security import (
    KeyContext,
    KeyRing,
    SigningContext,
    agree_one_pass,
    agree_static,
    protect_general,
    resolve_key,
    sign_general,
    unprotect_general,
    verify_general,
    wrap_key,
)

KeyFor = Callable[[GeneralHeader], tuple[KeyInfo, KeyContext]]

_GENERAL_CIPHERING: Final = 0xDD
_GENERAL_SIGNING: Final = 0xDF
#: The most that header, key information, counter and tag take: an ephemeral key of suite 2 and its signature are 192.
_OVERHEAD: Final = 260
#: The same for a signature of suite 2 and a header of its own.
_SIGNATURE_OVERHEAD: Final = 140
_TRANSACTION_OCTETS: Final = 8


@frozen
class EndToEndKeys:
    """`key_for` gives our key of one APDU and what tells it to the peer; `ring` finds the peer's, of the same `kind`.

    With `signing` every APDU is signed too, in both directions.
    """

    key_for: KeyFor = field(repr=False)
    kind: type[KeyInfo]
    ring: KeyRing = field(repr=False)
    signing: SigningContext | None = field(default=None, repr=False)

    @classmethod
    def identified(cls, keys: KeyContext, signing: SigningContext | None = None) -> "EndToEndKeys":
        """The global unicast encryption key, named."""
        ring = KeyRing(authentication_key=keys.authentication_key, unicast_key=keys.encryption_key)
        return cls(lambda _: (IdentifiedKey(0), keys), IdentifiedKey, ring, signing)

    @classmethod
    def wrapped(
        cls, master_key: bytes, session_keys: KeyContext, signing: SigningContext | None = None
    ) -> "EndToEndKeys":
        """A key of one session, sent along under the master key."""
        info = WrappedKey(0, wrap_key(master_key, session_keys.encryption_key))
        ring = KeyRing(authentication_key=session_keys.authentication_key, master_key=master_key)
        return cls(lambda _: (info, session_keys), WrappedKey, ring, signing)

    @classmethod
    def static_agreement(
        cls,
        suite: int,
        own: ec.EllipticCurvePrivateKey,
        peer: ec.EllipticCurvePublicKey,
        authentication_key: bytes,
        signing: SigningContext | None = None,
    ) -> "EndToEndKeys":
        """A key that both ends derive from their static keys and the transaction (C(0e, 2s))."""
        ring = KeyRing(authentication_key=authentication_key, agreement_key=own, peer_agreement_key=peer)
        return cls(lambda header: agree_static(suite, header, own, peer, authentication_key), AgreedKey, ring, signing)

    @classmethod
    def one_pass_agreement(
        cls,
        suite: int,
        own: ec.EllipticCurvePrivateKey,
        peer: ec.EllipticCurvePublicKey,
        ephemerals: Iterator[ec.EllipticCurvePrivateKey],
        authentication_key: bytes,
        signing: SigningContext,
        *,
        signed: bool = False,
    ) -> "EndToEndKeys":
        """A fresh key for each APDU from `ephemerals`, whose public halves are signed (C(1e, 1s))."""

        def key_for(header: GeneralHeader) -> tuple[KeyInfo, KeyContext]:
            ephemeral = next(ephemerals, None)
            if ephemeral is None:
                raise LocalError("no ephemeral key is left: give more")
            return agree_one_pass(suite, header, ephemeral, peer, signing, authentication_key)

        ring = KeyRing(authentication_key=authentication_key, agreement_key=own, signing=signing)
        return cls(key_for, AgreedKey, ring, signing if signed else None)


class EndToEnd:
    """Seals and opens the APDUs of one association, each with a header and key information of its own."""

    __slots__ = ("_control", "_counter", "_keys", "_suite", "_title", "general", "last_received", "peer_title")

    def __init__(
        self,
        keys: EndToEndKeys,
        counter: InvocationCounter,
        *,
        title: bytes,
        peer_title: bytes | None,
        policy: int,
        suite: int,
    ) -> None:
        if not policy:
            raise LocalError("general-ciphering needs a policy that protects something")
        self._keys = keys
        self._counter = counter
        self._title = title
        self._suite = suite
        self._control = policy | suite
        self.peer_title = peer_title
        #: Always: this envelope has no service-specific twin.
        self.general = True
        self.last_received = -1

    def learn(self, title: bytes | None) -> None:
        """Open the APDUs of `title` from now on, and no other's."""
        self.peer_title = title

    def overhead(self, tag: int) -> int:  # noqa: ARG002 - the same for every APDU
        """How many octets the envelope adds, at most."""
        return _OVERHEAD + (0 if self._keys.signing is None else _SIGNATURE_OVERHEAD)

    def opens(self, tag: int) -> bool:
        """Whether `tag` is an envelope of this kind."""
        return tag == (_GENERAL_CIPHERING if self._keys.signing is None else _GENERAL_SIGNING)

    def seal(self, plain: bytes) -> bytes:
        """`plain` under the next counter and its key."""
        counter = self._counter.take()
        header = GeneralHeader(counter.to_bytes(_TRANSACTION_OCTETS, "big"), self._title, self.peer_title or b"")
        info, context = self._keys.key_for(header)
        octets = encode(protect_general(header, info, context, self._control, counter, plain))
        return octets if self._keys.signing is None else encode(sign_general(header, octets, self._keys.signing))

    def open(self, apdu: bytes) -> bytes:
        """The plain APDU inside; `SecurityError` for anything less than what was agreed, the counter then untouched."""
        if not self.opens(apdu[0]):
            raise SecurityError(f"APDU {apdu[0]:02x} is not protected as this association demands")
        envelope = decode(apdu)
        if isinstance(envelope, GeneralSigning):
            assert self._keys.signing is not None
            self._check_titles(envelope.header)
            envelope = decode(verify_general(envelope, self._keys.signing))
        if not isinstance(envelope, GeneralCiphering):
            raise SecurityError("a signed APDU that is not ciphered")
        return self._open(envelope)

    def _open(self, envelope: GeneralCiphering) -> bytes:
        self._check_titles(envelope.header)
        info, counter = envelope.key_info, envelope.invocation_counter
        if info is None or not isinstance(info, self._keys.kind):
            raise SecurityError("another kind of key than was agreed")
        if counter <= self.last_received:
            raise CounterError(f"invocation counter {counter} is not above {self.last_received}: replayed or late")
        try:
            context = resolve_key(self._suite, envelope.header, info, self._keys.ring)
        except LocalError as error:
            raise SecurityError(f"the key that the APDU names was not agreed: {error}") from error
        plain = unprotect_general(envelope, context, self._control)
        self.last_received = counter
        if not plain:
            raise RemoteError("an envelope without an APDU")
        return plain

    def _check_titles(self, header: GeneralHeader) -> None:
        if self.peer_title is None or header.originator_system_title != self.peer_title:
            raise SecurityError("the originator of the APDU is not the peer")
        if header.recipient_system_title not in (self._title, b""):
            raise SecurityError("the APDU is meant for somebody else")
