"""`headend trace` at the command line: text, files, keys, packet captures, exit codes."""

import json
import struct
from contextlib import suppress
from ipaddress import ip_address

import pytest
from click.testing import CliRunner

from headend.cli.pcap import is_capture, read_payloads
from headend.cli.trace import hexadecimal, trace
from headend.dlms.errors import DecodeError
from headend.dlms.wrapper import encode_wrapper
from tests.vectors import KINDS, Vector, load, load_form

GET = "c001c100080000010000ff0200"
GLO = next(vector for vector in load("security") if vector.name == "glo-get-auth-encrypt")
KEYS = """
[[keys]]
ek = "101112131415161718191a1b1c1d1e1f"

[[keys]]
title = "4d4d4d0000bc614e"
ek = "000102030405060708090a0b0c0d0e0f"
ak = "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
"""


def run(*arguments: str, stdin: str | None = None):
    return CliRunner().invoke(trace, list(arguments), input=stdin)


def objects(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def contains(whole, part) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(contains, whole, part))
    return type(whole) is type(part) and whole == part


TRACEABLE = [vector for kind in KINDS for vector in load(kind) if vector.form != "octets"]


@pytest.mark.parametrize("vector", TRACEABLE, ids=str)
def test_json_of_every_vector_contains_what_its_source_says(vector: Vector, tmp_path):
    arguments = [vector.octets.hex(), "--form", vector.form, "--json"]
    if "ek" in vector.keys:
        names = [name for name in ("title", "ek", "ak") if name in vector.keys]
        lines = "\n".join(f'{name} = "{vector.keys[name].hex()}"' for name in names)
        keys = tmp_path / "keys.toml"
        keys.write_text(f"[[keys]]\n{lines}\n")
        arguments += ["--keys", str(keys)]
    result = run(*arguments)
    [described] = objects(result)
    if vector.invalid:
        assert result.exit_code == 1
        assert described["fault"]["reason"] in result.stderr
        assert f"at offset {described['fault']['offset']}" in result.stderr
    else:
        assert contains(described, vector.expected)
        assert result.exit_code == (1 if "fault" in described else 0)


def test_a_tree_for_people_names_objects_units_and_codes():
    spodes = next(vector for vector in load_form("hdlc") if vector.name == "spodes-get-scaler-unit")
    assert "times 10^0 °C" in run(spodes.octets.hex()).stdout
    shown = run(GET).stdout
    assert "get-request-normal" in shown
    assert "8  Clock" in shown
    assert "0-0:1.0.0*255  clock" in shown
    assert "object-class-inconsistent" in run("c401c10109").stdout
    push = next(vector for vector in load("push") if vector.name == "lg-e350-norway-list1").octets.hex()
    assert "1-0:1.7.0*255 active power+" in run(push).stdout


@pytest.mark.parametrize("vector", [vector for vector in TRACEABLE if not vector.invalid], ids=str)
def test_a_tree_of_every_vector_can_be_drawn(vector: Vector):
    result = run(vector.octets.hex(), "--form", vector.form, "--tolerant")
    assert "input" in result.stdout
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_bad_octet_ends_with_1_and_says_where_and_why():
    result = run("d801")
    assert result.exit_code == 1
    assert "service-error missing at offset 2" in result.stderr


def test_strict_is_the_default_and_tolerant_reads_more():
    kaifa = next(vector for vector in load_form("hdlc") if vector.name == "kaifa-list1").octets.hex()
    assert run(kaifa, "--json").exit_code == 1
    assert run(kaifa, "--json", "--tolerant").exit_code == 0


@pytest.mark.parametrize(
    "text", ["c001 c100 08", "C0:01:c1:00:08", "c0-01-c1-00-08", "0xc001c10008", " c0\n01 c1 00 08 "]
)
def test_hexadecimal_text_in_the_usual_ways(text: str):
    assert hexadecimal(text) == bytes.fromhex("c001c10008")


@pytest.mark.parametrize("text", ["", "   ", "zz", "c00", "0x"])
def test_other_text_is_no_hexadecimal(text: str):
    assert hexadecimal(text) is None


