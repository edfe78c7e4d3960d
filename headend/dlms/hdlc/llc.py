"""The LLC header between HDLC and the APDU: only in the first segment (IEC 62056-46 5.3)."""

from headend.dlms.errors import DecodeError

#: Destination and source LSAP, quality 0: E6 E6 in what a client sends, E6 E7 in what a server sends.
COMMAND = b"\xe6\xe6\x00"
RESPONSE = b"\xe6\xe7\x00"


def strip_llc(information: bytes) -> bytes:
    """The APDU behind the LLC header of either direction; DecodeError where there is none."""
    if information[:3] not in (COMMAND, RESPONSE):
        raise DecodeError(f"no LLC header E6 E6 00 or E6 E7 00 before the APDU, but {information[:3].hex(' ')}", 0)
    return information[3:]


def strip_llc_if_there(information: bytes) -> bytes:
    """As `strip_llc`, but without complaint: meters that push in blocks over UI frames leave it out after the first."""
    return information[3:] if information[:3] in (COMMAND, RESPONSE) else information
