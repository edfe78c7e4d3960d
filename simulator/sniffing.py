"""The invocation counter that an incoming APDU carries in clear, seen before anybody checks it."""

from headend.dlms.apdu import decode
from headend.dlms.axdr.lengths import decode_length
from headend.dlms.errors import RemoteError

_AARQ, _RLRQ, _GENERAL_GLO = 0x60, 0x62, 0xDB
_GLO_SERVICES = frozenset((0x21, 0xC8, 0xC9, 0xCB, 0xCD, 0xCA))
_COUNTER_OCTETS = 4
#: Tag, length, security control and counter.
_SHORTEST = 7


def carried_counter(apdu: bytes) -> int | None:
    """The counter under the global key, None when the APDU carries none."""
    if len(apdu) > _SHORTEST and apdu[0] in _GLO_SERVICES and apdu[1] < 0x80:  # nearly always
        return int.from_bytes(apdu[3:7], "big")
    try:
        return _carried(apdu)
    except (RemoteError, IndexError):
        return None


def _carried(apdu: bytes) -> int | None:
    tag = apdu[0]
    if tag in (_AARQ, _RLRQ):
        association = decode(apdu)
        user_information: bytes | None = getattr(association, "user_information", None)
        return _carried(user_information) if user_information else None
    start = 1
    if tag == _GENERAL_GLO:
        length, start = decode_length(apdu, start)
        start += length
    elif tag not in _GLO_SERVICES:
        return None
    _, start = decode_length(apdu, start)
    octets = apdu[start + 1 : start + 1 + _COUNTER_OCTETS]
    return int.from_bytes(octets, "big") if len(octets) == _COUNTER_OCTETS else None
