"""10,000 generated APDUs against gurux-dlms, which reads each into its own XML and writes it again: the same octets.

The library (GPL) runs as a process of its own. Generated is what it does right; what it does otherwise is below.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pytest

from headend.dlms import axdr
from headend.dlms.apdu import (
    AccessGet,
    AccessRequest,
    AccessSet,
    ActionRequestNormal,
    ActionResponseNormal,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    InitiateRequest,
    InitiateResponse,
    Rlrq,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetResponseDatablock,
    SetResponseNormal,
    decode,
    encode,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod
from headend.dlms.enumerations import ActionResult, Conformance, DataAccessResult, ServiceError, StateError
from tests.dlms.generated import number, octets

#: 10,000 in all on merge and at night; at a desk one in ten, as the library takes some milliseconds for each.
ON_MERGE = 715
EACH = ON_MERGE if "CI" in os.environ else ON_MERGE // 10
#: Its XML knows these classes and codes by name, and no others.
CLASSES = (1, 3, 4, 5, 7, 8, 15, 17, 18, 20, 21, 22, 40, 64, 70, 71)
RESULTS = (0, 1, 2, 3, 4, 9, 11, 12, 13, 14)
#: The only invoke-id it writes.
INVOKES = (0x01, 0x41, 0x81, 0xC1)


@cache
def answers() -> dict[str, dict[str, str]]:
    """What the library makes of every APDU of this file, from one process: it takes half a second to start."""
    lines = [encode(apdu).hex() for kind in MAKERS for apdu in generated(kind)]
    lines += [encode(apdu).hex() for apdu, _ in OTHERWISE.values()]
    lines += UNKNOWN.values()
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("gurux_pdus.py"))]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    given = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(given) == len(lines), done.stderr
    return dict(zip(lines, given, strict=True))


@cache
def generated(kind: str) -> list:
    rng = Random(f"gurux {kind}")
    return [MAKERS[kind](rng) for _ in range(EACH)]


def invoke(rng: Random) -> int:
    return rng.choice(INVOKES)


def attribute(rng: Random) -> CosemAttribute:
    return CosemAttribute(rng.choice(CLASSES), rng.randbytes(6), rng.randrange(1, 128))


def result(rng: Random) -> DataAccessResult:
    return DataAccessResult(rng.choice(RESULTS[1:]))


def simple(rng: Random) -> axdr.Data:
    return rng.choice(
        (
            lambda: axdr.double_long(rng.randrange(1 << 31)),
            lambda: axdr.double_long_unsigned(rng.randrange(1 << 32)),
            lambda: axdr.octet_string(octets(rng, least=1, most=140)),
            lambda: axdr.integer(rng.randrange(128)),
            lambda: axdr.long(rng.randrange(1 << 15)),
            lambda: axdr.unsigned(rng.randrange(1 << 8)),
            lambda: axdr.long_unsigned(rng.randrange(1 << 16)),
            lambda: axdr.long64_unsigned(rng.randrange(1 << 64)),
            lambda: axdr.enum(rng.randrange(1 << 8)),
            lambda: axdr.visible_string("".join(rng.choice("ABCxyz0189") for _ in range(rng.randint(1, 20)))),
        )
    )()


def data(rng: Random, depth: int = 2) -> axdr.Data:
    if depth and rng.random() < 0.4:
        make = rng.choice((axdr.structure, axdr.array))
        return make(*(data(rng, depth - 1) for _ in range(rng.randint(1, 4))))
    return simple(rng)


def encoded(rng: Random) -> EncodedData:
    return EncodedData(axdr.encode(data(rng)))


def block(rng: Random) -> tuple[bool, int, bytes]:
    return rng.random() < 0.5, number(rng), octets(rng, least=1, most=140)


def access_request(rng: Random) -> AccessRequest:
    items = tuple(rng.choice((AccessGet, AccessSet))(attribute(rng)) for _ in range(rng.randint(1, 4)))
    values = tuple(EncodedData(b"\x00") if isinstance(item, AccessGet) else encoded(rng) for item in items)
    return AccessRequest(0x80000000 | rng.randrange(1 << 24), b"", items, values)


MAKERS: dict[str, Callable[[Random], object]] = {
    "get-request-normal": lambda r: GetRequestNormal(invoke(r), attribute(r)),
    "get-request-next": lambda r: GetRequestNext(invoke(r), number(r)),
    "get-response-normal": lambda r: GetResponseNormal(invoke(r), encoded(r) if r.random() < 0.7 else result(r)),
    "get-response-with-datablock": lambda r: GetResponseWithDatablock(
        invoke(r), r.random() < 0.5, number(r), octets(r, least=1, most=140)
    ),
    "set-request-normal": lambda r: SetRequestNormal(invoke(r), attribute(r), None, encoded(r)),
    "set-request-with-datablock": lambda r: SetRequestWithDatablock(invoke(r), *block(r)),
    "set-response-normal": lambda r: SetResponseNormal(invoke(r), DataAccessResult(r.choice(RESULTS))),
    "set-response-datablock": lambda r: SetResponseDatablock(invoke(r), number(r)),
    "action-request-normal": lambda r: ActionRequestNormal(
        invoke(r), CosemMethod(r.choice(CLASSES), r.randbytes(6), r.randrange(1, 128)), encoded(r)
    ),
    "action-response-normal": lambda r: ActionResponseNormal(
        invoke(r), ActionResult(r.choice(RESULTS)), encoded(r) if r.random() < 0.7 else result(r)
    ),
    "exception-response": lambda r: ExceptionResponse(StateError(r.randint(1, 2)), ServiceError(r.randint(1, 3))),
    "access-request": access_request,
    "event-notification-request": lambda r: EventNotification(None, attribute(r), encoded(r)),
    "data-notification": lambda r: DataNotification(r.randrange(1 << 24), b"", encoded(r)),
}


@pytest.mark.foreign
@pytest.mark.parametrize("kind", MAKERS)
def test_gurux_reads_what_we_write_and_writes_the_same(kind: str):
    for apdu in generated(kind):
        line = encode(apdu).hex()
        assert answers()[line] == {"pdu": line}, apdu
        assert decode(bytes.fromhex(line), strict=True) == apdu


def test_these_are_ten_thousand():
    assert ON_MERGE * len(MAKERS) >= 10_000


# What the library does otherwise, and why we don't follow it.

CLOCK = CosemAttribute(8, "0.0.1.0.0.255", 2)
NULL = EncodedData(b"\x00")
OTHERWISE = {
    "it writes invoke-ids other than 1 as 1": (GetRequestNext(0xC5, 1), "c002c100000001"),
    "it slips 1d00 in before each item of a list": (
        GetRequestWithList(0xC1, ((CLOCK, None), (CLOCK, None))),
        "c003c1021d00080000010000ff02001d00080000010000ff0200",
    ),
    "it forgets what the request proposes": (
        InitiateRequest(Conformance.GET, 500),
        "01000000065f1f0400401e5dffff",
    ),
    "it forgets what the response agrees to": (
        InitiateResponse(Conformance.GET, 500),
        "0800065f1f040000000001f40007",
    ),
    "it gives a release without reason one": (Rlrq(None), None),
    "it drops three bits of a long invoke-id": (DataNotification(0x70000001, b"", NULL), None),
}


@pytest.mark.foreign
@pytest.mark.parametrize("difference", OTHERWISE)
def test_gurux_writes_something_else(difference: str):
    apdu, theirs = OTHERWISE[difference]
    line = encode(apdu).hex()
    assert decode(bytes.fromhex(line), strict=True) == apdu
    written = answers()[line]["pdu"]
    assert written != line
    assert theirs in (None, written)


UNKNOWN = {
    "codes of manufacturers": "c501c164",
    "lists of results": "c505c1020001",
    "the last block of a list": "c504c102000100000002",
    "blocks of action parameters": "c306c1000000000101ab",
    "blocks of return parameters": "c702c1000000000101ab",
    "lists of action results": "c703c1010000",
    "the next block of an action": "c704c100000001",
    "general block transfer": "e0800001000001ab",
    "a service error in a GET": "0e020006",
    "later exceptions": "d8010600000005",
}


@pytest.mark.foreign
@pytest.mark.parametrize("what", UNKNOWN)
def test_gurux_cannot_read_and_write(what: str):
    decode(bytes.fromhex(UNKNOWN[what]), strict=True)
    assert answers()[UNKNOWN[what]].get("pdu") != UNKNOWN[what]