def test_what_is_neither_text_nor_file_is_a_wrong_usage():
    result = run("no-such-file")
    assert result.exit_code == 2
    assert "neither hexadecimal text nor a file" in result.stderr


def test_a_file_of_lines_gives_one_object_a_line(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text(f"# a remark\n{GET}\n\nd80101  # an answer\nd801\nc401c10109\n")
    result = run(str(file), "--json")
    described = objects(result)
    assert [fields.get("apdu", "fault") for fields in described] == [
        "get-request-normal",
        "exception-response",
        "fault",
        "get-response-normal",
    ]
    assert result.exit_code == 1
    assert "line 5: service-error missing" in result.stderr


def test_a_line_that_is_no_hexadecimal_is_named(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text(f"{GET}\nhello\n")
    result = run(str(file))
    assert result.exit_code == 2
    assert "lines.txt line 2" in result.stderr


def test_lines_come_from_standard_input_too():
    assert objects(run("-", "--json", stdin=f"{GET}\n"))[0]["apdu"] == "get-request-normal"


def test_a_file_of_raw_octets_is_read_as_it_is(tmp_path):
    file = tmp_path / "frame.bin"
    file.write_bytes(bytes.fromhex("7ea00802232193bd647e"))
    assert objects(run(str(file), "--json"))[0]["frames"][0]["type"] == "SNRM"


def test_raw_octets_that_all_look_like_ascii_are_still_raw(tmp_path):
    file = tmp_path / "data.bin"
    file.write_bytes(bytes.fromhex("0202120001090461626364"))
    assert objects(run(str(file), "--json"))[0]["data"][0] == "structure"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_may_have_remarks_in_any_language_and_the_marks_of_editors(tmp_path, encoding: str):
    file = tmp_path / "lines.txt"
    file.write_text(f"{GET}  # मीटर, Zähler\r\n{GET}\r\n", encoding=encoding)
    assert [fields["apdu"] for fields in objects(run(str(file), "--json"))] == ["get-request-normal"] * 2


@pytest.mark.parametrize("content", [b"", b"\n# only a remark\n"])
def test_a_file_with_nothing_in_it_is_not_called_good(tmp_path, content: bytes):
    file = tmp_path / "empty.txt"
    file.write_bytes(content)
    result = run(str(file), "--json")
    assert result.exit_code == 1
    assert "nothing to decode" in result.stderr
    assert not result.stdout


def test_a_capture_that_is_cut_ends_with_1_after_what_could_be_read(tmp_path):
    file = tmp_path / "cut.pcap"
    file.write_bytes(bytes.fromhex("d4c3b2a102000400"))
    result = run(str(file), "--json")
    assert result.exit_code == 1
    assert objects(result)[0]["fault"] == {"reason": "a packet capture without a whole header", "offset": 8}
    assert "cut.pcap: a packet capture without a whole header at offset 8" in result.stderr


def test_keys_decipher_and_a_key_without_title_fits_any_sender(tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS)
    [described] = objects(run(GLO.octets.hex(), "--keys", str(keys), "--json"))
    assert described == GLO.expected
    push = next(vector for vector in load("security") if vector.name == "general-glo-netz-ooe")
    [described] = objects(run(push.octets.hex(), "--keys", str(keys), "--json"))
    assert described == push.expected


def test_keys_that_could_not_be_tried_are_told_of(tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text('[[keys]]\nek = "000102030405060708090a0b0c0d0e0f"\n')
    [described] = objects(run(GLO.octets.hex(), "--keys", str(keys), "--json"))
    assert "add `title`" in described["tag_check"]
    assert "plain" not in described
    keys.write_text('[[keys]]\ntitle = "0000000000000000"\nek = "000102030405060708090a0b0c0d0e0f"\n')
    push = next(vector for vector in load("security") if vector.name == "general-glo-netz-ooe")
    [described] = objects(run(push.octets.hex(), "--keys", str(keys), "--json"))
    assert described["tag_check"] == "not made: no key given is for this sender"
    [described] = objects(run(GLO.octets.hex(), "--json"))
    assert "tag_check" not in described


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "[[keys]] tables are missing"),
        ("keys = 1", "[[keys]] tables are missing"),
        ("[[keys]]", "entry 1: ek is missing"),
        ('[[keys]]\nkek = "00"', "entry 1: kek has 1 octets"),
        ('[[keys]]\nkek = "000102030405060708090a0b0c0d0e0f"\nak = "00"', "an authentication key of 1 octets"),
        ("[[keys]]\nek = 'xyz'", "entry 1: ek is no hexadecimal text"),
        ("[[keys]]\nek = 1", "entry 1: ek is no hexadecimal text"),
        ("[[keys]]\nek = '00'", "an encryption key of 1 octets"),
        ("[[keys]]\nek = '000102030405060708090a0b0c0d0e0f'\nak = '00'", "an authentication key of 1 octets"),
        ("[[keys]]\nek = '000102030405060708090a0b0c0d0e0f'\ntitle = '00'", "title has 1 octets"),
        ("[[keys", "keys.toml"),
    ],
)
def test_a_wrong_keys_file_is_refused_with_its_entry_and_without_a_key(tmp_path, text: str, reason: str):
    keys = tmp_path / "keys.toml"
    keys.write_text(text)
    result = run(GET, "--keys", str(keys))
    assert reason in str(result.exception)
    assert result.exception.exit_code == 2
    assert "000102" not in str(result.exception)


