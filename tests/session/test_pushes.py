from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from server_meter import METER, MODEL

from headend.dlms import axdr
from headend.dlms.apdu import DataNotification, EventNotification
from headend.dlms.axdr import BitString, Data, EncodedData, Tag
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.errors import DecodeError
from headend.dlms.wrapper import encode_wrapper
from headend.meters.reading import Reading
from headend.session.pushes import read_push, sender_names
from headend.session.pushstream import PushStream

RECEIVED = datetime(2026, 3, 4, 6, 0, 5, tzinfo=UTC)
#: 2026-03-04 11:30:00 with the deviation of India.
CLOCK = bytes.fromhex("07ea0304030b1e0000feb600")
VOLTAGE, ENERGY = "1.0.12.7.0.255", "1.0.1.8.0.255"


def newest(**values):
    named = {"voltage": (VOLTAGE, "V"), "energy_import": (ENERGY, "Wh")}
    return {
        named[name][0]: Reading(name, named[name][0], Decimal(value), named[name][1], RECEIVED)
        for name, value in values.items()
    }


def push(*items, date_time=b""):
    return DataNotification(1, date_time, EncodedData(axdr.encode(axdr.structure(*items))))


def instantaneous(setup="0.0.25.9.0.255", clock=CLOCK, voltage=23012):
    measured = (axdr.long_unsigned(voltage), *(axdr.long_unsigned(1) for _ in range(6)))
    return push(
        axdr.octet_string(b"ABC10000001"),
        axdr.octet_string(Obis(setup).octets),
        axdr.octet_string(clock),
        *measured,
        axdr.double_long_unsigned(5),
        axdr.double_long_unsigned(6),
    )


def alert(*bits):
    word = bytearray(16)
    for bit in bits:
        word[bit // 8] |= 0x80 >> bit % 8
    return push(
        axdr.octet_string(b"ABC10000001"),
        axdr.octet_string(Obis("0.4.25.9.0.255").octets),
        axdr.octet_string(CLOCK),
        Data(Tag.BIT_STRING, BitString(128, bytes(word))),
    )


def meaning(apdu, known=None):
    return read_push(apdu, METER, MODEL, known or {}, RECEIVED)


def test_values_are_scaled_as_the_meter_scaled_them_at_a_visit():
    found = meaning(instantaneous(), newest(voltage="229.87", energy_import="1.2E+5"))
    assert found.setup == "push"
    readings = {reading.name: reading for reading in found.readings}
    assert (readings["voltage"].value, readings["voltage"].unit) == (Decimal("230.12"), "V")
    assert readings["energy_import"].value == Decimal("5E+4")
    assert readings["voltage"].meter_time == datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
    assert found.values["voltage"] == "230.12 V"


def test_a_number_whose_scaler_nobody_knows_is_no_reading():
    found = meaning(instantaneous(), newest(voltage="229.87"))
    assert [reading.name for reading in found.readings] == ["voltage"]
    assert found.unscaled
    assert found.values["energy_import"] == 5


def test_a_reading_is_kept_under_our_time_where_the_meters_clock_is_far_off():
    far = bytes.fromhex("07e00304030b1e0000feb600")
    found = meaning(instantaneous(clock=far), newest(voltage="229.87"))
    assert found.readings[0].meter_time is None
    assert found.clock.year == 2016


@pytest.mark.parametrize(
    ("bits", "alerts"), [((), ()), ((83,), ("cover opened",)), ((3, 81, 127), ("over-voltage", "magnet", "bit 127"))]
)
def test_bits_of_the_status_word_are_alerts(bits, alerts):
    found = meaning(alert(*bits))
    assert (found.setup, found.alerts) == ("push_alert", alerts)
    assert not found.unscaled


def test_a_push_of_no_known_setup_is_shown_value_by_value():
    found = meaning(push(axdr.octet_string(b"x"), axdr.unsigned(7), date_time=CLOCK))
    assert (found.setup, found.values, found.readings) == (None, {"value_1": "x", "value_2": 7}, ())
    assert found.clock == datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def test_a_push_that_names_another_setup_is_not_taken_for_one_of_its_length():
    assert meaning(instantaneous(setup="0.7.25.9.0.255")).setup is None


def test_an_event_notification_is_the_value_of_one_attribute():
    apdu = EventNotification(CLOCK, CosemAttribute(3, VOLTAGE, 2), EncodedData(axdr.encode(axdr.long_unsigned(24000))))
    found = meaning(apdu, newest(voltage="0.00"))
    assert [(each.name, each.value) for each in found.readings] == [("voltage", Decimal("240.00"))]
    assert found.clock - RECEIVED == timedelta(seconds=-5)


def test_an_event_of_an_object_that_nobody_knows_has_a_readable_name():
    apdu = EventNotification(
        None, CosemAttribute(1, "0.0.96.11.4.255", 2), EncodedData(axdr.encode(axdr.unsigned(201)))
    )
    assert list(meaning(apdu).values.values()) == [201]


def test_long_texts_and_many_values_are_cut():
    found = meaning(push(*(axdr.octet_string(b"x" * 1000) for _ in range(500))))
    assert len(found.values) == 64
    assert {len(value) for value in found.values.values()} == {120}


def test_a_body_that_is_none_is_a_decode_error():
    with pytest.raises(DecodeError):
        meaning(DataNotification(1, b"", EncodedData(b"\x02\x05\x11")))


def test_a_sender_is_named_at_the_beginning():
    assert next(sender_names(instantaneous())) == "ABC10000001"


@pytest.mark.parametrize("chunk", [1, 3, 8, 100])
def test_a_stream_is_cut_into_apdus_whatever_the_chunks(chunk):
    octets = encode_wrapper(1, 64, b"one") + encode_wrapper(2, 64, b"") + encode_wrapper(1, 64, b"three")
    stream, found = PushStream(), []
    for start in range(0, len(octets), chunk):
        found += stream.feed(octets[start : start + chunk])
    assert found == [b"one", b"", b"three"]
    assert stream.pending == 0


def test_what_came_before_a_fault_is_given_and_nothing_after_it():
    stream = PushStream()
    assert stream.feed(encode_wrapper(1, 64, b"one") + b"\xff" * 8) == [b"one"]
    for _ in range(2):
        with pytest.raises(DecodeError, match="wrapper version"):
            stream.feed(encode_wrapper(1, 64, b"two"))
