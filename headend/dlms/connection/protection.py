"""The envelope around every APDU of a protected association: what goes out is sealed, what comes in opened or refused.

The rules of the house (safety rules 9 to 11) are kept here and nowhere else: our counter grows with every use, the
peer's must grow too and is moved only after its tag verified, and what is checked comes from `Security`, never from the
frame.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from headend.dlms.apdu.tags import DED_TAGS, GLO_TAGS
from headend.dlms.axdr import decode_length, encode_length
from headend.dlms.connection.parameters import SYSTEM_TITLE_LENGTH, Security
from headend.dlms.enumerations import SecurityControl
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError
from headend.dlms.security import KeyContext, protect, unprotect

_SHORT: Final = Struct(">BBBI")
_HEADER: Final = Struct(">BI")
_HEADER_LENGTH: Final = 5
#: The envelope's own tag and a length of at most three octets.
_TAG_AND_LENGTH: Final = 4
_TAG_LENGTH: Final = 12
_LARGEST_COUNTER: Final = 0xFFFF_FFFF
_AUTHENTICATED: Final = int(SecurityControl.AUTHENTICATION)

_GENERAL_GLO: Final = 0xDB
_GENERAL_DED: Final = 0xDC


class CounterError(SecurityError):
    """The peer's counter did not grow: a repetition, or octets out of order."""


class InvocationCounter:
    """Our own counter: what the caller reserved, given out once each, for APDUs and HLS alike."""

    __slots__ = ("_last", "_reserved")

    def __init__(self, reserved: Iterator[int]) -> None:
        self._reserved = reserved
        self._last = -1

    def take(self) -> int:
        """The next value; `LocalError` if none is left or the caller's values don't grow."""
        value = next(self._reserved, None)
        if value is None:
            raise LocalError("no invocation counter is left: reserve more before the association")
        if not self._last < value <= _LARGEST_COUNTER:
            raise LocalError(f"invocation counter {value} after {self._last}: a counter is never used twice")
        self._last = value
        return value


class Protection:
    """Seals and opens the APDUs of one direction pair under one key.

    `general` is the envelope of what is sent; either envelope of the same key is accepted, as both prove the same.
    """

    __slots__ = (
        "_context",
        "_control",
        "_counter",
        "_floor",
        "_general_tag",
        "_overhead",
        "_plain_tags",
        "_tags",
        "_title",
        "general",
        "last_received",
        "peer_title",
    )

    def __init__(
        self,
        security: Security,
        counter: InvocationCounter,
        *,
        dedicated: KeyContext | None = None,
        general: bool,
    ) -> None:
        self._context = dedicated or security.keys
        self._control = security.policy | security.suite
        self._counter = counter
        self._title = security.system_title
        self._tags = GLO_TAGS if dedicated is None else DED_TAGS
        self._plain_tags = {twin: plain for plain, twin in self._tags.items()}
        self._general_tag = _GENERAL_GLO if dedicated is None else _GENERAL_DED
        self._overhead = _HEADER_LENGTH + (_TAG_LENGTH if security.policy & _AUTHENTICATED else 0)
        self.general = general
        self.peer_title = security.peer_system_title
        #: The peer's largest counter whose tag verified.
        self.last_received = security.last_received if dedicated is None else -1
        self._floor = self.last_received

    def start_above(self, counter: int) -> None:
        """Take only counters larger than `counter` too."""
        if counter > self.last_received:
            self.last_received = self._floor = counter

    def overhead(self, tag: int) -> int:
        """How many octets the envelope adds, at most, to an APDU that begins with `tag`."""
        title = SYSTEM_TITLE_LENGTH + 1 if self.general or tag not in self._tags else 0
        return self._overhead + _TAG_AND_LENGTH + title

    def seal(self, plain: bytes) -> bytes:
        """`plain` under the next counter; `LocalError` if none is left."""
        tag = None if self.general else self._tags.get(plain[0])
        return self._seal_general(plain) if tag is None else self.seal_as(tag, plain)

    def seal_as(self, tag: int, plain: bytes) -> bytes:
        """`plain` in the service-specific envelope `tag`."""
        counter = self._counter.take()
        control = self._control
        octets = protect(self._context, self._title, control, counter, plain)
        length = len(octets) + _HEADER_LENGTH
        if length < 0x80:
            return _SHORT.pack(tag, length, control, counter) + octets
        return b"%c%b%b%b" % (tag, encode_length(length), _HEADER.pack(control, counter), octets)

    def _seal_general(self, plain: bytes) -> bytes:
        counter = self._counter.take()
        octets = protect(self._context, self._title, self._control, counter, plain)
        return b"%c%c%b%b%b%b" % (
            self._general_tag,
            len(self._title),
            self._title,
            encode_length(len(octets) + _HEADER_LENGTH),
            _HEADER.pack(self._control, counter),
            octets,
        )

    def opens(self, tag: int) -> bool:
        """Whether `tag` is an envelope under this key."""
        return tag == self._general_tag or tag in self._plain_tags

    def open(self, apdu: bytes) -> bytes:
        """The plain APDU inside; `SecurityError` for anything less than what was agreed, the counter then untouched."""
        tag = apdu[0]
        plain_tag = self._plain_tags.get(tag)
        start = self._after_title(apdu) if plain_tag is None else 1
        length = apdu[start] if len(apdu) > start else 0x80
        if length < 0x80:
            start += 1
        else:
            length, start = decode_length(apdu, start)
        if len(apdu) - start != length or length < _HEADER_LENGTH:
            raise DecodeError(f"ciphered APDU of {length} octets where {len(apdu) - start} are there", start)
        control, counter = _HEADER.unpack_from(apdu, start)
        title = self.peer_title
        if control != self._control or counter <= self._floor or length < self._overhead or title is None:
            raise self._objection(control, counter, length)
        plain = unprotect(self._context, title, control, counter, apdu[start + _HEADER_LENGTH :])
        self._floor = counter
        if control & _AUTHENTICATED:
            self.last_received = counter
        if not plain or (plain_tag is not None and plain[0] != plain_tag):
            raise DecodeError(f"envelope {tag:02x} does not contain the service it names", 0)
        return plain

    def _objection(self, control: int, counter: int, length: int) -> RemoteError:
        if control != self._control:
            return SecurityError(f"security control {control:02x} where {self._control:02x} was agreed")
        if counter <= self._floor:
            return CounterError(f"invocation counter {counter} is not above {self._floor}: replayed or out of order")
        if length < self._overhead:
            return DecodeError(f"ciphered APDU of {length} octets, too few for a tag", 0)
        return SecurityError("the peer's system title is not known")

    def _after_title(self, apdu: bytes) -> int:
        """Where the length of the content is in a general envelope."""
        if apdu[0] != self._general_tag:
            raise SecurityError(f"APDU {apdu[0]:02x} is not protected as this association demands")
        length, start = decode_length(apdu, 1)
        title = apdu[start : start + length]
        if len(title) != length:
            raise DecodeError("ends inside a system title", start)
        if title and title != self.peer_title:
            raise SecurityError("the system title of the APDU is not the peer's")
        return start + length
