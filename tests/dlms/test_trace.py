"""Recorded octets traced: every vector of every file gives what its source says, and nothing else."""

import pytest

from headend.dlms.apdu import (
    Aare,
    Aarq,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNormal,
    CipheredApdu,
    GatewayRequest,
    GeneralBlockTransfer,
    GeneralCiphering,
    GeneralHeader,
    GeneralSigning,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    InitiateRequest,
    SetRequestNormal,
    SetRequestWithList,
    WrappedKey,
    encode,
)
from headend.dlms.axdr import EncodedData, octet_string
from headend.dlms.axdr import encode as axdr_encode
from headend.dlms.blocks.services import LongRequest, LongResponse
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.enumerations import (
    ActionResult,
    ApplicationContext,
    AssociationResult,
    Conformance,
    DataAccessResult,
)
from headend.dlms.errors import DecodeError
from headend.dlms.security import KeyContext, protect, protect_general, wrap_key
from headend.dlms.trace import Form, KeyRing, TraceKey, Tracer, trace
from headend.dlms.wrapper import encode_wrapper
from tests.dlms.generated import MAKERS, Random
from tests.vectors import KINDS, Vector, load, load_form


def unjoined(described):
    """Without what a trace adds of its own accord: the value that a last block completes."""
    if isinstance(described, dict):
        return {name: unjoined(value) for name, value in described.items() if name != "joined"}
    return described


TRACEABLE = [vector for kind in KINDS for vector in load(kind) if vector.form != "octets"]
GOOD = [vector for vector in TRACEABLE if not vector.invalid]
BROKEN = [vector for vector in TRACEABLE if vector.invalid]
#: Good frames around what is no APDU, or one that strict decoding refuses.
BROKEN_INSIDE = {"gurux-issue3-aarq", "i-aare-sn-referencing", "kaifa-list1", "ziv-aare", "gosem-send"}
FORMS = {vector.form for vector in TRACEABLE}


def tracer_of(vector: Vector, *, strict: bool = True) -> Tracer:
    keys = vector.keys
    if "ek" not in keys:
        return Tracer(strict=strict)
    context = KeyContext(keys["ek"], keys.get("ak", b""))
    return Tracer(strict=strict, keys=KeyRing((TraceKey(context, keys.get("title")),)))


@pytest.mark.parametrize("vector", GOOD, ids=str)
@pytest.mark.parametrize("guessed", [False, True], ids=["form given", "form guessed"])
def test_a_recorded_vector_gives_exactly_what_its_source_says(vector: Vector, guessed):
    form = Form.AUTO if guessed else Form(vector.form)
    [described] = trace(vector.octets, form, tracer_of(vector))
    fault = described.pop("fault", None)
    assert unjoined(described) == vector.expected
    assert (fault is not None) == (vector.name in BROKEN_INSIDE)


@pytest.mark.parametrize("vector", BROKEN, ids=str)
@pytest.mark.parametrize("guessed", [False, True], ids=["form given", "form guessed"])
def test_a_broken_vector_is_refused_with_reason_and_offset(vector: Vector, guessed):
    form = Form.AUTO if guessed else Form(vector.form)
    try:
        [described] = trace(vector.octets, form, tracer_of(vector))
    except DecodeError as error:
        fault = {"reason": error.reason, "offset": error.offset}
    else:
        fault = described["fault"]
    assert fault["reason"]
    assert 0 <= fault["offset"] <= len(vector.octets)


def test_every_form_has_vectors():
    assert {Form(form) for form in FORMS} == set(Form) - {Form.AUTO}
    assert len(GOOD) > 140


@pytest.mark.parametrize("kind", MAKERS)
def test_every_apdu_there_is_can_be_traced_by_its_name(kind: str):
    for seed in range(20):
        apdu = MAKERS[kind](Random(seed))
        if isinstance(apdu, (Aarq, Aare, GatewayRequest, GeneralSigning)) or kind in (
            "rlrq",
            "rlre",
            "gateway-response",
        ):
            continue  # these carry other APDUs, and generated octets are none
        assert Tracer().apdu(encode(apdu))["apdu"] == apdu.NAME


EK, AK = bytes(range(16)), bytes(range(0xD0, 0xE0))
CLIENT, SERVER = b"HES00001", b"MTR00001"
KEYS = KeyContext(EK, AK)
GET = bytes.fromhex("c001c100080000010000ff0200")


