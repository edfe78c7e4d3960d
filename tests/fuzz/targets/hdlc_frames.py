"""HDLC frames in a stream: the same frames in any chunks, one frame held at most, nothing kept once given up."""

from headend.dlms.hdlc import FrameReader, PushReader, decode_frames, encode_frame

SHARE = 3
LONGEST = 384


def pieces_of(octets):
    """Single octets at first, then larger ones: a search has no time for 500 calls an input."""
    return [octets[at : at + 1] for at in range(min(24, len(octets)))] + [
        octets[at : at + 37] for at in range(24, len(octets), 37)
    ]


def run(octets: bytes) -> None:
    whole, pieces = FrameReader(), FrameReader()
    found = whole.feed(octets)
    assert [frame for piece in pieces_of(octets) for frame in pieces.feed(piece)] == found
    assert whole.pending == pieces.pending <= 2049
    assert whole.give_up() == pieces.give_up()
    assert whole.pending == 0
    for frame in found:
        assert decode_frames(encode_frame(frame)) == [frame]
    push = PushReader()
    push.feed(octets)
    push.timeout()
    decode_frames(octets)
