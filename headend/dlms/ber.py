"""The little of BER that ACSE needs: definite lengths, one-octet tags, object identifiers (ITU-T X.690)."""

from typing import Final

from headend.dlms.axdr import decode_length, encode_length
from headend.dlms.errors import DecodeError

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06


def tlv(tag: int, content: bytes) -> bytes:
    """Tag, length, content."""
    return b"%c%b%b" % (tag, encode_length(len(content)), content)


def read_tlv(octets: bytes, offset: int, end: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the element at `offset`; DecodeError when it doesn't end by `end`."""
    if offset >= end:
        raise DecodeError("ends where an element is expected", offset)
    start = offset + 2
    length = octets[offset + 1] if start <= end else 0x80
    if length >= 0x80:
        length, start = decode_length(octets, offset + 1)
    if start + length > end:
        raise DecodeError(
            f"element {octets[offset]:02x} announces {length} octets, {max(end - start, 0)} are left", offset + 1
        )
    return octets[offset], start, start + length


def read_inner(octets: bytes, start: int, end: int, tag: int, what: str) -> tuple[int, int]:
    """Start and end of the content of the one element with `tag` that fills `start` to `end`."""
    found, inner, inner_end = read_tlv(octets, start, end)
    if found != tag:
        raise DecodeError(f"{what} has tag {found:02x}, not {tag:02x}", start)
    if inner_end != end:
        raise DecodeError(f"{end - inner_end} octets follow in {what}", inner_end)
    return inner, inner_end


def read_integer(octets: bytes, start: int, end: int, what: str) -> int:
    """The signed INTEGER that fills `start` to `end`."""
    inner, inner_end = read_inner(octets, start, end, INTEGER, what)
    if not 1 <= inner_end - inner <= 8:
        raise DecodeError(f"{what} is an integer of {inner_end - inner} octets", inner)
    return int.from_bytes(octets[inner:inner_end], "big", signed=True)


def integer(value: int) -> bytes:
    """An INTEGER element in the fewest octets."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return tlv(INTEGER, value.to_bytes(size, "big", signed=True))


def dotted(octets: bytes) -> str:
    """The content of an OBJECT IDENTIFIER in dotted form; DecodeError when an arc is cut short."""
    if not octets or octets[-1] & 0x80:
        raise DecodeError("an object identifier that ends inside an arc", max(len(octets) - 1, 0))
    arcs: list[int] = []
    arc = 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    root = min(arcs[0] // 40, 2)
    return ".".join(map(str, (root, arcs[0] - 40 * root, *arcs[1:])))