def test_a_wrong_key_is_said_and_the_rest_is_still_shown():
    sealed = encode(CipheredApdu(0xC8, 0x30, 1, protect(KEYS, CLIENT, 0x30, 1, GET)))
    tracer = Tracer(keys=KeyRing((TraceKey(KeyContext(bytes(16), AK), CLIENT),)))
    described = tracer.apdu(sealed)
    assert described["tag_check"] == "failed with every key given"
    assert "plain" not in described
    assert described["invocation_counter"] == 1


def test_the_vectors_wrong_keys_do_not_verify():
    vector = next(vector for vector in load("acse") if vector.name == "aare-rejected-ciphered-cse-kaifa-other-key")
    wrong = {name: bytes.fromhex(key) if isinstance(key, str) else key for name, key in vector.wrong_keys.items()}
    tracer = Tracer(keys=KeyRing((TraceKey(KeyContext(wrong["ek"], wrong["ak"]), wrong["title"]),)))
    described = tracer.apdu(vector.octets)
    assert described["result"] == 1
    assert described["user_information"]["tag_check"] == "failed with every key given"


def test_a_wrong_key_without_a_tag_gives_no_plaintext_that_makes_no_sense():
    sealed = encode(CipheredApdu(0xC8, 0x20, 1, protect(KEYS, CLIENT, 0x20, 1, GET)))
    tracer = Tracer(keys=KeyRing((TraceKey(KeyContext(bytes(16)), CLIENT),)))
    assert "plain" not in tracer.apdu(sealed)


def test_titles_and_dedicated_keys_are_learned_from_the_association():
    dedicated = bytes(range(32, 48))
    initiate = encode(InitiateRequest(Conformance.GET, dedicated_key=dedicated))
    aarq = Aarq(
        application_context=ApplicationContext.LN_CIPHERED,
        calling_ap_title=CLIENT,
        user_information=encode(CipheredApdu(0x21, 0x30, 1, protect(KEYS, CLIENT, 0x30, 1, initiate))),
    )
    aare = Aare(
        application_context=ApplicationContext.LN_CIPHERED,
        result=AssociationResult.ACCEPTED,
        responding_ap_title=SERVER,
    )
    own = KeyContext(dedicated, AK)
    request = encode(CipheredApdu(0xD0, 0x30, 1, protect(own, CLIENT, 0x30, 1, GET)))
    response = encode(CipheredApdu(0xD4, 0x30, 1, protect(own, SERVER, 0x30, 1, bytes.fromhex("c401c1010b"))))
    tracer = Tracer(keys=KeyRing((TraceKey(KEYS),)))
    assert tracer.apdu(encode(aarq))["user_information"]["tag_check"] == "ok"
    tracer.apdu(encode(aare))
    assert tracer.apdu(request)["plain_decoded"]["apdu"] == "get-request-normal"
    assert tracer.apdu(response)["plain_decoded"]["data_access_result"] == 11


def test_text_where_an_apdu_should_be_is_shown_as_text():
    text = b"/SAG5SAG-METER\r\n\r\n1-0:1.8.0(000123.4*kWh)\r\n!\r\n"
    sealed = encode(CipheredApdu(0xCC, 0x20, 1, protect(KEYS, SERVER, 0x20, 1, text)))
    general = bytes.fromhex("db08") + SERVER + sealed[1:]
    described = Tracer(keys=KeyRing((TraceKey(KEYS),))).apdu(general)
    assert described["plain"] == text.hex()
    assert described["plain_text"] == text.decode()


def test_general_ciphering_signing_and_gateway_show_what_is_inside():
    header = GeneralHeader(b"\x01", CLIENT, SERVER)
    ciphered = protect_general(header, None, KEYS, 0x31, 7, GET)
    tracer = Tracer(keys=KeyRing((TraceKey(KEYS),)))
    assert isinstance(ciphered, GeneralCiphering)
    assert tracer.apdu(encode(ciphered))["plain_decoded"]["apdu"] == "get-request-normal"
    signed = tracer.apdu(encode(GeneralSigning(header, encode(ciphered), bytes(64))))
    assert signed["content_decoded"]["plain_decoded"]["class_id"] == 8
    gateway = tracer.apdu(encode(GatewayRequest(1, b"\x00\x07", GET)))
    assert gateway["content_decoded"]["instance"] == "0-0:1.0.0*255"


def test_an_error_inside_counts_its_offset_from_the_outside():
    broken = encode(GatewayRequest(1, b"\x00\x07", GET[:-1]))
    with pytest.raises(DecodeError) as refusal:
        Tracer().apdu(broken)
    assert refusal.value.offset == len(broken)
    [described] = trace(encode_wrapper(1, 16, b"\xd8\x01"), Form.AUTO, Tracer())
    assert described["fault"]["offset"] == 10


