"""The wrapper: a stream gives the same PDUs in any chunks, and never holds more than it was given."""

from headend.dlms.errors import RemoteError
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming, decode_datagram, encode_wrapper

SHARE = 2
LONGEST = 256


def pieces_of(octets):
    """Single octets at first, then larger ones: a search has no time for 500 calls an input."""
    return [octets[at : at + 1] for at in range(min(24, len(octets)))] + [
        octets[at : at + 37] for at in range(24, len(octets), 37)
    ]


def read(framing, chunks):
    found = []
    for chunk in chunks:
        try:
            found += framing.feed_addressed(chunk)
        except RemoteError:
            break
    return found


def run(octets: bytes) -> None:
    for make in (lambda: WrapperFraming(16, 1), lambda: WrapperServerFraming(1)):
        whole, pieces = make(), make()
        found = read(whole, [octets, b""])
        assert read(pieces, pieces_of(octets)) == found
        assert whole.pending == pieces.pending <= len(octets)
    assert encode_wrapper(*decode_datagram(octets)) == octets
