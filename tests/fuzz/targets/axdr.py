"""A-XDR: reader, skipper and writer agree on any octets."""

from headend.dlms.axdr import decode_at, encode, from_notation, plain, skip, to_notation
from headend.dlms.errors import DecodeError

SHARE = 3
LONGEST = 256


def run(octets: bytes) -> None:
    try:
        end = skip(octets, 0)
    except DecodeError:
        end = None
    try:
        data, read = decode_at(octets, 0)
    except DecodeError:
        assert end is None, "the reader refuses what the skipper passes"
        return
    assert end == read, "reader and skipper end at different places"
    canonical = encode(data)
    again, read = decode_at(canonical, 0)
    assert read == len(canonical)
    assert encode(again) == canonical
    plain(data)
    notation = to_notation(data)
    assert to_notation(again) == notation or "nan" in repr(notation)
    from_notation(notation)
