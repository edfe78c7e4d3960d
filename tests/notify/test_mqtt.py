import json

import pytest
from memory_feed import row

from headend.notify.mqtt import MqttAddressError, MqttSettings, payload_of, topic_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker", MqttSettings("broker", 1883)),
        ("mqtts://broker", MqttSettings("broker", 8883, tls=True)),
        ("mqtt://127.0.0.1:2883", MqttSettings("127.0.0.1", 2883)),
        ("mqtt://office:p%40ss@broker", MqttSettings("broker", 1883, user="office", password="p@ss")),
    ],
)
def test_a_broker_address_is_read(url, expected):
    assert MqttSettings.parse(url) == expected


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("broker:1883", "headend"),
        ("http://broker", "headend"),
        ("mqtt://", "headend"),
        ("mqtt://broker:many", "headend"),
        ("mqtt://broker:99999", "headend"),
        ("mqtt://broker", ""),
        ("mqtt://broker", "a//b"),
        ("mqtt://broker", "a/+"),
        ("mqtt://broker", "#"),
    ],
)
def test_an_address_or_prefix_that_cannot_be_used_is_refused_with_the_way_out(url, prefix):
    with pytest.raises(MqttAddressError, match="mqtt: ") as caught:
        MqttSettings.parse(url, prefix)
    assert caught.value.exit_code == 2


def test_a_password_is_neither_shown_nor_told_in_an_error():
    assert "p4ss" not in repr(MqttSettings.parse("mqtt://user:p4ss@broker"))
    with pytest.raises(MqttAddressError) as caught:
        MqttSettings.parse("http://user:p4ss@broker")
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (row(1), "headend/events/relay/connected/X1"),
        (row(1, "account.recharged", None, "10000000001"), "headend/events/account/recharged/10000000001"),
        (row(1, "store.restored", None), "headend/events/store/restored/-"),
        (row(1, "a.b", "x/+#\x00\n"), "headend/events/a/b/x_____"),
    ],
)
def test_a_topic_has_a_level_for_each_part_of_the_kind_and_names_whom_it_is_about(event, topic):
    assert topic_of("headend", event) == topic


def test_a_payload_carries_everything_and_keeps_hindi_readable():
    payload = payload_of(row(7, payload={"text": "बिजली"}))
    assert "बिजली".encode() in payload
    assert json.loads(payload) == {
        "number": 7,
        "at": "2026-03-04T06:00:00+00:00",
        "kind": "relay.connected",
        "meter": "X1",
        "consumer_no": None,
        "data": {"text": "बिजली"},
    }
