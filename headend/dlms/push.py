"""What meters push, received without input or output: unframed APDUs in, notifications and refusals out.

A push comes unasked, from anybody who reaches the port. So each address and each system title has an allowance, a
title must be known, its keys and protection are pinned, and its counter must have grown; only then is a body looked at.
Nothing is ever answered.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from headend.dlms.apdu import (
    ApduTag,
    CipheredApdu,
    DataNotification,
    EventNotification,
    GeneralBlockTransfer,
    GeneralCiphering,
    GeneralGloCiphering,
    GeneralSigning,
    decode,
)
from headend.dlms.blocks import GeneralBlocks
from headend.dlms.enumerations import SecurityControl
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError
from headend.dlms.security import KeyContext, KeyRing, resolve_key, unprotect, unprotect_general, verify_general

#: Octets of one push joined from blocks (safety rule 12).
LARGEST_JOINED: Final = 1 << 20
#: Addresses, or titles, whose allowance is remembered; the one heard least recently gives way and starts anew.
_MOST_REMEMBERED: Final = 65_536
#: Streams whose unfinished block transfer is kept.
_MOST_UNFINISHED: Final = 1024
#: Envelopes around envelopes: a signature around a ciphered APDU, and no more.
_DEEPEST: Final = 2
_GENERAL_BLOCK: Final = 0xE0
_AUTHENTICATED: Final = int(SecurityControl.AUTHENTICATION)


def _is_policy(_: object, __: object, value: int) -> None:
    if value not in (0x10, 0x20, 0x30):
        raise LocalError(f"the policy of a ciphered push is 0x10, 0x20 or 0x30, not {value:#04x}")


@frozen
class PushKeys:
    """How the pushes of one system title are protected: `policy` 0x10, 0x20 or 0x30, and never anything else.

    With 0x20 nothing is proven: such a push is marked so and moves no counter. `ring` serves general-ciphering and, by
    its signing keys, general-signing. `last_received` is where the counter stood before.
    """

    keys: KeyContext = field(repr=False)
    policy: int = field(default=0x30, validator=_is_policy)
    suite: int = 0
    last_received: int = -1
    ring: KeyRing | None = field(default=None, repr=False)


@frozen
class Allowance:
    """How many pushes are taken: `burst` at once, `rate` a second in the long run."""

    rate: float
    burst: int


#: A meter pushes some alerts at once and a profile a quarter of an hour; a gateway in front of many, many times that.
A_METER: Final = Allowance(rate=1.0, burst=60)
A_PEER: Final = Allowance(rate=200.0, burst=5000)


@frozen
class Push:
    """One notification. `system_title` and `invocation_counter` are None where it came in clear."""

    apdu: DataNotification | EventNotification
    system_title: bytes | None
    invocation_counter: int | None
    #: Whether a tag or a signature proved the title: else the body is anybody's word.
    authenticated: bool


@frozen
class PushRefused:
    """Octets that were turned away; `system_title` is what they claimed, if anything."""

    error: RemoteError
    system_title: bytes | None


class PushListener:
    """Takes the APDUs of all peers; one for the whole head-end, as counters and allowances are common.

    `keys_of` finds the keys of a system title, None where it is not known. `takes_plain` lets pushes in clear pass,
    from meters that can't do better. Times are seconds of any clock that only grows.
    """

    def __init__(
        self,
        keys_of: Callable[[bytes], PushKeys | None],
        *,
        takes_plain: bool = False,
        per_title: Allowance = A_METER,
        per_peer: Allowance = A_PEER,
    ) -> None:
        self._keys_of = keys_of
        self._takes_plain = takes_plain
        self._titles = Allowances(per_title)
        self._peers = Allowances(per_peer)
        self._counters: dict[bytes, int] = {}
        self._unfinished: OrderedDict[str, GeneralBlocks] = OrderedDict()

    def receive(
        self, apdu: bytes, peer: str, now: float, *, system_title: bytes | None = None, stream: str | None = None
    ) -> Push | PushRefused | None:
        """What the APDU from address `peer` is; None if it is one of several blocks.

        `system_title` is whose it is where the envelope does not say (service-specific ciphering) and the stream does.
        `stream` tells apart streams of one address, whose blocks belong together; left out, an address has one.
        """
        claim = _Claim(system_title, now)
        try:
            self._admit(peer, now)
            whole = self._join(apdu, stream or peer)
            return None if whole is None else self._open(whole, claim, 0)
        except RemoteError as error:
            return PushRefused(error, claim.title)

    def last_received(self, system_title: bytes) -> int | None:
        """The largest verified counter of `system_title` since this listener began; None if there was none."""
        return self._counters.get(system_title)

    def renew(self, system_title: bytes) -> None:
        """The keys of `system_title` were changed: its counter starts anew, from their `last_received`."""
        self._counters.pop(system_title, None)

    def forget(self, stream: str) -> None:
        """The stream ended: its unfinished blocks are dropped."""
        self._unfinished.pop(stream, None)

    def _admit(self, peer: str, now: float) -> None:
        if not self._peers.take(peer, now):
            raise RemoteError(f"more pushes from {peer} than it may send")

    def _join(self, apdu: bytes, stream: str) -> bytes | None:
        if not apdu:
            raise DecodeError("an empty APDU", 0)
        if apdu[0] != _GENERAL_BLOCK:
            return apdu
        block = decode(apdu)
        assert isinstance(block, GeneralBlockTransfer)
        blocks = self._unfinished.pop(stream, None)
        if blocks is None or block.block_number == 1:
            blocks = GeneralBlocks(room=1, limit=LARGEST_JOINED, window=1)
        blocks.take(block)
        if blocks.complete:
            return blocks.join()
        self._unfinished[stream] = blocks
        if len(self._unfinished) > _MOST_UNFINISHED:
            self._unfinished.popitem(last=False)
        return None

    def _open(self, octets: bytes, claim: "_Claim", depth: int) -> Push:
        apdu = decode(octets)
        match apdu:
            case DataNotification() | EventNotification():
                return self._finish(apdu, claim)
            case _ if depth >= _DEEPEST:
                raise RemoteError("envelopes around envelopes")
            case GeneralGloCiphering(system_title=title):
                plain = self._decipher(apdu, claim.of(title))
            case CipheredApdu(tag=ApduTag.GLO_EVENT_NOTIFICATION_REQUEST):
                plain = self._decipher(apdu, claim)
            case GeneralCiphering(header=header):
                plain = self._decipher_general(apdu, claim.of(header.originator_system_title))
            case GeneralSigning(header=header):
                plain = self._verify_signed(apdu, claim.of(header.originator_system_title))
            case _:
                raise RemoteError(f"{apdu.NAME} is no push")
        return self._open(plain, claim, depth + 1)

    def _finish(self, apdu: DataNotification | EventNotification, claim: "_Claim") -> Push:
        if not claim.proven and claim.counter is None and not self._takes_plain:
            raise SecurityError("a push in clear")
        # Only what was opened counts: anybody could spend a title's allowance by claiming it.
        if claim.title is not None and not self._titles.take(claim.title, claim.now):
            raise RemoteError("more pushes from this system title than it may send")
        return Push(apdu, claim.title, claim.counter, claim.proven)

    def _known(self, claim: "_Claim") -> tuple[bytes, PushKeys]:
        if not claim.title:
            raise SecurityError("a ciphered push without a system title")
        known = self._keys_of(claim.title)
        if known is None:
            raise SecurityError("a push from an unknown system title")
        return claim.title, known

    def _decipher(self, apdu: GeneralGloCiphering | CipheredApdu, claim: "_Claim") -> bytes:
        title, known = self._known(claim)
        control = known.policy | known.suite
        if apdu.security_control != control:
            raise SecurityError(f"security control {apdu.security_control:02x} where {control:02x} is agreed")
        self._check_counter(title, known, apdu.invocation_counter)
        plain = unprotect(known.keys, title, control, apdu.invocation_counter, apdu.ciphertext)
        self._move_counter(title, known, apdu.invocation_counter, claim)
        return plain

    def _decipher_general(self, apdu: GeneralCiphering, claim: "_Claim") -> bytes:
        title, known = self._known(claim)
        if known.ring is None or apdu.key_info is None:
            raise SecurityError("general ciphering that was not agreed")
        self._check_counter(title, known, apdu.invocation_counter)
        context = resolve_key(known.suite, apdu.header, apdu.key_info, known.ring)
        plain = unprotect_general(apdu, context, known.policy | known.suite)
        self._move_counter(title, known, apdu.invocation_counter, claim)
        return plain

    def _verify_signed(self, apdu: GeneralSigning, claim: "_Claim") -> bytes:
        _, known = self._known(claim)
        if known.ring is None or known.ring.signing is None:
            raise SecurityError("a signature that was not agreed")
        content = verify_general(apdu, known.ring.signing)
        claim.proven = True
        return content

    def _check_counter(self, title: bytes, known: PushKeys, counter: int) -> None:
        last = max(known.last_received, self._counters.get(title, -1))
        if counter <= last:
            raise SecurityError(f"invocation counter {counter} is not above {last}: replayed or out of order")

    def _move_counter(self, title: bytes, known: PushKeys, counter: int, claim: "_Claim") -> None:
        claim.counter = counter
        if known.policy & _AUTHENTICATED:
            claim.proven = True
            self._counters[title] = counter


class _Claim:
    """What one push says of itself, and how much of it is proven so far."""

    __slots__ = ("_stream_title", "counter", "now", "proven", "title")

    def __init__(self, title: bytes | None, now: float) -> None:
        self._stream_title = title
        self.title = title
        self.now = now
        self.counter: int | None = None
        self.proven = False

    def of(self, title: bytes) -> "_Claim":
        """The claim to be from `title`, or from whom the stream says where it is left out."""
        self.title = title or self._stream_title
        return self


class Allowances:
    """An allowance for each of many keys: addresses, titles, whatever may ask too often."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        #: What is left, and when that was so.
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def has(self, key: object, now: float) -> bool:
        """Whether `key` may have one more, without having it."""
        return self._left_of(key, now) >= 1.0

    def take(self, key: object, now: float) -> bool:
        """Whether `key` may have one more."""
        left = self._left_of(key, now)
        allowed = left >= 1.0
        self._left[key] = (left - 1.0 if allowed else left, now)
        self._left.move_to_end(key)
        if len(self._left) > _MOST_REMEMBERED:
            self._left.popitem(last=False)
        return allowed

    def _left_of(self, key: object, now: float) -> float:
        left, then = self._left.get(key, (float(self._allowance.burst), now))
        return min(float(self._allowance.burst), left + max(0.0, now - then) * self._allowance.rate)
