"""Variable lengths: one octet below 128, else 0x80 + the number of octets that follow (Green Book 9.5, IEC 61334-6)."""

from headend.dlms.errors import DecodeError, LocalError

#: A length needs no more than this many octets: four give 4 GiB, far above what any buffer here may hold.
_MAX_OCTETS_OF_LENGTH = 4


def encode_length(length: int) -> bytes:
    """The shortest encoding of `length`; LocalError outside 0 to 2^32-1."""
    if 0 <= length < 0x80:
        return length.to_bytes(1, "big")
    if not 0 <= length < 1 << 32:
        raise LocalError(f"a length of {length} can't be encoded")
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def decode_length(octets: bytes, offset: int) -> tuple[int, int]:
    """The length at `offset` and the offset after it; whether that many octets are there is the caller's check.

    Longer encodings than needed are accepted, as meters send them. DecodeError when it is cut short or indefinite.
    """
    if offset >= len(octets):
        raise DecodeError("ends where a length is expected", offset)
    first = octets[offset]
    if first < 0x80:
        return first, offset + 1
    count = first & 0x7F
    if not 1 <= count <= _MAX_OCTETS_OF_LENGTH:
        raise DecodeError(f"a length in {count} octets", offset)
    end = offset + 1 + count
    if end > len(octets):
        raise DecodeError("ends inside a length", offset)
    return int.from_bytes(octets[offset + 1 : end], "big"), end
