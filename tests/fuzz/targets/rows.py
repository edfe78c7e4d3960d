"""Profile buffers: the fast path and the general decoder give the same, whatever was learnt before."""

from headend.dlms.errors import DecodeError
from headend.dlms.rows import _general, decode_columns, decode_rows

SHARE = 3
LONGEST = 384


def run(octets: bytes) -> None:
    try:
        expected = _general(octets)
    except DecodeError:
        expected = None
    try:
        found = decode_rows(octets)
    except DecodeError:
        assert expected is None, "the fast path refuses what the general decoder reads"
        return
    assert repr(found) == repr(expected)
    assert decode_rows(octets) is not found
    assert repr(decode_rows(octets)) == repr(expected)
    if found and found[0]:
        decode_columns(octets)
