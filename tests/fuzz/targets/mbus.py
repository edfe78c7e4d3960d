"""M-Bus long frames: what is decoded is encoded to the same octets."""

from headend.dlms.mbus import decode_mbus_frames, encode_mbus_frame, join_mbus_frames

SHARE = 6


def run(octets: bytes) -> None:
    frames = decode_mbus_frames(octets)
    assert b"".join(map(encode_mbus_frame, frames)) == octets
    assert len(join_mbus_frames(frames)) <= len(octets)
