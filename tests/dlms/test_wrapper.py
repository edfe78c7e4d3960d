import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.errors import DecodeError, LocalError, RemoteError
from headend.dlms.wrapper import (
    WrapperFraming,
    WrapperServerFraming,
    decode_datagram,
    decode_wrapper,
    encode_wrapper,
)

VECTORS = tomllib.loads((Path(__file__).parents[1] / "vectors" / "wrapper.toml").read_text())["vector"]
GOOD = [vector for vector in VECTORS if not vector.get("invalid")]
BAD = [vector for vector in VECTORS if vector.get("invalid")]


def split(octets, cuts):
    edges = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[a:b] for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["name"])
def test_vector_both_directions(vector):
    octets = bytes.fromhex(vector["hex"])
    expected = vector["expected"]
    pdu = decode_datagram(octets)
    assert (pdu.source, pdu.destination) == (expected["source_wport"], expected["destination_wport"])
    assert len(pdu.apdu) == expected["length"]
    assert encode_wrapper(*pdu) == octets


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: vector["name"])
def test_vector_is_refused_as_a_datagram(vector):
    with pytest.raises(DecodeError):
        decode_datagram(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_vector_through_a_stream_in_any_chunks(vector, size):
    octets = bytes.fromhex(vector["hex"])
    expected = vector["expected"]
    framing = WrapperFraming(expected["destination_wport"], expected["source_wport"])
    chunks = [octets[at : at + size] for at in range(0, len(octets), size)]
    assert [apdu for chunk in chunks for apdu in framing.feed(chunk)] == [octets[8:]]
    assert framing.pending == 0


def test_what_follows_a_pdu_on_a_stream_is_the_next_header():
    framing = WrapperFraming(1, 1)
    octets = encode_wrapper(1, 1, b"one") + encode_wrapper(1, 1, b"two")
    assert framing.feed(octets + octets[:4]) == [b"one", b"two"]
    assert framing.feed(octets[4:11]) == [b"one"]


def test_a_client_takes_nothing_from_another_wport():
    framing = WrapperFraming(16, 1)
    assert framing.feed(encode_wrapper(2, 16, b"x") + encode_wrapper(1, 17, b"y")) == []
    assert framing.feed(encode_wrapper(1, 16, b"ours")) == [b"ours"]
    assert framing.strays == 2


def test_a_server_answers_the_client_that_asked_last():
    framing = WrapperServerFraming(1)
    assert framing.peer is None
    with pytest.raises(LocalError):
        framing.wrap(b"nobody asked")
    assert framing.feed_addressed(encode_wrapper(16, 1, b"a") + encode_wrapper(48, 1, b"b")) == [(16, b"a"), (48, b"b")]
    framing.wrap(b"to 48")
    framing.peer = 16
    framing.wrap(b"to 16")
    assert framing.take_output() == encode_wrapper(1, 48, b"to 48") + encode_wrapper(1, 16, b"to 16")
    assert framing.take_output() == b""


def test_a_server_takes_what_is_for_it_or_for_all_stations():
    framing = WrapperServerFraming(3)
    assert framing.feed(encode_wrapper(16, 1, b"another device")) == []
    assert framing.feed(encode_wrapper(16, 3, b"ours")) == [b"ours"]
    assert framing.feed(encode_wrapper(16, 0x7F, b"all")) == [b"all"]
    assert framing.strays == 1


def test_a_bad_header_ends_the_stream_after_what_came_before_it():
    framing = WrapperFraming(16, 1)
    assert framing.feed(encode_wrapper(1, 16, b"good") + b"\x00\x02" + bytes(6)) == [b"good"]
    for chunk in (b"", encode_wrapper(1, 16, b"never")):
        with pytest.raises(DecodeError, match="version 2"):
            framing.feed(chunk)
    with pytest.raises(DecodeError, match="version 2"):
        framing.wrap(b"no answer could be read")


def test_an_apdu_larger_than_allowed_is_refused_before_it_has_come():
    framing = WrapperFraming(16, 1, largest_apdu=100)
    with pytest.raises(DecodeError, match="at most 100"):
        framing.feed(encode_wrapper(1, 16, bytes(101))[:8])
    framing = WrapperFraming(16, 1, largest_apdu=100)
    with pytest.raises(DecodeError, match="at most 100"):
        framing.feed(encode_wrapper(1, 16, bytes(101)))


def test_the_largest_apdu_fits_and_a_larger_one_is_our_fault():
    framing = WrapperFraming(16, 1)
    framing.wrap(bytes(0xFFFF))
    assert len(framing.take_output()) == 8 + 0xFFFF
    with pytest.raises(LocalError):
        framing.wrap(bytes(0x10000))
    with pytest.raises(LocalError):
        encode_wrapper(-1, 1, b"")


def test_a_cut_pdu_names_where_it_is_cut():
    with pytest.raises(DecodeError) as caught:
        decode_wrapper(encode_wrapper(1, 16, b"four")[:-1])
    assert caught.value.offset == 6


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=300), st.lists(st.integers(0, 400)))
def test_decoding_undoes_encoding_in_any_chunks(source, destination, apdu, cuts):
    octets = encode_wrapper(source, destination, apdu)
    assert decode_datagram(octets) == (source, destination, apdu)
    framing = WrapperFraming(destination, source)
    assert [found for chunk in split(octets * 2, cuts) for found in framing.feed(chunk)] == [apdu, apdu]


@given(
    st.binary(max_size=400) | st.binary(max_size=80).map(lambda rest: b"\x00\x01" + rest), st.lists(st.integers(0, 400))
)
def test_any_octets_give_apdus_or_a_remote_error_and_hold_no_more_than_came(octets, cuts):
    for framing in (WrapperFraming(16, 1), WrapperServerFraming(1)):
        for chunk in split(octets, cuts):
            try:
                apdus = framing.feed(chunk)
            except RemoteError:
                break
            assert all(isinstance(apdu, bytes) for apdu in apdus)
            assert framing.pending <= len(octets)