# Packet captures

CLIENT, METER = ("10.0.0.1", 40_000), ("10.0.0.2", 4059)


def ip_packet(source, destination, protocol: int, transport: bytes, version: int = 4) -> bytes:
    hosts = ip_address(source[0]).packed + ip_address(destination[0]).packed
    if version == 6:
        return struct.pack(">IHBB", 6 << 28, len(transport), protocol, 64) + hosts + transport
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(transport), 1, 0, 64, protocol, 0) + hosts + transport


def tcp(source, destination, sequence: int, payload: bytes, flags: int = 0x18) -> bytes:
    header = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence & 0xFFFFFFFF, 0, 0x50, flags, 1000, 0, 0)
    return ip_packet(source, destination, 6, header + payload)


def udp(source, destination, payload: bytes, version: int = 4) -> bytes:
    header = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0)
    return ip_packet(source, destination, 17, header + payload, version)


def ethernet(packet: bytes, kind: int = 0x0800) -> bytes:
    return bytes(12) + kind.to_bytes(2, "big") + packet


def pcap(packets: list[bytes], link: int = 1, order: str = "<") -> bytes:
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(order + "IIII", 0, 0, len(one), len(one)) + one for one in packets)


def pcapng(packets: list[bytes], link: int = 1) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    blocks = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", link, 0, 0))]
    blocks += [block(6, struct.pack("<IIIII", 0, 0, 0, len(one), len(one)) + one) for one in packets]
    return b"".join(blocks)


REQUEST = encode_wrapper(16, 1, bytes.fromhex(GET))
ANSWER = encode_wrapper(1, 16, bytes.fromhex("c401c10109"))


def conversation() -> list[bytes]:
    return [
        tcp(CLIENT, METER, 999, b"", 0x02),
        tcp(METER, CLIENT, 4_999, b"", 0x12),
        tcp(CLIENT, METER, 1000, REQUEST[:5]),
        tcp(CLIENT, METER, 1000, REQUEST[:5]),  # sent again
        tcp(METER, CLIENT, 5000 + 4, ANSWER[4:]),  # out of order
        tcp(CLIENT, METER, 1003, REQUEST[3:]),  # overlaps
        udp(CLIENT, ("8.8.8.8", 53), b"\x12\x34"),  # something else
        tcp(METER, CLIENT, 5000, ANSWER[:4]),
    ]


