"""Envelopes of protected APDUs: glo-, ded-, general-glo, general-ded (Green Book 9.2.7, 9.5).

These only wrap and unwrap octets; keys and checks are in `headend.dlms.security`.
"""

from typing import ClassVar, Final

from attrs import frozen

from headend.dlms import axdr
from headend.dlms.apdu.tags import PLAIN_TAGS, ApduTag
from headend.dlms.errors import DecodeError

#: Security control byte and invocation counter.
_HEADER_OCTETS: Final = 5


@frozen
class CipheredApdu:
    """A glo- or ded- service: `ciphertext` is what follows the invocation counter, the tag (12 octets) included."""

    tag: int
    security_control: int
    invocation_counter: int
    ciphertext: bytes

    @property
    def NAME(self) -> str:  # noqa: N802  # the constant of the other APDUs depends on the tag here
        """Name as the standard writes it, e.g. `glo-get-request`."""
        return ApduTag(self.tag).name.lower().replace("_", "-")

    @property
    def plain_tag(self) -> int:
        """First octet that the plain APDU inside must have."""
        return PLAIN_TAGS[self.tag]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"%c%b" % (self.tag, _encode_content(self.security_control, self.invocation_counter, self.ciphertext))


@frozen
class GeneralGloCiphering:
    """Any APDU under a global key, with the sender's system title (8 octets, or none when it is known already)."""

    NAME: ClassVar[str] = "general-glo-ciphering"
    system_title: bytes
    security_control: int
    invocation_counter: int
    ciphertext: bytes

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xdb%c%b%b" % (
            len(self.system_title),
            self.system_title,
            _encode_content(self.security_control, self.invocation_counter, self.ciphertext),
        )


@frozen
class GeneralDedCiphering:
    """Any APDU under the dedicated key of the association."""

    NAME: ClassVar[str] = "general-ded-ciphering"
    system_title: bytes
    security_control: int
    invocation_counter: int
    ciphertext: bytes

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xdc%c%b%b" % (
            len(self.system_title),
            self.system_title,
            _encode_content(self.security_control, self.invocation_counter, self.ciphertext),
        )


def _encode_content(security_control: int, invocation_counter: int, ciphertext: bytes) -> bytes:
    return b"%b%c%b%b" % (
        axdr.encode_length(_HEADER_OCTETS + len(ciphertext)),
        security_control,
        invocation_counter.to_bytes(4, "big"),
        ciphertext,
    )


def decode_ciphered(octets: bytes) -> CipheredApdu:
    """A glo- or ded- APDU; DecodeError when its length isn't what it says."""
    start = _content_start(octets, 1)
    return CipheredApdu(
        octets[0], octets[start], int.from_bytes(octets[start + 1 : start + 5], "big"), octets[start + 5 :]
    )


def decode_general_glo(octets: bytes) -> GeneralGloCiphering:
    """A general-glo-ciphering APDU; DecodeError when its lengths aren't what they say."""
    end, start = _title_end(octets)
    return GeneralGloCiphering(
        octets[2:end], octets[start], int.from_bytes(octets[start + 1 : start + 5], "big"), octets[start + 5 :]
    )


def decode_general_ded(octets: bytes) -> GeneralDedCiphering:
    """A general-ded-ciphering APDU; DecodeError when its lengths aren't what they say."""
    end, start = _title_end(octets)
    return GeneralDedCiphering(
        octets[2:end], octets[start], int.from_bytes(octets[start + 1 : start + 5], "big"), octets[start + 5 :]
    )


def _title_end(octets: bytes) -> tuple[int, int]:
    """Where the system title ends, and where the security control byte is."""
    if len(octets) < 2:
        raise DecodeError("system title missing", 1)
    size = octets[1]
    if size not in (0, 8):
        raise DecodeError(f"a system title of {size} octets", 1)
    return 2 + size, _content_start(octets, 2 + size)


def _content_start(octets: bytes, offset: int) -> int:
    """Where the security control byte is, once the length at `offset` was found to reach the end exactly."""
    size = octets[offset] if offset < len(octets) else -1
    start = offset + 1
    if not 0 <= size < 0x80:
        size, start = axdr.decode_length(octets, offset)
    if start + size != len(octets):
        raise DecodeError(f"ciphered content of {size} octets announced, {len(octets) - start} follow", offset)
    if size < _HEADER_OCTETS:
        raise DecodeError("security header missing", start)
    return start
