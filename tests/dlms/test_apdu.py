"""APDUs octet by octet: what no recorded vector shows, and what meters send against the letter of the standard."""

import tracemalloc
from contextlib import suppress
from time import process_time

import pytest

from headend.dlms import axdr
from headend.dlms.apdu import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessResponse,
    AccessResult,
    AccessService,
    AccessSet,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNormal,
    ActionResponseWithList,
    CipheredApdu,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GatewayRequest,
    GatewayResponse,
    GeneralBlockTransfer,
    GeneralCiphering,
    GeneralDedCiphering,
    GeneralGloCiphering,
    GeneralHeader,
    GeneralSigning,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    IdentifiedKey,
    SetRequestNormal,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    decode,
    encode,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.cursor import MAX_ELEMENTS
from headend.dlms.enumerations import ActionResult, DataAccessResult, ServiceError, StateError
from headend.dlms.errors import DecodeError

CLOCK = CosemAttribute(8, "0.0.1.0.0.255", 2)
RELAY = CosemMethod(70, "0.0.96.3.10.255", 1)
NULL = EncodedData(b"\x00")
ZERO = EncodedData(b"\x0f\x00")
TITLE = bytes.fromhex("4d4d4d0000bc614e")

EXAMPLES = [
    (
        "c403c102000f00010b",
        GetResponseWithList(0xC1, (ZERO, DataAccessResult.OBJECT_UNAVAILABLE)),
    ),
    (
        "c402c1010000000501 0f",
        GetResponseWithDatablock(0xC1, last_block=True, block_number=5, result=DataAccessResult.LONG_GET_ABORTED),
    ),
    (
        "c104c1 02 0008 0000010000ff 02 00 0008 0000010000ff 02 01 01 0f00 02 00 0f00",
        SetRequestWithList(0xC1, ((CLOCK, None), (CLOCK, SelectiveAccess(1, axdr.integer(0)))), (NULL, ZERO)),
    ),
    (
        "c105c1 01 0008 0000010000ff 02 00 00 00000001 02 abcd",
        SetRequestWithListAndFirstDatablock(
            0xC1, ((CLOCK, None),), last_block=False, block_number=1, raw_data=b"\xab\xcd"
        ),
    ),
    (
        "c504c1 02 00 03 00000002",
        SetResponseLastDatablockWithList(0xC1, (DataAccessResult(0), DataAccessResult.READ_WRITE_DENIED), 2),
    ),
    (
        "c303c1 01 0046 000060030aff 01 01 0f00",
        ActionRequestWithList(0xC1, (RELAY,), (ZERO,)),
    ),
    (
        "c703c1 03 00 00 00 01 00 0f00 0c 01 01 fa",
        ActionResponseWithList(
            0xC1,
            (
                (ActionResult.SUCCESS, None),
                (ActionResult.SUCCESS, ZERO),
                (ActionResult.TYPE_UNMATCHED, DataAccessResult.OTHER_REASON),
            ),
        ),
    ),
    (
        (
            "d9 40000001 00 05 01 0008 0000010000ff 02 02 0008 0000010000ff 02 03 0046 000060030aff 01"
            "04 0008 0000010000ff 02 01 00 05 0008 0000010000ff 02 02 0f00 05 00 0f00 00 00 0f00"
        ),
        AccessRequest(
            0x40000001,
            b"",
            (
                AccessGet(CLOCK),
                AccessSet(CLOCK),
                AccessAction(RELAY),
                AccessGet(CLOCK, SelectiveAccess(1, axdr.null())),
                AccessSet(CLOCK, SelectiveAccess(2, axdr.integer(0))),
            ),
            (NULL, ZERO, NULL, NULL, ZERO),
        ),
    ),
    (
        "da 40000001 00 00 02 0f00 00 02 01 00 03 0c",
        AccessResponse(
            0x40000001,
            b"",
            None,
            (ZERO, NULL),
            (
                AccessResult(AccessService.GET, DataAccessResult.SUCCESS),
                AccessResult(AccessService.ACTION, ActionResult.TYPE_UNMATCHED),
            ),
        ),
    ),
    (
        "c2 01 0c 07e50118ff0e303950ffc400 0008 0000010000ff 02 0f00",
        EventNotification(bytes.fromhex("07e50118ff0e303950ffc400"), CLOCK, ZERO),
    ),
    (
        "d8 02 06 00000100",
        ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.INVOCATION_COUNTER_ERROR, 256),
    ),
    (
        "e0 85 0003 0002 02 abcd",
        GeneralBlockTransfer(
            last_block=True, streaming=False, window=5, block_number=3, block_number_ack=2, data=b"\xab\xcd"
        ),
    ),
    ("e6 07 06 112233445566 c501c100", GatewayRequest(7, bytes.fromhex("112233445566"), bytes.fromhex("c501c100"))),
    ("e7 07 00 c501c100", GatewayResponse(7, b"", bytes.fromhex("c501c100"))),
    ("db 08 4d4d4d0000bc614e 06 20 00000001 ab", GeneralGloCiphering(TITLE, 0x20, 1, b"\xab")),
    ("dc 00 06 20 00000001 ab", GeneralDedCiphering(b"", 0x20, 1, b"\xab")),
    (
        "dd 01 07 08 4d4d4d0000bc614e 00 00 00 01 00 00 06 31 00000001 ab",
        GeneralCiphering(GeneralHeader(b"\x07", TITLE, b""), IdentifiedKey(0), 0x31, 1, b"\xab"),
    ),
    (
        "df 01 07 08 4d4d4d0000bc614e 00 00 00 02 c501 01 ff",
        GeneralSigning(GeneralHeader(b"\x07", TITLE, b""), b"\xc5\x01", b"\xff"),
    ),
]


