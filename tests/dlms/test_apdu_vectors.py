"""Every recorded APDU, decoded and encoded again, and every broken one refused."""

import pytest

from headend.dlms.apdu import decode, encode
from headend.dlms.errors import DecodeError
from tests.vectors import Vector, load_form

APDUS = load_form("apdu")
GOOD = [vector for vector in APDUS if not vector.invalid]
BROKEN = [vector for vector in APDUS if vector.invalid]


def apdus_in_envelopes():
    """APDUs that recorded wrapper PDUs, M-Bus and HDLC frames carry, as far as the vectors say they are good ones."""
    for vector in load_form("wrapper"):
        if "decoded" in vector.expected:
            yield pytest.param(bytes.fromhex(vector.expected["apdu"]), id=vector.name)
    for vector in load_form("hdlc"):
        frames = vector.expected.get("frames", [])
        if "assembled" in vector.expected:
            yield pytest.param(bytes.fromhex(vector.expected["assembled"]), id=vector.name)
        elif "apdu" in vector.expected:
            yield pytest.param(bytes.fromhex("".join(frame["information"] for frame in frames))[3:], id=vector.name)
    for vector in load_form("llc+apdu"):
        yield pytest.param(vector.octets[3:], id=vector.name)


@pytest.mark.parametrize("vector", GOOD, ids=str)
def test_a_recorded_apdu_has_the_name_the_source_gives_it(vector: Vector):
    assert vector.expected["apdu"] == decode(vector.octets, strict=True).NAME


@pytest.mark.parametrize("vector", GOOD, ids=str)
def test_a_recorded_apdu_encodes_to_the_octets_it_was_decoded_from(vector: Vector):
    assert encode(decode(vector.octets, strict=True)) == vector.octets


@pytest.mark.parametrize("octets", list(apdus_in_envelopes()))
def test_an_apdu_out_of_recorded_frames_encodes_to_its_octets(octets: bytes):
    assert encode(decode(octets, strict=True)) == octets


@pytest.mark.parametrize("vector", GOOD, ids=str)
def test_what_strict_decoding_accepts_tolerant_decoding_reads_the_same(vector: Vector):
    assert decode(vector.octets, strict=False) == decode(vector.octets, strict=True)


@pytest.mark.parametrize("vector", BROKEN, ids=str)
def test_a_broken_apdu_is_refused_with_reason_and_offset(vector: Vector):
    with pytest.raises(DecodeError) as refusal:
        decode(vector.octets, strict=True)
    assert refusal.value.reason
    assert 0 <= refusal.value.offset <= len(vector.octets)


@pytest.mark.parametrize("vector", GOOD, ids=str)
def test_every_prefix_of_a_recorded_apdu_is_refused(vector: Vector):
    for end in range(len(vector.octets)):
        with pytest.raises(DecodeError):
            decode(vector.octets[:end], strict=True)


@pytest.mark.parametrize("vector", GOOD, ids=str)
def test_an_octet_after_a_recorded_apdu_is_refused(vector: Vector):
    with pytest.raises(DecodeError):
        decode(vector.octets + b"\x00", strict=True)


def test_vectors_of_every_kind_are_here():
    assert len(GOOD) > 60
    assert len(BROKEN) >= 10