def test_apdus_inside_each_other_have_a_limit():
    octets = GET
    for _ in range(10_000):
        octets = encode(GatewayRequest(1, b"", octets))
    with pytest.raises(DecodeError, match="inside each other"):
        Tracer().apdu(octets)


def test_a_stream_of_wrapper_pdus_gives_one_object_each():
    described = trace(encode_wrapper(1, 16, GET) + encode_wrapper(16, 1, b"\xd8\x01\x01"), Form.WRAPPER, Tracer())
    assert [fields["decoded"]["apdu"] for fields in described] == ["get-request-normal", "exception-response"]


def test_a_missing_block_is_said():
    frames = load_form("hdlc")
    vector = next(vector for vector in frames if vector.name == "lg-e450-gbt-alt-config")
    pieces = vector.octets.split(b"\x7e\x7e")
    [described] = trace(b"\x7e\x7e".join((pieces[0], pieces[2])), Form.HDLC, Tracer())
    assert "block 3 where 2 is due" in described["fault"]["reason"]
    assert "assembled" not in described


def test_tolerant_tracing_reads_what_kaifa_sends():
    vector = next(vector for vector in load_form("hdlc") if vector.name == "kaifa-list1")
    [described] = trace(vector.octets, Form.AUTO, Tracer(strict=False))
    assert described["apdu"]["date_time"]["hex"] == "07e4020f06010830ff800000"
    assert described["apdu"]["body"] == ["structure", [["double-long-unsigned", 8135]]]


def test_tolerant_tracing_finds_the_good_frames_among_rubbish():
    good = next(vector for vector in load_form("hdlc") if vector.name == "secure-saral-clock")
    [described] = trace(b"\x7e\xa0\x01garbage" + good.octets + b"\x00\x7e\xff", Form.HDLC, Tracer(strict=False))
    assert described["frames"] == good.expected["frames"]
    assert described["apdu"] == good.expected["apdu"]
    assert described["octets_dropped"] > 0


def test_a_block_of_its_own_is_an_apdu():
    block = GeneralBlockTransfer(
        last_block=True, streaming=False, window=3, block_number=1, block_number_ack=0, data=b"\xc4"
    )
    assert Tracer().apdu(encode(block)) == {
        "apdu": "general-block-transfer",
        "block_control": "83",
        "last_block": True,
        "streaming": False,
        "window": 3,
        "block_number": 1,
        "block_number_ack": 0,
        "block_data": "c4",
    }


def test_nothing_is_nothing():
    with pytest.raises(DecodeError):
        trace(b"", Form.AUTO, Tracer())


MASTER = bytes(range(0x40, 0x50))


def wrapped_apdu(master=MASTER):
    """General-ciphering under a key of its own, which comes wrapped under `master`."""
    key = bytes(range(0x60, 0x70))
    header = GeneralHeader(b"\x01", CLIENT, SERVER)
    info = WrappedKey(0, wrap_key(master, key))
    return encode(protect_general(header, info, KeyContext(key, AK), 0x31, 7, GET))


@pytest.mark.parametrize("known", [None, KEYS], ids=["the KEK alone", "the KEK beside another key"])
def test_a_key_that_comes_wrapped_is_unwrapped_under_the_kek(known):
    tracer = Tracer(keys=KeyRing((TraceKey(known, SERVER, MASTER, AK),)))
    described = tracer.apdu(wrapped_apdu())
    assert described["tag_check"] == "ok"
    assert described["plain_decoded"]["class_id"] == 8
    assert described["key_info"]["unwrapped"] is True


def test_a_key_wrapped_under_another_kek_is_said():
    tracer = Tracer(keys=KeyRing((TraceKey(KEYS, None, MASTER, AK),)))
    described = tracer.apdu(wrapped_apdu(bytes(16)))
    assert described["key_info"]["unwrapped"] is False
    assert "plain" not in described


def test_a_kek_is_in_no_text_of_its_entry():
    assert repr(MASTER) not in repr(TraceKey(None, None, MASTER, AK))


VALUE = octet_string(bytes(range(200)))
CLOCK_TIME = CosemAttribute(8, Obis("0.0.1.0.0.255"), 2)


def joined_of(apdus):
    """What each APDU of a recording shows joined."""
    tracer = Tracer()
    return [tracer.apdu(apdu).get("joined") for apdu in apdus]