@pytest.mark.parametrize(("octets", "apdu"), EXAMPLES, ids=[type(apdu).__name__ for _, apdu in EXAMPLES])
def test_octets_and_value_correspond(octets: str, apdu):
    assert encode(apdu) == bytes.fromhex(octets)
    assert decode(bytes.fromhex(octets), strict=True) == apdu


@pytest.mark.parametrize("size", [0, 1, 100, 122, 123, 127, 128, 255, 256, 65_535, 65_536])
def test_ciphered_lengths_of_128_octets_and_more_are_right(size: int):
    """One-octet lengths in general-glo and octet-strings, a fault of other stacks."""
    for apdu in (
        CipheredApdu(0xCC, 0x30, 7, bytes(size)),
        GeneralGloCiphering(TITLE, 0x30, 7, bytes(size)),
        GeneralDedCiphering(b"", 0x30, 7, bytes(size)),
        GeneralCiphering(GeneralHeader(bytes(size), TITLE, TITLE), None, 0x30, 7, bytes(size)),
        GeneralSigning(GeneralHeader(b"", b"", b""), bytes(size), bytes(size)),
        GeneralBlockTransfer(
            last_block=False, streaming=False, window=1, block_number=1, block_number_ack=0, data=bytes(size)
        ),
        GetResponseWithDatablock(0xC1, last_block=False, block_number=1, result=bytes(size)),
        GetResponseNormal(0xC1, EncodedData(axdr.encode(axdr.octet_string(bytes(size))))),
        GatewayRequest(0, bytes(size), b"\x00"),
    ):
        assert decode(encode(apdu), strict=True) == apdu


@pytest.mark.parametrize("tag", [0x21, 0x28, 0x2E, 0x41, 0x48, 0x4E, *range(0xC8, 0xD0), *range(0xD0, 0xD8)])
def test_every_ciphered_service_is_read_by_its_own_tag(tag: int):
    octets = bytes((tag,)) + bytes.fromhex("0630000000 01ab")
    if tag in (0xCE, 0xD6):
        with pytest.raises(DecodeError):
            decode(octets)
        return
    apdu = decode(octets)
    assert apdu == CipheredApdu(tag, 0x30, 1, b"\xab")
    assert apdu.NAME.startswith("ded-" if tag in (0x41, 0x48, 0x4E) or tag >= 0xD0 else "glo-")


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "00",
        "ff",
        "c000c1",
        "c004c1",
        "c100c1",
        "c106c1",
        "c300c1",
        "c307c1",
        "c500c1",
        "c506c1",
        "c700c1",
        "c705c1",
        "c6",
        "ce",
        "d6",
        "de",
        "c001c1000800000100 00ff0202",  # flag 02
        "c401c102",
        "c402c1000000000102",
        "d9000000000001 06 0008 0000010000ff 02",
        "da000000000000 00 01 04 00",
        "dd0000000000010300",
        "dd000000000001000005",
        "dd000701020304050607000000",
        "db07",
        "db",
        "db08",
        "c804300000",
        "c8043000000 0",
        "c80530000000",
        "c80630000000 01",
        "e60701",
        "e60700",
        "e04000010000",
        "0e0100",
        "0f0000000001",
        "0f000000000b" + "00" * 12,
    ],
)
def test_octets_that_are_no_apdu_are_refused(octets: str):
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(octets.replace(" ", "")))


