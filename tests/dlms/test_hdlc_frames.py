import contextlib
import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.errors import DecodeError, LocalError, RemoteError
from headend.dlms.hdlc import (
    Address,
    Frame,
    FrameReader,
    Kind,
    client_address,
    decode_address,
    decode_frame,
    decode_frames,
    encode_frame,
    server_address,
)
from headend.dlms.hdlc.control import KINDS
from headend.dlms.hdlc.crc import crc, crc_by_standard_library
from headend.dlms.hdlc.parameters import (
    LinkParameters,
    decode_parameters,
    decode_stated_parameters,
    encode_all_parameters,
    encode_parameters,
)

VECTORS = [
    vector
    for path in sorted((Path(__file__).parents[1] / "vectors").glob("*.toml"))
    for vector in tomllib.loads(path.read_text())["vector"]
    if vector["form"] == "hdlc"
]
GOOD = [vector for vector in VECTORS if not vector.get("invalid")]
BAD = [vector for vector in VECTORS if vector.get("invalid")]
STATED = {"max_info_transmit": 5, "max_info_receive": 6, "window_transmit": 7, "window_receive": 8}


def one_by_one(reader, octets):
    return [frame for octet in octets for frame in reader.feed(bytes((octet,)))]


def address_as_expected(address):
    expected = {"hex": address.octets.hex(), "upper": address.upper}
    return expected if address.lower is None else expected | {"lower": address.lower}


def test_enough_vectors_are_here():
    assert len(GOOD) >= 40
    assert len(BAD) >= 4


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["name"])
def test_vector_decodes_to_what_its_source_says(vector):
    octets = bytes.fromhex(vector["hex"])
    frames = decode_frames(octets)
    assert len(frames) == len(vector["expected"]["frames"])
    for frame, expected in zip(frames, vector["expected"]["frames"], strict=True):
        assert frame.length == expected["length"]
        assert frame.segmented == expected["segmented"]
        assert address_as_expected(frame.destination) == expected["destination"]
        assert address_as_expected(frame.source) == expected["source"]
        assert f"{frame.control:02x}" == expected["control"]
        assert frame.kind.name == expected["type"]
        assert frame.poll_final == expected["poll_final"]
        assert frame.information.hex() == expected["information"]
        if "send_seq" in expected:
            assert (frame.send, frame.receive) == (expected["send_seq"], expected["receive_seq"])
        if "parameters" in expected:
            stated = {STATED[name]: value for name, value in expected["parameters"].items()}
            assert decode_stated_parameters(frame.information) == stated
        encoded = encode_frame(frame)
        assert encoded in octets
        assert encoded[-3:-1].hex() == expected["fcs"]


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["name"])
def test_vector_in_one_piece_or_octet_by_octet(vector):
    octets = bytes.fromhex(vector["hex"])
    frames = decode_frames(octets)
    assert FrameReader().feed(octets) == frames
    assert one_by_one(FrameReader(), octets) == frames


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: vector["name"])
def test_bad_vector_is_refused_and_does_not_block_the_good_frame_behind_it(vector):
    octets = bytes.fromhex(vector["hex"])
    with pytest.raises(DecodeError):
        decode_frames(octets)
    good = Frame(client_address(16), server_address(1), 0x73)
    for feed in (FrameReader.feed, one_by_one):
        reader = FrameReader()
        assert [*feed(reader, octets + encode_frame(good)), *reader.give_up()] == [good]


@pytest.mark.parametrize(
    ("octets", "frame"),
    [
        ("7EA0070321930F017E", Frame(server_address(1), client_address(16), 0x93)),
        ("7EA0070341935A647E", Frame(server_address(1), client_address(32), 0x93)),
        (
            "7EA01E210373C37A81801205018006013E07040000000108040000000107227E",
            Frame(client_address(16), server_address(1), 0x73, encode_all_parameters(LinkParameters(128, 62))),
        ),
    ],
)
def test_published_frames_to_the_octet(octets, frame):
    assert encode_frame(frame) == bytes.fromhex(octets)
    assert decode_frame(bytes.fromhex(octets))[0] == frame


GOOD_FRAME = Frame(client_address(16), server_address(1, 17), 0x30, b"\xe6\xe7\x00\xc4\x01\xc1\x00\x09\x03\x7e\x7e\x7e")


@pytest.mark.parametrize("position", range(2, len(encode_frame(GOOD_FRAME)) - 1))
@pytest.mark.parametrize("octet", [0x00, 0x7E, 0xFF])
def test_a_damaged_octet_never_costs_the_frame_behind(position, octet):
    damaged = bytearray(encode_frame(GOOD_FRAME))
    if damaged[position] == octet:
        return
    damaged[position] = octet
    good = Frame(client_address(16), server_address(1, 17), 0x51)
    for feed in (FrameReader.feed, one_by_one):
        reader = FrameReader()
        assert [*feed(reader, bytes(damaged) + encode_frame(good)), *reader.give_up()] == [good]


