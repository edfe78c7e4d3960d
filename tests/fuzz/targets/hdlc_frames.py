"""HDLC frames in a stream: the same frames in any chunks, one frame held at most, nothing kept once given up."""

from headend.dlms.hdlc import FrameReader, PushReader, decode_frames, encode_frame


def run(octets: bytes) -> None:
    whole, pieces = FrameReader(), FrameReader()
    found = whole.feed(octets)
    assert [frame for at in range(len(octets)) for frame in pieces.feed(octets[at : at + 1])] == found
    assert whole.pending == pieces.pending <= 2049
    assert whole.give_up() == pieces.give_up()
    assert whole.pending == 0
    for frame in found:
        assert decode_frames(encode_frame(frame)) == [frame]
    push = PushReader()
    push.feed(octets)
    push.timeout()
    decode_frames(octets)
