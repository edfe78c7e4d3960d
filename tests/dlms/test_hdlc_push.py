import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.hdlc import Frame, PushReader, client_address, encode_frame, server_address
from headend.dlms.hdlc.link import LARGEST_APDU

VECTORS = [
    vector
    for name in ("push", "security")
    for vector in tomllib.loads((Path(__file__).parents[1] / "vectors" / f"{name}.toml").read_text())["vector"]
    if vector["form"] == "hdlc" and not vector.get("invalid")
]
METER, OTHER, HOST = server_address(103), server_address(103, 17), client_address(1)
LLC = b"\xe6\xe7\x00"


def ui(information, *, source=METER, segmented=False):
    return encode_frame(Frame(HOST, source, 0x13, information, segmented))


def expected_apdus(frames):
    """Segments joined, the LLC header gone: worked out from the frames as their source states them."""
    apdus, begun = [], b""
    for frame in frames:
        begun += bytes.fromhex(frame["information"]).removeprefix(LLC)
        if not frame["segmented"]:
            apdus.append(begun)
            begun = b""
    return apdus


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_pushes_of_real_meters(vector, size):
    octets = bytes.fromhex(vector["hex"])
    reader = PushReader()
    found = [item for at in range(0, len(octets), size) for item in reader.feed(octets[at : at + size])]
    assert [apdu for _, apdu in found] == expected_apdus(vector["expected"]["frames"])
    assert {source.octets.hex() for source, _ in found} == {
        frame["source"]["hex"] for frame in vector["expected"]["frames"]
    }


def test_segments_of_two_senders_do_not_mix():
    reader = PushReader()
    octets = (
        ui(LLC + b"one ", segmented=True)
        + ui(LLC + b"other ", source=OTHER, segmented=True)
        + ui(b"meter")
        + ui(b"device", source=OTHER)
    )
    assert reader.feed(octets) == [(METER, b"one meter"), (OTHER, b"other device")]


def test_an_apdu_that_lost_its_end_does_not_spoil_the_next():
    reader = PushReader()
    assert reader.feed(ui(LLC + b"lost", segmented=True) + ui(LLC + b"whole")) == [(METER, b"whole")]


def test_silence_ends_what_is_unfinished():
    reader = PushReader()
    assert reader.feed(ui(LLC + b"begun", segmented=True) + ui(LLC + bytes(90))[:30] + ui(LLC + b"whole")) == []
    assert reader.timeout() == [(METER, b"whole")]
    assert reader.feed(ui(b"no more of it")) == [(METER, b"no more of it")]


def test_endless_segments_are_dropped():
    reader = PushReader()
    for _ in range(LARGEST_APDU // 2000 + 1):
        assert reader.feed(ui(bytes(2000), segmented=True)) == []
    assert reader.oversized == 1
    assert reader.feed(ui(LLC + b"next")) == [(METER, b"next")]


def test_only_so_many_unfinished_apdus_are_kept():
    reader = PushReader()
    for physical in range(40):
        reader.feed(ui(LLC + b"begun ", source=server_address(103, physical), segmented=True))
    assert len(reader._unfinished) == 16


@given(st.lists(st.binary(max_size=60) | st.builds(ui, st.binary(max_size=40), segmented=st.booleans()), max_size=12))
def test_any_octets_give_apdus(chunks):
    reader = PushReader()
    for chunk in chunks:
        assert all(apdu for _, apdu in reader.feed(chunk))
    reader.timeout()