@pytest.mark.parametrize(
    "capture",
    [
        lambda packets: pcap([ethernet(one) for one in packets]),
        lambda packets: pcap([ethernet(one) for one in packets], order=">"),
        lambda packets: pcap([ethernet(b"\x00\x05\x08\x00" + one, 0x8100) for one in packets]),
        lambda packets: pcap(packets, link=101),
        lambda packets: pcap([b"\x02\x00\x00\x00" + one for one in packets], link=0),
        lambda packets: pcap([bytes(14) + b"\x08\x00" + one for one in packets], link=113),
        lambda packets: pcap([b"\x08\x00" + bytes(18) + one for one in packets], link=276),
        lambda packets: pcapng([ethernet(one) for one in packets]),
    ],
    ids=["ethernet", "big-endian", "vlan", "raw", "loopback", "cooked", "cooked 2", "pcapng"],
)
def test_a_conversation_is_read_in_order_whatever_the_network_did(tmp_path, capture):
    file = tmp_path / "meter.pcap"
    file.write_bytes(capture(conversation()))
    result = run(str(file), "--json")
    described = objects(result)
    assert [fields["decoded"]["apdu"] for fields in described] == ["get-request-normal", "get-response-normal"]
    assert described[0]["from"] == "10.0.0.1:40000"
    assert described[1]["to"] == "10.0.0.1:40000"
    assert [fields["packet"] for fields in described] == [6, 8]
    assert result.exit_code == 0


def test_hdlc_over_tcp_and_push_over_udp_are_found(tmp_path):
    iskra = next(vector for vector in load("push") if vector.name == "iskra-am550-rs")
    push = next(vector for vector in load("wrapper") if vector.name == "nbiot-udp-gen-glo-1")
    pieces = [iskra.octets[at : at + 100] for at in range(0, len(iskra.octets), 100)]
    packets = [tcp(METER, CLIENT, 1 + 100 * number, piece) for number, piece in enumerate(pieces)]
    packets.append(udp(("fe80::1", 4059), ("fe80::2", 4059), push.octets, version=6))
    file = tmp_path / "push.pcap"
    file.write_bytes(pcap([ethernet(one, 0x86DD if one[0] >> 4 == 6 else 0x0800) for one in packets]))
    described = objects(run(str(file), "--json"))
    assert described[0]["frames"] == iskra.expected["frames"]
    assert described[0]["apdu"] == iskra.expected["apdu"]
    assert described[1]["decoded"]["system_title"] == "2f19229199164103"
    assert described[1]["from"] == "fe80::1:4059"


def test_a_packet_that_was_not_captured_does_not_hold_the_rest_forever():
    flow = [tcp(METER, CLIENT, 0, b"\x00")]
    flow += [tcp(METER, CLIENT, 100_000 + 60_000 * number, bytes(60_000)) for number in range(20)]
    read = list(read_payloads(pcap(flow, link=101)))
    assert sum(len(payload.octets) for payload in read) > 1_000_000


def test_sequence_numbers_wrap_around():
    start = 0xFFFFFFFF - 3
    packets = [tcp(CLIENT, METER, start, REQUEST[:10]), tcp(CLIENT, METER, start + 10, REQUEST[10:])]
    assert b"".join(payload.octets for payload in read_payloads(pcap(packets, link=101))) == REQUEST


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_capture_cut_anywhere_gives_payloads_or_a_decode_error(make):
    octets = make([ethernet(one) for one in conversation()])
    for end in range(len(octets)):
        cut = octets[:end]
        if not is_capture(cut):
            continue
        read = []
        with suppress(DecodeError):
            read.extend(payload.octets for payload in read_payloads(cut))
        assert len(b"".join(read)) <= len(REQUEST + ANSWER) + 2


def test_packets_cut_by_the_capture_are_passed_over():
    packets = [ethernet(conversation()[2])[:size] for size in range(60)]
    for payload in read_payloads(pcap(packets)):
        assert len(payload.octets) <= 5


def test_blocks_in_a_file_of_lines_show_the_value_with_the_last(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("c402c1000000000100020202\nc002c100000001\nc402c10100000002000411051106\n")
    *before, last = objects(run(str(file), "--json"))
    assert not any("joined" in fields for fields in before)
    assert last["joined"]["apdu"] == "get-response-normal"
    assert last["joined"]["data"] == ["structure", [["unsigned", 5], ["unsigned", 6]]]
    assert "joined  get-response-normal" in run(str(file)).stdout


def test_an_entry_with_a_kek_alone_is_enough(tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text('[[keys]]\nkek = "000102030405060708090a0b0c0d0e0f"\n')
    assert run(GET, "--keys", str(keys), "--json").exit_code == 0
