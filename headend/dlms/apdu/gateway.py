"""The gateway prefix: an APDU for a device behind another one (Green Book 10.10)."""

from typing import ClassVar

from attrs import frozen

from headend.dlms import axdr
from headend.dlms.cursor import Cursor
from headend.dlms.errors import DecodeError


@frozen
class GatewayRequest:
    """An APDU on its way to the device `address` on `network_id`."""

    NAME: ClassVar[str] = "gateway-request"
    network_id: int
    address: bytes
    apdu: bytes

    def encode(self) -> bytes:
        """The octets of the APDU, prefix first."""
        return b"\xe6" + _encode_prefix(self.network_id, self.address) + self.apdu


@frozen
class GatewayResponse:
    """An APDU from the device `address` on `network_id`."""

    NAME: ClassVar[str] = "gateway-response"
    network_id: int
    address: bytes
    apdu: bytes

    def encode(self) -> bytes:
        """The octets of the APDU, prefix first."""
        return b"\xe7" + _encode_prefix(self.network_id, self.address) + self.apdu


def _encode_prefix(network_id: int, address: bytes) -> bytes:
    return b"%c%b%b" % (network_id, axdr.encode_length(len(address)), address)


def decode_gateway_request(octets: bytes) -> GatewayRequest:
    """The prefix and the octets after it; DecodeError when no APDU follows."""
    return GatewayRequest(*_decode_prefix(octets))


def decode_gateway_response(octets: bytes) -> GatewayResponse:
    """The prefix and the octets after it; DecodeError when no APDU follows."""
    return GatewayResponse(*_decode_prefix(octets))


def _decode_prefix(octets: bytes) -> tuple[int, bytes, bytes]:
    read = Cursor(octets, 1)
    network_id = read.octet("network id")
    address = read.octet_string("physical device address")
    if not read.left:
        raise DecodeError("no APDU after the gateway prefix", read.offset)
    return network_id, address, read.take(read.left, "APDU")
