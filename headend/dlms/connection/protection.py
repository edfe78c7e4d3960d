"""The envelope around every APDU of a protected association: what goes out is sealed, what comes in opened or refused.

The rules of the house (safety rules 9 to 11) are kept here and nowhere else: our counter grows with every use, the
peer's must grow too and is moved only after its tag verified, and what is checked comes from `Security`, never from the
frame.
"""

from hmac import compare_digest
from struct import Struct
from typing import Final

from headend.dlms.apdu.tags import DED_TAGS, GLO_TAGS
from headend.dlms.axdr import decode_length, encode_length
from headend.dlms.connection.counters import CounterError, InvocationCounter
from headend.dlms.connection.end_to_end import EndToEnd
from headend.dlms.connection.parameters import SYSTEM_TITLE_LENGTH, Security
from headend.dlms.enumerations import SecurityControl
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError
from headend.dlms.security import KeyContext, protect, unprotect

_unpack_header: Final = Struct(">BI").unpack_from
_HEADER_LENGTH: Final = 5
#: The envelope's own tag and a length of at most three octets.
_TAG_AND_LENGTH: Final = 4
_TAG_LENGTH: Final = 12
_BOTH: Final = int(SecurityControl.AUTHENTICATED_ENCRYPTION)
_AUTHENTICATED: Final = int(SecurityControl.AUTHENTICATION)

_GENERAL_GLO: Final = 0xDB
_GENERAL_DED: Final = 0xDC
#: Where the content of a general envelope begins: tag, length of the title, title.
_AFTER_TITLE: Final = 2 + SYSTEM_TITLE_LENGTH
_PLAIN_GLO: Final = {twin: plain for plain, twin in GLO_TAGS.items()}
_PLAIN_DED: Final = {twin: plain for plain, twin in DED_TAGS.items()}
_OCTETS: Final = tuple(bytes((octet,)) for octet in range(256))


def end_to_end_of(security: Security, counter: InvocationCounter) -> EndToEnd:
    """The end-to-end protection that `security` asks for; `LocalError` if it has no keys of it."""
    if security.end_to_end is None:
        raise LocalError("general-ciphering needs end-to-end keys")
    return EndToEnd(
        security.end_to_end,
        counter,
        title=security.system_title,
        peer_title=security.peer_system_title,
        policy=security.policy,
        suite=security.suite,
    )


