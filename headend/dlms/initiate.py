"""InitiateRequest and InitiateResponse: what both sides can do and take (Green Book 9.4.6.1, 9.5)."""

from typing import ClassVar, Final

from attrs import field, frozen

from headend.dlms.cursor import Cursor
from headend.dlms.enumerations import Conformance
from headend.dlms.errors import DecodeError
from headend.dlms.writing import octet_string

#: The only version there is.
DLMS_VERSION: Final = 6
#: The base object of a logical-name association.
LN_VAA_NAME: Final = 0x0007
_CONFORMANCE_HEADER: Final = bytes.fromhex("5f1f0400")
#: Before the tag [APPLICATION 31] had its second octet, and as some stacks still send it.
_OLD_CONFORMANCE_HEADER: Final = bytes.fromhex("5f0400")


@frozen
class InitiateRequest:
    """What the client proposes; `client_max_receive_pdu_size` in octets, 0 is no limit."""

    NAME: ClassVar[str] = "initiate-request"
    proposed_conformance: Conformance
    client_max_receive_pdu_size: int = 0xFFFF
    dedicated_key: bytes | None = field(default=None, repr=False)
    response_allowed: bool = True
    proposed_quality_of_service: int | None = None
    proposed_dlms_version: int = DLMS_VERSION

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\x01%b%b%b%c%b%b" % (
            b"\x00" if self.dedicated_key is None else b"\x01" + octet_string(self.dedicated_key),
            b"\x00" if self.response_allowed else b"\x01\x00",
            _encode_quality(self.proposed_quality_of_service),
            self.proposed_dlms_version,
            _encode_conformance(self.proposed_conformance),
            self.client_max_receive_pdu_size.to_bytes(2, "big"),
        )


@frozen
class InitiateResponse:
    """What the server agrees to; `server_max_receive_pdu_size` in octets."""

    NAME: ClassVar[str] = "initiate-response"
    negotiated_conformance: Conformance
    server_max_receive_pdu_size: int
    vaa_name: int = LN_VAA_NAME
    negotiated_quality_of_service: int | None = None
    negotiated_dlms_version: int = DLMS_VERSION

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\x08%b%c%b%b%b" % (
            _encode_quality(self.negotiated_quality_of_service),
            self.negotiated_dlms_version,
            _encode_conformance(self.negotiated_conformance),
            self.server_max_receive_pdu_size.to_bytes(2, "big"),
            self.vaa_name.to_bytes(2, "big"),
        )


def decode_initiate_request(octets: bytes, *, strict: bool) -> InitiateRequest:
    """A whole InitiateRequest; DecodeError when it is none."""
    read = Cursor(octets, 1)
    dedicated_key = read.octet_string("dedicated key") if read.presence("dedicated key") else None
    response_allowed = read.flag("response-allowed") if read.presence("response-allowed") else True
    quality = _decode_quality(read)
    version = read.octet("DLMS version")
    apdu = InitiateRequest(
        _decode_conformance(read, strict=strict),
        read.unsigned(2, "maximum PDU size"),
        dedicated_key,
        response_allowed,
        quality,
        version,
    )
    read.end()
    return apdu


def decode_initiate_response(octets: bytes, *, strict: bool) -> InitiateResponse:
    """A whole InitiateResponse; DecodeError when it is none."""
    read = Cursor(octets, 1)
    quality = _decode_quality(read)
    version = read.octet("DLMS version")
    apdu = InitiateResponse(
        _decode_conformance(read, strict=strict),
        read.unsigned(2, "maximum PDU size"),
        read.unsigned(2, "vaa-name"),
        quality,
        version,
    )
    read.end()
    return apdu


def _encode_quality(quality: int | None) -> bytes:
    return b"\x00" if quality is None else b"\x01" + quality.to_bytes(1, "big", signed=True)


def _decode_quality(read: Cursor) -> int | None:
    if not read.presence("quality of service"):
        return None
    octet = read.octet("quality of service")
    return octet if octet < 128 else octet - 256


def _encode_conformance(conformance: Conformance) -> bytes:
    return _CONFORMANCE_HEADER + conformance.to_bytes(3, "big")


def _decode_conformance(read: Cursor, *, strict: bool) -> Conformance:
    start = read.offset
    if not strict and read.octets.startswith(_OLD_CONFORMANCE_HEADER, start):
        read.offset += len(_OLD_CONFORMANCE_HEADER)
    elif read.take(4, "conformance block") != _CONFORMANCE_HEADER:
        raise DecodeError("no conformance block (5f1f0400)", start)
    return Conformance(read.unsigned(3, "conformance block"))
