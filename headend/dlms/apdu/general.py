"""General-ciphering and general-signing: protection end to end, through third parties (Green Book 9.2.7.2.4, 9.5)."""

from enum import IntEnum
from typing import ClassVar

from attrs import field, frozen

from headend.dlms.cursor import Cursor
from headend.dlms.errors import DecodeError
from headend.dlms.writing import octet_string


@frozen
class GeneralHeader:
    """What travels in clear before the content, and is authenticated with it."""

    transaction_id: bytes
    originator_system_title: bytes
    recipient_system_title: bytes
    date_time: bytes = b""
    other_information: bytes = b""

    def encode(self) -> bytes:
        """The five octet-strings, each with its length: in the APDU, in the AAD and under a signature alike."""
        return b"".join(
            map(
                octet_string,
                (
                    self.transaction_id,
                    self.originator_system_title,
                    self.recipient_system_title,
                    self.date_time,
                    self.other_information,
                ),
            )
        )


@frozen
class IdentifiedKey:
    """The content is under a key both sides hold: 0 global unicast, 1 global broadcast encryption key."""

    key_id: int


@frozen
class WrappedKey:
    """The content is under a key that is sent along, wrapped under the key `kek_id` (0: master key)."""

    kek_id: int
    wrapped: bytes = field(repr=False)


class AgreementScheme(IntEnum):
    """Key agreement of an agreed key: its key-parameters octet."""

    ONE_PASS_DIFFIE_HELLMAN = 1
    STATIC_UNIFIED_MODEL = 2


@frozen
class AgreedKey:
    """The content is under a key both sides derive; `ciphered_data` is the ephemeral public key and its signature."""

    parameters: bytes
    ciphered_data: bytes


KeyInfo = IdentifiedKey | WrappedKey | AgreedKey


@frozen
class GeneralCiphering:
    """Any APDU, with who it is from and to, and how its key is known; `ciphertext` includes the tag."""

    NAME: ClassVar[str] = "general-ciphering"
    header: GeneralHeader
    key_info: KeyInfo | None
    security_control: int
    invocation_counter: int
    ciphertext: bytes

    def encode(self) -> bytes:
        """The octets of the APDU."""
        content = b"%c%b%b" % (self.security_control, self.invocation_counter.to_bytes(4, "big"), self.ciphertext)
        return b"\xdd%b%b%b" % (self.header.encode(), _encode_key_info(self.key_info), octet_string(content))


@frozen
class GeneralSigning:
    """Any APDU with a signature (r and s, 64 or 96 octets) over header and content."""

    NAME: ClassVar[str] = "general-signing"
    header: GeneralHeader
    content: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xdf%b%b%b" % (self.header.encode(), octet_string(self.content), octet_string(self.signature))


def decode_general_ciphering(octets: bytes) -> GeneralCiphering:
    """A whole general-ciphering APDU; DecodeError when it is none."""
    read = Cursor(octets, 1)
    header = _decode_header(read)
    key_info = _decode_key_info(read) if read.presence("key information") else None
    start = read.offset
    content = Cursor(read.octet_string("ciphered content"))
    read.end()
    if content.left < 5:
        raise DecodeError("security header missing", start)
    return GeneralCiphering(
        header,
        key_info,
        content.octet("security control"),
        content.unsigned(4, "invocation counter"),
        content.take(content.left, "ciphertext"),
    )


def decode_general_signing(octets: bytes) -> GeneralSigning:
    """A whole general-signing APDU; DecodeError when it is none."""
    read = Cursor(octets, 1)
    apdu = GeneralSigning(_decode_header(read), read.octet_string("content"), read.octet_string("signature"))
    read.end()
    return apdu


def _encode_key_info(key_info: KeyInfo | None) -> bytes:
    match key_info:
        case None:
            return b"\x00"
        case IdentifiedKey(key_id=key_id):
            return b"\x01\x00%c" % key_id
        case WrappedKey(kek_id=kek_id, wrapped=wrapped):
            return b"\x01\x01%c%b" % (kek_id, octet_string(wrapped))
        case AgreedKey(parameters=parameters, ciphered_data=ciphered_data):
            return b"\x01\x02%b%b" % (octet_string(parameters), octet_string(ciphered_data))


def _decode_header(read: Cursor) -> GeneralHeader:
    return GeneralHeader(
        read.octet_string("transaction id"),
        _decode_title(read, "originator system title"),
        _decode_title(read, "recipient system title"),
        read.octet_string("date-time"),
        read.octet_string("other information"),
    )


def _decode_title(read: Cursor, what: str) -> bytes:
    start = read.offset
    title = read.octet_string(what)
    if len(title) not in (0, 8):
        raise DecodeError(f"{what} of {len(title)} octets", start)
    return title


def _decode_key_info(read: Cursor) -> KeyInfo:
    match read.octet("choice of the key information"):
        case 0:
            return IdentifiedKey(read.octet("key id"))
        case 1:
            return WrappedKey(read.octet("id of the wrapping key"), read.octet_string("wrapped key"))
        case 2:
            return AgreedKey(read.octet_string("key parameters"), read.octet_string("key ciphered data"))
        case choice:
            raise DecodeError(f"key information {choice} doesn't exist", read.offset - 1)