def test_an_error_action_response_without_its_optional_octet_is_read_unless_strict():
    bare = bytes.fromhex("c701c101")
    assert decode(bare) == ActionResponseNormal(0xC1, ActionResult.HARDWARE_FAULT)
    with pytest.raises(DecodeError):
        decode(bare, strict=True)
    with pytest.raises(DecodeError):
        decode(bytes.fromhex("c701c100"))  # a success must say that it returns nothing


@pytest.mark.parametrize("prefix", ["09", "01"])
def test_a_needless_octet_before_the_date_time_is_passed_over_unless_strict(prefix: str):
    plain = bytes.fromhex("0f400000000c07e4020f06010830ff8000000f00")
    bent = plain[:5] + bytes.fromhex(prefix) + plain[5:]
    assert decode(bent) == decode(plain, strict=True)
    assert isinstance(decode(bent), DataNotification)
    with pytest.raises(DecodeError):
        decode(bent, strict=True)


def test_an_expected_counter_that_is_missing_is_tolerated_unless_strict():
    assert decode(bytes.fromhex("d80106")).invocation_counter is None
    with pytest.raises(DecodeError):
        decode(bytes.fromhex("d80106"), strict=True)


def test_codes_that_the_standard_does_not_list_are_kept():
    response = decode(bytes.fromhex("c501c164"), strict=True)
    assert response == SetResponseNormal(0xC1, DataAccessResult(100))
    assert int(response.result) == 100
    assert response.result == DataAccessResult(100)
    assert response.result.text == "unknown-100"
    assert encode(response).hex() == "c501c164"
    assert DataAccessResult.OBJECT_UNDEFINED.text == "object-undefined"


@pytest.mark.parametrize(
    "octets",
    [
        "c003c1" + "84ffffffff",
        "c403c1" + "84ffffffff",
        "c505c1" + "84ffffffff",
        "c304c1000f0000280000ff01" + "0000000001" + "84ffffffff",
        "d900000000" + "00" + "84ffffffff",
        "da00000000" + "0000" + "84ffffffff",
        "c401c100" + "0184ffffffff",
        "c401c100" + "1384ffffffff",
        "c401c100" + "0101" * 20_000,
        "c401c100" + "0984ffffffff",
        "df84ffffffff",
    ],
    ids=lambda octets: octets[:24],
)
def test_a_count_or_length_is_believed_only_if_the_octets_are_there(octets: str):
    start = process_time()
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(octets))
    assert process_time() - start < 0.05


def test_what_is_written_does_not_show_in_a_representation():
    secret = EncodedData(axdr.encode(axdr.octet_string(b"new-password")))
    apdus = (
        SetRequestNormal(0xC1, CosemAttribute(15, "0.0.40.0.3.255", 7), None, secret),
        SetRequestWithList(0xC1, ((CLOCK, None),), (secret,)),
        SetRequestWithListAndFirstDatablock(
            0xC1, ((CLOCK, None),), last_block=False, block_number=1, raw_data=secret.octets
        ),
        ActionRequestNormal(0xC1, RELAY, secret),
        ActionRequestWithList(0xC1, (RELAY,), (secret,)),
    )
    assert "new-password" not in repr(apdus)