@pytest.mark.parametrize("length", range(1, len(encode_frame(GOOD_FRAME)) - 1))
def test_a_frame_that_lost_its_end_never_costs_the_frame_behind(length):
    good = Frame(client_address(16), server_address(1, 17), 0x51)
    reader = FrameReader()
    frames = reader.feed(encode_frame(GOOD_FRAME)[:length]) + reader.feed(encode_frame(good))
    assert frames + reader.give_up() == [good]


def test_a_damaged_length_does_not_make_the_reader_wait():
    damaged = bytearray(encode_frame(GOOD_FRAME))
    damaged[1:3] = b"\xa7\xff"
    reader = FrameReader()
    assert reader.feed(bytes(damaged) + encode_frame(GOOD_FRAME)) == [GOOD_FRAME]


def test_frames_may_share_a_flag_or_have_many_between_them():
    octets = encode_frame(GOOD_FRAME)
    assert FrameReader().feed(octets + octets[1:]) == [GOOD_FRAME] * 2
    assert decode_frames(octets + octets[1:] + octets) == [GOOD_FRAME] * 3
    reader = FrameReader()
    assert reader.feed(octets) + reader.feed(octets[1:]) + reader.feed(b"\x7e\x7e\x7e" + octets) == [GOOD_FRAME] * 3


@pytest.mark.parametrize(
    ("address", "octets"),
    [
        (client_address(16), "21"),
        (server_address(1), "03"),
        (server_address(1, 0), "0201"),
        (server_address(1, 17), "0223"),
        (server_address(1, 0x7F), "02ff"),
        (server_address(1, 0x80), "00020201"),
        (server_address(1, 3875), "00023c47"),
        (server_address(1, 0, 4), "00020001"),
        (server_address(0x3FFF, 0x3FFE), "fefefefd"),
        (Address(103, 127, 2), "ceff"),
    ],
)
def test_address_on_the_wire(address, octets):
    assert address.octets.hex() == octets
    assert decode_address(bytes.fromhex(octets)) == address


def test_a_physical_address_of_0_is_kept():
    assert decode_address(bytes.fromhex("0201")) == Address(1, 0, 2)
    assert decode_address(bytes.fromhex("00020001")).lower == 0
    assert decode_address(b"\x03").lower is None


@pytest.mark.parametrize("octets", ["", "02", "0202", "020203", "02020202", "0303", "0202020203"])
def test_what_is_no_address_is_refused(octets):
    with pytest.raises(DecodeError):
        decode_address(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("logical", "physical", "size"),
    [
        (128, None, None),
        (1, 2, 1),
        (1, None, 2),
        (0x4000, 1, None),
        (1, 0x4000, 4),
        (128, 1, 2),
        (-1, None, None),
        (1, 1, 3),
    ],
)
def test_an_address_that_does_not_fit_is_our_fault(logical, physical, size):
    with pytest.raises(LocalError):
        server_address(logical, physical, size)


def test_all_station_and_calling_addresses_are_known():
    assert server_address(0x7F).is_broadcast
    assert server_address(1, 0x7F).is_broadcast
    assert server_address(0x3FFF, 1, 4).is_broadcast
    assert not server_address(0x7F, 1, 4).is_broadcast
    assert server_address(1, 0x7E).is_calling
    assert server_address(1, 0x3FFE).is_calling
    assert not server_address(1, 0x7E, 4).is_calling


def test_control_octets_of_the_standard():
    kinds = {0x93: "SNRM", 0x73: "UA", 0x53: "DISC", 0x1F: "DM", 0x97: "FRMR", 0x13: "UI", 0x03: "UI"}
    assert {octet: KINDS[octet].name for octet in kinds} == kinds
    assert [KINDS[octet] for octet in (0x11, 0x15, 0x19, 0x10, 0xFE)] == [Kind.RR, Kind.RNR, Kind.REJ, Kind.I, Kind.I]
    assert KINDS[0x1D] is None  # SREJ is none of DLMS
    assert sum(kind is Kind.I for kind in KINDS) == 128


def test_a_frame_has_at_most_2047_octets():
    whole = Frame(client_address(16), server_address(1), 0x10, bytes(2047 - 9))
    assert decode_frame(encode_frame(whole))[0] == whole
    with pytest.raises(LocalError):
        encode_frame(whole._replace(information=bytes(2047 - 8)))


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "7e",
        "7ea0",
        "00a0070321930f017e",
        "7ea0060321937e",
        "7e90070321930f017e",
        "7ea0070321930f0100",
        "7ea0070321930f027e",
        "7ea007020202020202",
        "7ea00902020202020202027e",
    ],
)
def test_what_is_no_frame_is_refused(octets):
    with pytest.raises(DecodeError):
        decode_frame(bytes.fromhex(octets))


def test_both_ways_to_the_check_sequence_agree():
    assert crc(b"123456789") == crc_by_standard_library(b"123456789") == 0x906E