class Protection:
    """Seals and opens the APDUs of one direction pair under one key.

    `general` is the envelope of what is sent; either envelope of the same key is accepted, as both prove the same.

    Authenticated encryption, which is nearly all there is, is done here with the cipher itself: the steps of `protect`
    and `unprotect`, with everything made ready that stays the same from APDU to APDU (measured: a third of their cost).
    """

    __slots__ = (
        "_aad",
        "_both",
        "_context",
        "_control",
        "_control_octet",
        "_counter",
        "_encrypt",
        "_floor",
        "_general_head",
        "_general_tag",
        "_overhead",
        "_peer_head",
        "_peer_title",
        "_plain_tags",
        "_tags",
        "_title",
        "general",
        "last_received",
    )

    def __init__(
        self,
        security: Security,
        counter: InvocationCounter,
        *,
        dedicated: KeyContext | None = None,
        general: bool,
    ) -> None:
        context = self._context = dedicated or security.keys
        control = self._control = security.policy | security.suite
        if control & _AUTHENTICATED and not context.authentication_key:
            raise LocalError("a policy with authentication needs an authentication key")
        self._control_octet = bytes((control,))
        self._both = security.policy == _BOTH
        self._encrypt = context.cipher.encrypt
        self._aad = bytes((control,)) + context.authentication_key
        self._counter = counter
        self._title = security.system_title
        self._tags = GLO_TAGS if dedicated is None else DED_TAGS
        self._plain_tags = _PLAIN_GLO if dedicated is None else _PLAIN_DED
        self._general_tag = _GENERAL_GLO if dedicated is None else _GENERAL_DED
        self._general_head = bytes((self._general_tag, SYSTEM_TITLE_LENGTH)) + self._title
        self._overhead = _HEADER_LENGTH + (_TAG_LENGTH if control & _AUTHENTICATED else 0)
        self.general = general
        self.learn(security.peer_system_title)
        #: The peer's largest counter whose tag verified.
        self.last_received = self._floor = security.last_received if dedicated is None else -1

    @property
    def peer_title(self) -> bytes | None:
        """Whose APDUs are opened."""
        return self._peer_title

    def learn(self, title: bytes | None) -> None:
        """Open the APDUs of `title` from now on, and no other's."""
        self._peer_title = title
        self._peer_head = bytes((self._general_tag, SYSTEM_TITLE_LENGTH)) + (title or b"")

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
        return self._seal(self._general_head if tag is None else _OCTETS[tag], plain)

    def seal_as(self, tag: int, plain: bytes) -> bytes:
        """`plain` in the service-specific envelope `tag`."""
        return self._seal(_OCTETS[tag], plain)

    def _seal(self, head: bytes, plain: bytes) -> bytes:
        counter = self._counter.take()
        octets = counter.to_bytes(4, "big")
        if self._both:
            content = self._encrypt(self._title + octets, plain, self._aad)[:-4]
        else:
            content = protect(self._context, self._title, self._control, counter, plain)
        length = len(content) + _HEADER_LENGTH
        written = _OCTETS[length] if length < 0x80 else encode_length(length)
        return b"".join((head, written, self._control_octet, octets, content))

    def opens(self, tag: int) -> bool:
        """Whether `tag` is an envelope under this key."""
        return tag == self._general_tag or tag in self._plain_tags

    def open(self, apdu: bytes) -> bytes:
        """The plain APDU inside; `SecurityError` for anything less than what was agreed, the counter then untouched."""
        plain_tag = None
        if apdu[:_AFTER_TITLE] == self._peer_head:
            start = _AFTER_TITLE
        else:
            plain_tag = self._plain_tags.get(apdu[0])
            start = 1 if plain_tag is not None else self._after_title(apdu)
        size = len(apdu)
        if size <= start:
            raise DecodeError("ends where a length is expected", start)
        length = apdu[start]
        if length < 0x80:
            start += 1
        else:
            length, start = decode_length(apdu, start)
        if size - start != length or length < _HEADER_LENGTH:
            raise DecodeError(f"ciphered APDU of {length} octets where {size - start} are there", start)
        control, counter = _unpack_header(apdu, start)
        title = self._peer_title
        if control != self._control or counter <= self._floor or length < self._overhead or title is None:
            raise self._objection(control, counter, length)
        start += _HEADER_LENGTH
        if self._both:
            encrypt = self._encrypt
            iv = title + apdu[start - 4 : start]
            plain = encrypt(iv, apdu[start:-12], None)[:-16]
            if not compare_digest(encrypt(iv, plain, self._aad)[-16:-4], apdu[-12:]):
                raise SecurityError("the authentication tag is wrong")
        else:
            plain = unprotect(self._context, title, control, counter, apdu[start:])
        self._floor = counter
        if control & _AUTHENTICATED:
            self.last_received = counter
        if not plain or (plain_tag is not None and plain[0] != plain_tag):
            raise DecodeError(f"envelope {apdu[0]:02x} does not contain the service it names", 0)
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
        """Where the length of the content is in a general envelope; the title may be left out, never another's."""
        if apdu[0] != self._general_tag:
            raise SecurityError(f"APDU {apdu[0]:02x} is not protected as this association demands")
        length, start = decode_length(apdu, 1)
        title = apdu[start : start + length]
        if len(title) != length:
            raise DecodeError("ends inside a system title", start)
        if title and title != self._peer_title:
            raise SecurityError("the system title of the APDU is not the peer's")
        return start + length
