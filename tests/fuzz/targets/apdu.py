"""APDUs of every service: what was decoded encodes, and decodes to the same value again, strictly."""

from headend.dlms.apdu import decode, encode
from headend.dlms.errors import DecodeError

SHARE = 8


def run(octets: bytes) -> None:
    try:
        strict = decode(octets, strict=True)
    except DecodeError:
        strict = None
    apdu = decode(octets)
    assert strict is None or strict == apdu, "tolerant decoding reads strict octets differently"
    assert decode(encode(apdu)) == apdu