FULL_ARRAY = b"\x01\x82" + axdr.MAX_ELEMENTS.to_bytes(2, "big") + bytes(axdr.MAX_ELEMENTS)
#: As many empty structures as the memory of one Data allows.
FULL_STRUCTURES = b"\x01\x82\x1c\x00" + b"\x02\x00" * 0x1C00
FULL_COMPACT = b"\x01\x82\x08\x00" + b"\x13\x0f\x00" * 0x800
LARGE = {
    "many full arrays": b"\xc4\x03\xc1\x1f" + (b"\x00" + FULL_ARRAY) * 31,
    "one full array": b"\xc4\x01\xc1\x00" + FULL_ARRAY,
    "structures in an array": b"\xc4\x01\xc1\x00" + FULL_STRUCTURES,
    "arrays of structures": b"\xc4\x03\xc1\x10" + (b"\x00" + FULL_STRUCTURES) * 16,
    "as many arrays of structures as allowed": b"\xc4\x03\xc1\x0a" + (b"\x00" + FULL_STRUCTURES) * 10,
    "arrays of compact arrays": b"\xc4\x03\xc1\x10" + (b"\x00" + FULL_COMPACT) * 16,
    "structures of structures": b"\xc4\x01\xc1\x00\x01\x82\x68\x00" + b"\x02\x01\x02\x00" * 0x6800,
    "structures of strings": b"\xc4\x01\xc1\x00\x01\x82\x68\x00" + b"\x02\x01\x0a\x00" * 0x6800,
    "small arrays of structures": b"\xc4\x03\xc1\x82\x10\x00" + (b"\x00\x01\x12" + b"\x02\x00" * 18) * 0x1000,
    "small compact arrays": b"\xc4\x03\xc1\x82\x10\x00" + (b"\x00\x13\x0f\x00") * 0x1000,
    "many descriptors": b"\xc0\x03\xc1\x82\xff\xff" + bytes(10) * 0xFFFF,
    "as many descriptors as allowed": b"\xc0\x03\xc1\x82\x10\x00" + bytes(10) * 0x1000,
    "as many results as allowed": b"\xc4\x03\xc1\x82\x10\x00" + bytes(2) * 0x1000,
    "many values": b"\xc1\x04\xc1\x00\x82\xff\xff" + bytes(0xFFFF),
    "values of many octets": b"\xc1\x04\xc1\x00\x82\x10\x00" + (b"\x09\x81\xfb" + bytes(251)) * 0x1000,
    "access parameters": b"\xc0\x03\xc1\x82\x10\x00" + (bytes(9) + b"\x01\x01\x01\x81\xf0" + bytes(240)) * 0x1000,
    "one full access parameter": b"\xc0\x01\xc1" + bytes(9) + b"\x01\x01" + FULL_ARRAY,
    "access parameters as large as allowed": b"\xc0\x01\xc1" + bytes(9) + b"\x01\x01\x01\x82\x3f\xfc" + bytes(0x3FFC),
    "one long string": b"\xc4\x01\xc1\x00\x09\x83\x0e\x00\x00" + bytes(0x0E0000),
    "access specifications": b"\xd9\x00\x00\x00\x00\x00\x82\x10\x00" + b"\x01" + bytes(9) * 0x1000,
}


PROFILE_OF_40_KB = b"\x01\x82\x03\x11" + (b"\x02\x08\x09\x0c" + bytes(12) + b"\x06\x7f\xff\xff\xff" * 7) * 0x311


def test_a_list_of_eight_profiles_of_40_kb_is_read():
    assert len(PROFILE_OF_40_KB) > 40_000
    octets = b"\xc4\x03\xc1\x08" + (b"\x00" + PROFILE_OF_40_KB) * 8
    answer = decode(octets)
    assert [result.octets for result in answer.results] == [PROFILE_OF_40_KB] * 8
    assert len(answer.results[7].decode().value) == 0x311


def test_values_of_one_apdu_share_a_budget_of_elements():
    most = MAX_ELEMENTS // axdr.MAX_ELEMENTS
    full = b"\x00" + FULL_ARRAY
    assert len(decode(b"\xc4\x03\xc1" + bytes((most,)) + full * most).results) == most
    with pytest.raises(DecodeError, match="more elements"):
        decode(b"\xc4\x03\xc1" + bytes((most + 1,)) + full * (most + 1))


@pytest.mark.parametrize("name", LARGE)
def test_no_apdu_of_a_mebibyte_takes_more_than_50_ms(name: str):
    # What else the machine does only adds to a measurement: one that stays below proves it.
    assert any(_seconds_of_cpu(LARGE[name]) < 0.05 for _ in range(20))


def _seconds_of_cpu(octets: bytes) -> float:
    start = process_time()
    with suppress(DecodeError):
        decode(octets)
    return process_time() - start


@pytest.mark.parametrize("name", LARGE)
def test_no_apdu_takes_a_mebibyte_beside_its_octets(name: str):
    octets = LARGE[name]
    tracemalloc.start()
    try:
        with suppress(DecodeError):
            decode(octets)
        # What an APDU carries is cut out of it: the same octets a second time.
        assert tracemalloc.get_traced_memory()[1] < 1_048_576 + len(octets)
    finally:
        tracemalloc.stop()
