import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.errors import DecodeError, RemoteError
from headend.dlms.mbus import (
    MbusFrame,
    decode_mbus_frame,
    decode_mbus_frames,
    encode_mbus_frame,
    join_mbus_frames,
)

VECTORS = [
    vector
    for path in sorted((Path(__file__).parents[1] / "vectors").glob("*.toml"))
    for vector in tomllib.loads(path.read_text())["vector"]
    if vector["form"] == "mbus"
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector_both_directions(vector):
    octets = bytes.fromhex(vector["hex"])
    frames = decode_mbus_frames(octets)
    assert [
        {
            "l": f.length,
            "c": f"{f.control:02x}",
            "a": f"{f.address:02x}",
            "ci": f"{f.ci:02x}",
            "stsap": f.source,
            "dtsap": f.destination,
        }
        for f in frames
    ] == vector["expected"]["mbus_frames"]
    apdu = join_mbus_frames(frames)
    ciphered = bytes.fromhex(vector["expected"]["apdu"]["ciphered"])
    assert apdu[0] == 0xDB
    assert apdu.endswith(ciphered)
    assert b"".join(map(encode_mbus_frame, frames)) == octets


def test_there_is_a_vector():
    assert VECTORS


FRAME = MbusFrame(0x53, 0xFF, 0x11, 1, 103, b"\x0f\x80")


@pytest.mark.parametrize("position", range(len(encode_mbus_frame(FRAME))))
def test_a_damaged_octet_is_noticed(position):
    octets = bytearray(encode_mbus_frame(FRAME))
    octets[position] ^= 0x40
    with pytest.raises(DecodeError):
        decode_mbus_frame(bytes(octets))


@pytest.mark.parametrize("cis", [[0x00], [0x01, 0x12], [0x00, 0x12], [0x10, 0x11], [0x00, 0x00, 0x11], []])
def test_segments_that_do_not_make_an_apdu_are_refused(cis):
    with pytest.raises(DecodeError):
        join_mbus_frames(FRAME._replace(ci=ci) for ci in cis)


def test_another_ci_field_is_none_of_ours():
    with pytest.raises(DecodeError, match="transport layer"):
        decode_mbus_frame(encode_mbus_frame(FRAME._replace(ci=0x72)))


@given(st.binary(max_size=250), st.lists(st.integers(0, 255), min_size=4, max_size=4), st.integers(0, 31))
def test_decoding_undoes_encoding(information, fields, ci):
    frame = MbusFrame(fields[0], fields[1], ci, fields[2], fields[3], information)
    assert decode_mbus_frames(encode_mbus_frame(frame) * 2) == [frame] * 2


@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda rest: b"\x68\x05\x05\x68" + rest))
def test_any_octets_are_frames_or_refused(octets):
    with contextlib.suppress(RemoteError):
        join_mbus_frames(decode_mbus_frames(octets))
