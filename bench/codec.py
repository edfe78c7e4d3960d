"""What octets cost: profile buffers, Data, HDLC frames and protected APDUs, each beside its peer and its floor.

python3 run.py bench codec [--quick] [--json]
"""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from _figures import Figure, Options, options, pin, report, side_by_side

from headend.dlms.axdr import (
    array,
    decode,
    double_long_unsigned,
    encode,
    long_unsigned,
    octet_string,
    skip,
    structure,
    unsigned,
)
from headend.dlms.hdlc.address import client_address, server_address
from headend.dlms.hdlc.frame import Frame, decode_frame, encode_frame
from headend.dlms.rows import decode_columns, decode_rows
from headend.dlms.security.symmetric import KeyContext, protect, unprotect
from headend.meters.clock import clock_to_utc, dated_rows, moments

SEED = 15959
KOLKATA = ZoneInfo("Asia/Kolkata")
#: One row as a bare struct reads it: the same octets, tags passed over unchecked.
BARE = struct.Struct(">2x2x12sxHxIxIxIxIxHxB")


def block_load(rows: int) -> bytes:
    """A block load profile of eight columns, half an hour a row, with the values of a home in use."""
    random = Random(SEED)
    buffer = []
    for index in range(rows):
        day, slot = divmod(index, 48)
        clock = struct.pack(">HBBBBBBBhB", 2026, 11, 1 + day % 30, 0xFF, slot // 2, slot % 2 * 30, 0, 0, 330, 0)
        energy = random.randrange(300, 2500)
        buffer.append(
            structure(
                octet_string(clock),
                long_unsigned(random.randrange(21000, 25000)),
                double_long_unsigned(energy),
                double_long_unsigned(energy + random.randrange(10, 200)),
                double_long_unsigned(random.randrange(300, 900)),
                double_long_unsigned(random.randrange(300, 900)),
                long_unsigned(random.randrange(300, 2000)),
                unsigned(0),
            )
        )
    return encode(array(*buffer))


def profile_figures(chosen: Options) -> Iterator[Figure]:
    from dlms_cosem.time import datetime_from_bytes
    from dlms_cosem.utils import parse_as_dlms_data

    buffer, wide = block_load(48), block_load(96)
    body, wide_body = buffer[2:], wide[2:]
    assert list(BARE.iter_unpack(body)) == decode_rows(buffer)
    assert [tuple(row) for row in parse_as_dlms_data(buffer)] == decode_rows(buffer)
    cost = side_by_side(
        {
            "bare": lambda: list(BARE.iter_unpack(body)),
            "rows": lambda: decode_rows(buffer),
            "dated": lambda: dated_rows(decode_rows(buffer), 0, KOLKATA),
            "dated, new clocks": lambda: (forget(), dated_rows(decode_rows(buffer), 0, KOLKATA)),
            "bare, 96": lambda: list(BARE.iter_unpack(wide_body)),
            "columns": lambda: decode_columns(wide),
            "decode": lambda: decode(buffer),
            "skip": lambda: skip(buffer, 0),
            "dlms-cosem": lambda: parse_as_dlms_data(buffer),
            "dlms-cosem, dated": lambda: [
                (datetime_from_bytes(clock)[0], *rest) for clock, *rest in parse_as_dlms_data(buffer)
            ],
        },
        quick=chosen.quick,
    )
    gurux = gurux_cost(buffer, 48, quick=chosen.quick)
    rows, dated = cost["rows"], cost["dated"]
    name = "48x8 profile to rows"
    yield Figure(name, rows, "us", "bare list(iter_unpack)", rows / cost["bare"], "<= 1.3")
    yield Figure(name, rows, "us", "dlms-cosem", cost["dlms-cosem"] / rows, ">= 80")
    yield Figure(name, rows, "us", "gurux-dlms", gurux / rows, ">= 150")
    name = "48x8 profile to rows with aware datetimes"
    yield Figure(name, dated, "us", "dlms-cosem", cost["dlms-cosem, dated"] / dated, ">= 60")
    yield Figure(f"{name}, clocks never seen", cost["dated, new clocks"], "us")
    name = "96x8 profile to columns"
    yield Figure(name, cost["columns"], "us", "bare list(iter_unpack)", cost["columns"] / cost["bare, 96"], "<= 0.6")
    yield Figure("48x8 profile to Data", cost["decode"], "us", "dlms-cosem", cost["dlms-cosem"] / cost["decode"])
    yield Figure("48x8 profile checked, nothing built", cost["skip"], "us")


def forget() -> None:
    moments(KOLKATA).clear()
    clock_to_utc.cache_clear()


def gurux_cost(buffer: bytes, rows: int, *, quick: bool) -> float:
    program = Path(__file__).with_name("_gurux.py")
    command = [sys.executable, str(program), buffer.hex(), "3" if quick else "10", str(rows)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def linear_figures(chosen: Options) -> Iterator[Figure]:
    # 1,480 rows are what one APDU of 65,535 octets holds; one Data may be some 900 rows.
    small, large = block_load(148), block_load(1480)
    few, more = block_load(80), block_load(800)
    cost = side_by_side(
        {
            "rows, 148": lambda: decode_rows(small),
            "rows, 1480": lambda: decode_rows(large),
            "Data, 80": lambda: decode(few),
            "Data, 800": lambda: decode(more),
        },
        quick=chosen.quick,
    )
    many = cost["rows, 1480"]
    yield Figure("1480x8 profile to rows", many, "us", "148x8", many / cost["rows, 148"], "<= 10.5")
    # Data has no goal here: thousands of objects outgrow the processor's cache, which adds up to 8 % to what is linear.
    many = cost["Data, 800"]
    yield Figure("800x8 profile to Data", many, "us", "80x8", many / cost["Data, 80"])


def hdlc_figures(chosen: Options) -> Iterator[Figure]:
    from dlms_cosem.hdlc.address import HdlcAddress
    from dlms_cosem.hdlc.frames import InformationFrame

    information = bytes(Random(SEED).randrange(256) for _ in range(128))
    frame = Frame(client_address(16), server_address(1), 0x10, information)
    octets = encode_frame(frame)
    theirs = InformationFrame(HdlcAddress(16, None, "client"), HdlcAddress(1, None, "server"), information)
    their_octets = theirs.to_bytes()
    assert decode_frame(their_octets)[0].information == information
    cost = side_by_side(
        {
            "ours": lambda: (encode_frame(frame), decode_frame(octets)),
            "dlms-cosem": lambda: (theirs.to_bytes(), InformationFrame.from_bytes(their_octets)),
        },
        quick=chosen.quick,
    )
    ratio = cost["dlms-cosem"] / cost["ours"]
    yield Figure("HDLC encode and decode, 128 octets", cost["ours"], "us", "dlms-cosem", ratio, ">= 150")


def security_figures(chosen: Options) -> Iterator[Figure]:
    keys = KeyContext(bytes(range(16)), bytes(range(0xD0, 0xE0)))
    title, plaintext = b"MMM\x00\x00\xbc\x61\x4e", bytes(1024)
    sealed = protect(keys, title, 0x30, 1, plaintext)
    nonce, aad = title + (1).to_bytes(4, "big"), b"\x30" + keys.authentication_key
    encrypt, content = keys.cipher.encrypt, sealed[:-12]
    cost = side_by_side(
        {
            "protect": lambda: protect(keys, title, 0x30, 1, plaintext),
            "protect alone": lambda: encrypt(nonce, plaintext, aad),
            "unprotect": lambda: unprotect(keys, title, 0x30, 1, sealed),
            "unprotect alone": lambda: (encrypt(nonce, content, None), encrypt(nonce, plaintext, aad)),
        },
        quick=chosen.quick,
    )
    for name in ("protect", "unprotect"):
        ratio = cost[name] / cost[f"{name} alone"]
        yield Figure(f"{name} an APDU of 1 KiB", cost[name], "us", "the cryptography calls alone", ratio, "<= 1.5")


def figures(chosen: Options) -> Iterator[Figure]:
    yield from profile_figures(chosen)
    yield from linear_figures(chosen)
    yield from hdlc_figures(chosen)
    yield from security_figures(chosen)


if __name__ == "__main__":
    chosen = options()
    pin()
    report(figures(chosen), as_json=chosen.json)
