from datetime import UTC, datetime

import pytest
from cim_messages import SCHEMA, example
from hypothesis import given
from hypothesis import strategies as st

from headend.interchange.cim.message import MessageRefused
from headend.interchange.cim.names import Switch
from headend.interchange.cim.reading import DEEPEST, LONGEST, MOST_CONTROLS, read_controls

AT = datetime(2026, 11, 24, 4, 45, tzinfo=UTC)
DEVICE = "<c:EndDevices><c:Names><c:name>{}</c:name></c:Names></c:EndDevices>"


def refused(body):
    with pytest.raises(MessageRefused) as caught:
        read_controls(body)
    assert str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(("name", "switch"), [("connect", Switch.CONNECT), ("disconnect", Switch.DISCONNECT)])
def test_the_examples_keep_the_schema_and_are_read(name, switch):
    body = example(name, at=AT)
    SCHEMA.validate(body.decode())
    asked = read_controls(body)
    assert (asked.header.verb, asked.header.noun, asked.header.source) == ("create", "EndDeviceControls", "MDM")
    assert (asked.header.message_id, asked.header.correlation_id) == (f"{name}-1", "case-77")
    assert asked.header.reply_address == "http://127.0.0.1:9/replies"
    assert asked.header.timestamp == AT
    (control,) = asked.controls
    assert (control.meter, control.switch, control.mrid) == ("M1", switch, f"control-{name}-1")


@pytest.mark.parametrize("ref", ["0.31.0.18", "3.31.0.18", "26.31.0.18"])
def test_a_type_is_told_by_its_last_three_segments(ref):
    (control,) = read_controls(example("connect", texts={"3.31.0.18": ref})).controls
    assert control.switch is Switch.CONNECT


@pytest.mark.parametrize("ref", ["3.31.0.19", "31.0.18", "3.3.31.0.18", "3.31.0.180", "", "connect", "3.31.0.18 "])
def test_any_other_type_is_refused(ref):
    assert refused(example("connect", texts={"3.31.0.18": ref})) == "control_unsupported"


def test_several_devices_and_controls_are_read_in_their_order():
    devices = "".join(DEVICE.format(name) for name in ("M2", "M3"))
    (first, second, third) = read_controls(
        example("connect", texts={"</c:EndDevices>": f"</c:EndDevices>{devices}"})
    ).controls
    assert [first.meter, second.meter, third.meter] == ["M1", "M2", "M3"]


def test_without_the_flag_no_answer_goes_to_an_address():
    assert read_controls(example("connect", texts={"true</": "false</"})).header.reply_address is None


def test_a_device_may_be_named_by_its_mrid():
    names = "<c:Names>\n            <c:name>M1</c:name>\n          </c:Names>"
    (control,) = read_controls(example("connect", texts={names: "<c:mRID>M7</c:mRID>"})).controls
    assert control.meter == "M7"


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ({"<Noun>EndDeviceControls</Noun>": "<Noun>MeterReadings</Noun>"}, "noun_unsupported"),
        ({"<Verb>create</Verb>": "<Verb>cancel</Verb>"}, "verb_unsupported"),
        ({"<Verb>create</Verb>": ""}, "element_missing"),
        ({"<Source>MDM</Source>": "<Source> </Source>"}, "element_missing"),
        ({"<Source>MDM</Source>": "<Source>a\nb</Source>"}, "text_unusable"),
        ({"<Source>MDM</Source>": f"<Source>{'x' * 257}</Source>"}, "text_unusable"),
        ({"<Source>MDM</Source>": "<Source>A</Source><Source>B</Source>"}, "text_unusable"),
        ({"<MessageID>disconnect-1</MessageID>": ""}, "element_missing"),
        ({"<c:name>M1</c:name>": ""}, "element_missing"),
        ({"<c:reason>meter exchange</c:reason>": ""}, "reason_missing"),
        ({"<c:reason>": "<c:scheduledInterval/><c:reason>"}, "control_scheduled"),
        ({"<c:reason>": "<c:primaryDeviceTiming/><c:reason>"}, "control_scheduled"),
        ({"http://iec.ch/TC57/2011/schema/message": "http://example.org/message"}, "message_unknown"),
        ({"</c:EndDevices>": "</c:EndDevices>" + DEVICE.format("M1")}, "meter_repeated"),
        ({"c:EndDeviceControl>": "c:Nothing>"}, "controls_count"),
        (
            {"</c:EndDevices>": "</c:EndDevices>" + "".join(DEVICE.format(f"X{n}") for n in range(MOST_CONTROLS))},
            "controls_count",
        ),
    ],
)
def test_a_doubtful_message_is_refused_whole(texts, code):
    assert refused(example("disconnect", texts=texts)) == code


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-24", "2026-11-24T10:15:00"])
def test_a_timestamp_without_a_zone_is_none(text):
    body = example("connect", at=AT, texts={AT.isoformat(): text})
    assert refused(body) in ("timestamp_unreadable", "element_missing")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "message_unreadable"),
        (b"nonsense", "message_unreadable"),
        (b"<a>", "message_unreadable"),
        (b"\xff\xfe\x00", "message_unreadable"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "message_unreadable"),
        (b"<a>&unknown;</a>", "message_unreadable"),
        (BOMB.encode(), "message_hostile"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x/>', "message_hostile"),
        (b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>', "message_hostile"),
        (b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1), "message_too_deep"),
        (b"<a>" * 200_000, "message_too_deep"),
        (b"<a>" + b"<b/>" * 20_000 + b"</a>", "message_too_deep"),
        (b"<a>" + b" " * LONGEST + b"</a>", "message_too_long"),
        (b"<a/>", "message_unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:16]!r}_{len(value)}",
)
def test_hostile_xml_is_refused(body, code):
    assert refused(body) == code


@given(
    at=st.integers(0, 1500),
    cut=st.integers(0, 30),
    put=st.sampled_from(
        ["", "<", ">", "&", '"', "<x>", "</c:EndDevices>", "\x00", "0", "é", "]]>", "<!--", "<![CDATA["]
    ),
)
def test_a_damaged_message_is_read_or_refused_and_never_raises_anything_else(at, cut, put):
    text = example("disconnect", at=AT).decode()
    damaged = text[:at] + put + text[at + cut :]
    try:
        asked = read_controls(damaged.encode())
    except MessageRefused:
        return
    assert all(control.reason for control in asked.controls if control.switch is Switch.DISCONNECT)
