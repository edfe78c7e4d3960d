"""Every fault seen in another DLMS stack, and every way in which meters differ, by name.

Faults of a codec are tried here. Those of a conversation need a meter that misbehaves: `HELD_BY` names the tests that
have one, and this file fails when one of them is gone.
"""

import ast
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from headend.dlms.apdu import GeneralGloCiphering, decode, encode
from headend.dlms.axdr import Data, Tag, plain
from headend.dlms.axdr import decode as decode_data
from headend.dlms.axdr import encode as encode_data
from headend.dlms.ber import read_tlv, tlv
from headend.dlms.cosem import CosemDateTime, Obis
from headend.dlms.errors import DecodeError, LocalError
from headend.dlms.hdlc import Frame, FrameReader, client_address, encode_frame, server_address
from headend.meters.clock import DeviationSign, clock_to_utc

TESTS = Path(__file__).parent.parent
INDIA = ZoneInfo("Asia/Kolkata")

#: (file, test) for what takes a conversation.
HELD_BY = {
    "a peer's EOF spins the reader": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_the_end_of_the_stream_is_an_error_exactly_where_something_is_outstanding",
    ),
    "a peer's EOF spins the reader of a stream": (
        "transport/test_stream.py",
        "test_what_came_before_the_end_is_read_and_then_nothing_for_ever",
    ),
    "a peer's EOF spins a visit": (
        "session/test_visit.py",
        "test_a_connection_that_ends_anywhere_is_an_error_and_nothing_hangs",
    ),
    "replay counter moved before the tag was checked": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_an_answer_under_another_key_is_refused_and_the_counter_stays",
    ),
    "replay counter of a push moved before the tag was checked": (
        "dlms/connection/test_connection_push.py",
        "test_a_replayed_or_older_push_is_refused_and_the_counter_stays",
    ),
    "plain replies accepted in a ciphered association": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_a_plain_answer_in_a_ciphered_association_is_refused",
    ),
    "plain requests accepted in a ciphered association": (
        "dlms/connection/test_connection_server.py",
        "test_every_downgrade_and_replay_of_a_request_is_refused_and_changes_nothing",
    ),
    "AARE without HLS moves an HLS client to ready": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_aare_without_hls_never_moves_an_hls_client_to_associated",
    ),
    "the frame's own SC decides what is verified": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_a_frames_own_security_control_never_decides_what_is_checked",
    ),
    "one IC for both the HLS reply and the APDU around it": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_the_proof_and_the_apdu_around_it_never_share_a_counter",
    ),
    "the mechanism-2 secret sent as challenge": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_the_secret_of_mechanism_2_is_never_sent",
    ),
    "keys in the log": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_no_key_secret_or_challenge_is_in_any_repr",
    ),
    "keys in the log of a visit": ("session/test_visit.py", "test_no_secret_is_shown_by_any_value_of_a_visit"),
    "plaintext in the log": ("dlms/test_apdu.py", "test_what_is_written_does_not_show_in_a_representation"),
    "one error leaves the state machine stuck": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_one_error_leaves_the_association_usable",
    ),
    "no conversation leads out of the state machine": (
        "dlms/connection/test_association_table.py",
        "test_no_conversation_leaves_the_table",
    ),
    "no try/finally around an association": ("session/test_visit.py", "test_release_happens_when_the_work_fails"),
    "a visit that was stopped leaves something waiting": (
        "session/test_visit.py",
        "test_a_visit_that_is_stopped_leaves_nothing_waiting",
    ),
    "meters differ: HLS pass 3 answered plain": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_the_proof_may_come_plain_and_is_verified_all_the_same",
    ),
    "meters differ: HLS pass 3 answered as glo-action": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_a_wrong_proof_is_refused_in_either_envelope",
    ),
    "meters differ: refused HLS pass 3 without its optional octet": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_a_refused_proof_is_a_rejection_with_or_without_its_optional_octet",
    ),
    "meters differ: ciphered release refused": (
        "dlms/connection/test_connection_sessions.py",
        "test_a_release_that_is_refused_is_a_release",
    ),
    "meters differ: no RLRQ at all": (
        "dlms/connection/test_connection_sessions.py",
        "test_a_meter_without_rlrq_is_left_by_closing",
    ),
    "meters differ: a server that starts its IC at 0": (
        "dlms/connection/test_connection_hostile_meter.py",
        "test_a_server_that_starts_its_counter_at_0_is_believed",
    ),
}