def answer_blocks(answer):
    blocks = LongResponse(answer, 60)
    while not blocks.done:
        yield blocks.take()


def request_blocks(request):
    blocks = LongRequest(request, 60)
    while not blocks.done:
        yield blocks.take()


@pytest.mark.parametrize("asked", [True, False], ids=["asked in the recording", "the answer alone"])
def test_the_blocks_of_a_get_are_joined_with_the_last(asked):
    one = GetResponseNormal(0xC1, EncodedData(axdr_encode(VALUE)))
    many = GetResponseWithList(0xC1, (EncodedData(axdr_encode(VALUE)), DataAccessResult.READ_WRITE_DENIED))
    for request, answer in (
        (GetRequestNormal(0xC1, CLOCK_TIME), one),
        (GetRequestWithList(0xC1, ((CLOCK_TIME, None), (CLOCK_TIME, None))), many),
    ):
        begin = [encode(request)] if asked else []
        *before, joined = joined_of([*begin, *answer_blocks(answer)])
        assert len(before) >= 3
        assert before == [None] * len(before)
        assert joined == Tracer().apdu(encode(answer))


DATA = EncodedData(axdr_encode(VALUE))
METHOD = CosemMethod(9, Obis("0.0.10.0.0.255"), 1)


@pytest.mark.parametrize(
    "request_apdu",
    [
        SetRequestNormal(0xC1, CLOCK_TIME, None, DATA),
        SetRequestWithList(0xC2, ((CLOCK_TIME, None),), (DATA,)),
        ActionRequestNormal(0xC3, METHOD, DATA),
        ActionRequestWithList(0xC4, (METHOD,), (DATA,)),
    ],
    ids=lambda request: request.NAME,
)
def test_the_blocks_of_a_request_are_joined_with_the_last(request_apdu):
    *before, joined = joined_of(request_blocks(request_apdu))
    assert len(before) >= 3
    assert before == [None] * len(before)
    assert joined == Tracer().apdu(encode(request_apdu))


def test_the_blocks_of_what_an_action_returns_are_joined_with_the_last():
    answer = ActionResponseNormal(0xC5, ActionResult.SUCCESS, DATA)
    *before, joined = joined_of(answer_blocks(answer))
    assert before == [None] * len(before)
    assert joined == Tracer().apdu(encode(answer))


def test_a_block_that_came_twice_is_joined_once():
    answer = GetResponseNormal(0xC1, DATA)
    first, second, *rest = answer_blocks(answer)
    assert joined_of([first, first, second, second, *rest])[-1] == Tracer().apdu(encode(answer))


def test_a_missing_block_is_said_and_what_follows_is_left_alone():
    first, _, third, *rest = answer_blocks(GetResponseNormal(0xC1, DATA))
    nothing, fault, *after = joined_of([first, third, *rest])
    assert nothing is None
    assert fault == {"fault": {"reason": "block 3 where 2 was due", "offset": None}}
    assert after == [None] * len(rest)


def test_blocks_without_their_beginning_are_left_as_they_are():
    _, *later = answer_blocks(GetResponseNormal(0xC1, DATA))
    assert joined_of(later) == [None] * len(later)


def test_blocks_that_come_to_nothing_are_said():
    broken = GetResponseWithDatablock(0xC1, last_block=True, block_number=1, result=b"\x09\x05ab")
    _, joined = joined_of([encode(GetRequestNormal(0xC1, CLOCK_TIME)), encode(broken)])
    assert "fault" in joined


def test_conversations_are_not_mixed():
    tracer = Tracer()
    values = [octet_string(bytes((number,)) * 200) for number in (1, 2)]
    answers = [GetResponseNormal(0xC1, EncodedData(axdr_encode(value))) for value in values]
    joined = {}
    for pair in zip(*map(answer_blocks, answers), strict=True):
        for number, block in enumerate(pair):
            tracer.joiner.conversation = number
            joined[number] = tracer.apdu(block).get("joined")
    assert [joined[number] for number in (0, 1)] == [Tracer().apdu(encode(answer)) for answer in answers]


def test_a_trace_keeps_no_more_than_some_unfinished_values():
    tracer = Tracer()
    block = encode(GetResponseWithDatablock(0xC1, last_block=False, block_number=1, result=b"x"))
    for number in range(1000):
        tracer.joiner.conversation = number
        tracer.apdu(block)
        tracer.apdu(encode(GetRequestNormal(0xC1, CLOCK_TIME)))
    assert len(tracer.joiner._series) == len(tracer.joiner._lists) == 64