@given(st.binary(max_size=300))
def test_check_sequences_agree_on_anything(octets):
    assert crc(octets) == crc_by_standard_library(octets)


@pytest.mark.parametrize(
    ("octets", "parameters"),
    [
        ("", LinkParameters()),
        ("818000", LinkParameters()),
        ("8180140502008006020080070400000001080400000001", LinkParameters()),
        ("818014050207ee060207ee070400000007080400000007", LinkParameters(2030, 2030, 7, 7)),
        ("818008050200ff060200ff", LinkParameters(255, 255)),
        ("818008050207ff0602ffff", LinkParameters(2030, 2030)),
        ("81800307010f", LinkParameters(transmit_window=7)),
        ("8180030901ff", LinkParameters()),
    ],
)
def test_link_parameters_in_any_length(octets, parameters):
    assert decode_parameters(bytes.fromhex(octets)) == parameters


@pytest.mark.parametrize(
    "octets",
    ["00", "8180", "818001", "81800105", "8180020502", "818003050203", "818003050103", "818003050100", "818003070100"],
)
def test_link_parameters_that_can_not_be_are_refused(octets):
    with pytest.raises(DecodeError):
        decode_parameters(bytes.fromhex(octets))


sizes = st.integers(4, 2030)
windows = st.integers(1, 7)
link_parameters = st.builds(LinkParameters, sizes, sizes, windows, windows)


@given(link_parameters, link_parameters)
def test_both_ends_agree_on_the_same(client, server):
    agreed = server.agreed_with(decode_parameters(encode_parameters(client)))
    taken = client.agreed_with(decode_parameters(encode_all_parameters(agreed)))
    assert taken.transmit_information == agreed.receive_information <= client.transmit_information
    assert taken.receive_information == agreed.transmit_information <= server.transmit_information
    assert taken.transmit_window == agreed.receive_window
    assert taken.receive_window == agreed.transmit_window


@pytest.mark.parametrize("values", [(3, 128, 1, 1), (128, 2031, 1, 1), (128, 128, 0, 1), (128, 128, 1, 8)])
def test_parameters_outside_the_standard_are_our_fault(values):
    with pytest.raises(LocalError):
        LinkParameters(*values)


long_half = st.integers(0, 0x3FFF)
short_half = st.integers(0, 0x7F)
addresses = (
    st.builds(Address, short_half, st.none(), st.just(1))
    | st.builds(Address, short_half, short_half, st.just(2))
    | st.builds(Address, long_half, long_half, st.just(4))
)
frames = st.builds(Frame, addresses, addresses, st.integers(0, 255), st.binary(max_size=300), st.booleans())


@given(st.lists(frames, max_size=4), st.lists(st.integers(0, 2000)))
def test_decoding_undoes_encoding_in_any_chunks(frames, cuts):
    octets = b"".join(map(encode_frame, frames))
    assert decode_frames(octets) == frames
    edges = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    reader = FrameReader()
    found = [frame for a, b in itertools.pairwise(edges) for frame in reader.feed(octets[a:b])]
    assert found == frames
    assert reader.pending <= 1


rubbish = st.lists(
    st.binary(max_size=40)
    | st.just(b"\x7e\xa0")
    | st.builds(lambda frame, cut: encode_frame(frame)[: cut % 30], frames, st.integers(0, 30))
    | frames.map(encode_frame),
    max_size=8,
).map(b"".join)


@given(rubbish)
def test_any_octets_give_the_same_frames_in_any_chunks_and_hold_one_frame_at_most(octets):
    whole, pieces = FrameReader(), FrameReader()
    found = whole.feed(octets)
    assert one_by_one(pieces, octets) == found
    assert whole.pending <= 2049
    assert whole.give_up() == pieces.give_up()
    assert whole.pending == 0
    with contextlib.suppress(RemoteError):
        decode_frames(octets)


_LONG_HEAD = bytes.fromhex("a7ff032110")
#: Each flag opens a frame whose header is right and whose closing flag is there; only its check sequence is not.
_NESTED = b"\x7e" + _LONG_HEAD + crc(_LONG_HEAD).to_bytes(2, "little") + bytes(15)


@pytest.mark.parametrize(
    ("unit", "most_per_octet"),
    [("7e", 0), ("7ea0", 0), ("7ea07ea10321", 4), ("7ea8ff02020202", 0), ("7ea7f803211043", 1), (_NESTED.hex(), 90)],
)
def test_no_octets_cost_more_than_their_number(unit, most_per_octet, monkeypatch):
    octets = (bytes.fromhex(unit) * 65536)[:65536]
    checked = []
    monkeypatch.setattr("headend.dlms.hdlc.frame.crc", lambda body: checked.append(len(body)) or crc(body))
    reader = FrameReader()
    assert reader.feed(octets) + reader.give_up() == []
    assert sum(checked) <= most_per_octet * len(octets)
    assert reader.dropped == len(octets)