@pytest.mark.parametrize("fault", HELD_BY)
def test_the_fault_has_a_test_with_a_peer_that_has_it(fault):
    file, name = HELD_BY[fault]
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    (test,) = [node for node in found if node.name == name]
    marks = ast.unparse(ast.Module([ast.Expr(mark) for mark in test.decorator_list], []))
    assert "skip" not in marks
    assert "xfail" not in marks


@pytest.mark.parametrize("text", ["0a", "0103", "090c01", "13020001"])
def test_truncated_data_never_hangs_the_decoder(text):
    start = process_time()
    with pytest.raises(DecodeError):
        decode_data(bytes.fromhex(text))
    assert process_time() - start < 0.05


def test_six_kilobytes_of_nested_structures_never_overflow_the_stack():
    with pytest.raises(DecodeError, match="nested deeper"):
        decode_data(b"\x02\x01" * 3000 + b"\x00")


def test_a_corrupt_hdlc_frame_never_blocks_the_good_ones_behind_it():
    good = encode_frame(Frame(client_address(16), server_address(1, 17), 0x30, b"\xe6\xe7\x00\xc4\x01\xc1\x00\x00"))
    for place in range(1, len(good) - 1):
        corrupt = bytearray(good)
        corrupt[place] ^= 0x55
        reader = FrameReader()
        found = reader.feed(bytes(corrupt) + good + good)
        assert len(found) + len(reader.give_up()) >= 2, place


@pytest.mark.parametrize("size", [127, 128, 255, 256, 65_535, 65_536])
def test_ber_lengths_of_more_than_one_octet(size):
    octets = tlv(0xBE, bytes(size))
    assert (octets[1] >= 0x80) == (size > 127)
    assert read_tlv(octets, 0, len(octets)) == (0xBE, len(octets) - size, len(octets))


@pytest.mark.parametrize("size", [100, 122, 123, 128, 250, 251, 300, 70_000])
def test_general_glo_lengths_of_more_than_one_octet(size):
    apdu = GeneralGloCiphering(b"MMM\x00\x00\xbc\x61\x4e", 0x30, 7, bytes(size))
    octets = encode(apdu)
    assert octets[10] == (size + 5 if size + 5 < 128 else 0x80 | (size + 5).bit_length() + 7 >> 3)
    assert decode(octets) == apdu


@pytest.mark.parametrize("size", [127, 128, 129, 255, 256, 300, 65_536])
def test_octet_strings_of_128_octets_and_more(size):
    data = Data(Tag.OCTET_STRING, bytes(size))
    octets = encode_data(data)
    assert len(octets) == 1 + (1 if size < 128 else 2 if size < 256 else 3 if size < 65_536 else 4) + size
    assert decode_data(octets) == data


def test_a_physical_hdlc_address_of_0_is_kept():
    frame = Frame(server_address(1, 0), client_address(16), 0x93)
    (again,) = FrameReader().feed(encode_frame(frame))
    assert again.destination.lower == 0


def test_group_f_of_a_code_is_never_forced_to_255():
    assert Obis("1.0.1.8.0.1").octets[5] == 1
    assert Obis(bytes((1, 0, 1, 8, 0, 101))).vector.endswith("*101")


def test_a_naive_datetime_never_becomes_deviation_0():
    with pytest.raises(LocalError, match="naive"):
        CosemDateTime.of(datetime(2026, 11, 24, 12, 30))  # noqa: DTZ001 - the very case


def test_meters_differ_an_error_action_response_without_its_optional_octet():
    short = decode(bytes.fromhex("c701c103"))
    assert short == decode(bytes.fromhex("c701c10300"))
    assert short.returned is None


CLOCK = bytes.fromhex("07ea0b18020c1e00ff014a00")  # 12:30 on 24 November 2026, deviation +330


def test_meters_differ_a_clock_wrapped_twice():
    twice = encode_data(Data(Tag.OCTET_STRING, encode_data(Data(Tag.OCTET_STRING, CLOCK))))
    assert clock_to_utc(plain(decode_data(twice)), INDIA) == clock_to_utc(CLOCK, INDIA)
    with pytest.raises(DecodeError):
        clock_to_utc(b"\x00\x00" + CLOCK, INDIA)


def test_meters_differ_a_deviation_of_the_opposite_sign():
    other = CLOCK[:9] + (-330).to_bytes(2, "big", signed=True) + CLOCK[11:]
    moment = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert clock_to_utc(CLOCK, INDIA).utc == clock_to_utc(other, INDIA).utc == moment
    assert clock_to_utc(other, INDIA).sign is DeviationSign.BLUE_BOOK
    assert clock_to_utc(CLOCK, INDIA).sign is DeviationSign.INVERTED
