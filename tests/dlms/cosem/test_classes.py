from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headend.dlms import axdr
from headend.dlms.axdr import BitString, decode, encode, from_notation
from headend.dlms.cosem import CosemDateTime, Obis
from headend.dlms.cosem.association import AccessRights, AttributeAccess, MethodAccess
from headend.dlms.cosem.classes import (
    CLASSES,
    attribute_name,
    build_attribute,
    class_name,
    method_name,
    read_attribute,
)
from headend.dlms.cosem.disconnect import ControlMode, ControlState, method_parameter
from headend.dlms.cosem.layout import bit
from headend.dlms.cosem.payment import AccountStatus, CreditStatus, PaymentMode
from headend.dlms.cosem.push import RepetitionDelay
from headend.dlms.cosem.registers import ImageBlock, ImageInitiation
from headend.dlms.cosem.security_setup import KeyAgreement, KeyId, KeyTransfer
from headend.dlms.errors import DecodeError, LocalError
from tests.dlms.cosem.examples import EXAMPLES

NAMED = {
    1: "data",
    3: "register",
    4: "extended register",
    5: "demand register",
    6: "register activation",
    7: "profile generic",
    8: "clock",
    9: "script table",
    15: "association LN",
    17: "SAP assignment",
    18: "image transfer",
    20: "activity calendar",
    21: "register monitor",
    22: "single action schedule",
    40: "push setup",
    64: "security setup",
    70: "disconnect control",
    71: "limiter",
    111: "account",
    112: "credit",
    113: "charge",
    115: "token gateway",
}
ALL = [(table.class_id, number) for table in CLASSES.values() for number in table.attributes if number != 1]


def test_every_class_has_its_table():
    assert {class_id: table.name for class_id, table in CLASSES.items()} == NAMED


def test_every_attribute_has_an_example():
    assert sorted(EXAMPLES) == sorted(ALL)


@pytest.mark.parametrize("key", ALL, ids=lambda key: f"{class_name(key[0])} {key[0]}/{key[1]}")
def test_what_is_read_is_built_again_octet_by_octet(key):
    data = from_notation(EXAMPLES[key])
    assert encode(build_attribute(*key, read_attribute(*key, data))) == encode(data)


@pytest.mark.parametrize(
    "key", [key for key in ALL if CLASSES[key[0]].attributes[key[1]].codec.label != "CHOICE"], ids=str
)
def test_another_layout_is_a_decode_error(key):
    for data in (
        axdr.structure(),
        axdr.structure(*[axdr.float32(1)] * 4),
        axdr.array(axdr.float32(1.0)),
        axdr.array(axdr.structure(axdr.float32(1.0), axdr.float32(1.0))),
        axdr.float64(1.0),
    ):
        if key in {(21, 2), (40, 10)} and data.tag is axdr.Tag.ARRAY:
            continue  # arrays of anything
        with pytest.raises(DecodeError):
            read_attribute(*key, data)


def shuffled(data):
    """The example with some part of it put elsewhere: what a meter with another idea of the standard would send."""
    parts = []

    def gather(item):
        parts.append(item)
        if item.tag in (axdr.Tag.ARRAY, axdr.Tag.STRUCTURE):
            for inner in item.value:
                gather(inner)

    gather(data)
    return st.permutations(parts).map(lambda order: axdr.array(*order[:3])) | st.sampled_from(parts)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.data())
def test_whatever_is_sent_the_outcome_is_a_value_or_a_decode_error(key, drawn):
    other = from_notation(EXAMPLES[drawn.draw(st.sampled_from(ALL))])
    with suppress(DecodeError):
        read_attribute(*key, drawn.draw(shuffled(other)))


@pytest.mark.parametrize("key", [(2, 2), (3, 9), (70, 0)])
def test_what_no_table_has_is_our_fault(key):
    with pytest.raises(LocalError):
        read_attribute(*key, axdr.null())
    with pytest.raises(LocalError):
        build_attribute(*key, None)


def test_attributes_and_methods_are_found_by_name_and_number():
    relay = CLASSES[70]
    assert [relay.attribute_number(name) for name in ("output_state", "control_state", "control_mode")] == [2, 3, 4]
    assert [relay.method_number(name) for name in ("remote_disconnect", "remote_reconnect")] == [1, 2]
    assert (attribute_name(111, 5), method_name(64, 2), class_name(40)) == (
        "available_credit",
        "key_transfer",
        "push setup",
    )
    assert (attribute_name(111, 99), method_name(64, 99), class_name(2), attribute_name(2, 2), method_name(2, 1)) == (
        "",
    ) * 5
    with pytest.raises(LocalError):
        relay.attribute_number("nothing")
    with pytest.raises(LocalError):
        relay.method_number("nothing")


@pytest.mark.parametrize("table", CLASSES.values(), ids=lambda table: table.name)
def test_the_logical_name_is_attribute_1_of_every_class(table):
    assert read_attribute(table.class_id, 1, axdr.octet_string(bytes((1, 0, 1, 8, 0, 255)))) == Obis("1.0.1.8.0.255")


def test_the_object_list_tells_what_may_be_done():
    (entry,) = read_attribute(15, 2, from_notation(EXAMPLES[15, 2]))
    assert (entry.class_id, entry.version, entry.instance) == (3, 0, Obis("1.0.1.8.0.255"))
    assert entry.access == AccessRights(
        (AttributeAccess(2, 1), AttributeAccess(3, 1, (1, 2))),
        (MethodAccess(1, 1, as_boolean=True), MethodAccess(2, 1)),
    )


def test_an_object_list_may_come_as_a_compact_array():
    rows = from_notation(EXAMPLES[7, 3]).value
    assert read_attribute(7, 3, axdr.compact_array(axdr.compact(rows))) == read_attribute(7, 3, axdr.array(*rows))


def test_a_relay_is_read():
    assert read_attribute(70, 2, axdr.boolean(value=True)) is True
    assert read_attribute(70, 2, axdr.unsigned(0)) is False
    assert read_attribute(70, 3, axdr.enum(2)) is ControlState.READY_FOR_RECONNECTION
    with pytest.raises(DecodeError, match="control_state is 3"):
        read_attribute(70, 3, axdr.enum(3))
    assert method_parameter() == axdr.integer(0)


def test_only_modes_2_and_4_reconnect_with_no_one_at_the_meter():
    assert [mode for mode in range(7) if ControlMode(mode).reconnects_remotely] == [2, 4]
    assert [mode for mode in range(7) if ControlMode(mode).can_be_cut_remotely] == [1, 2, 3, 4, 5, 6]


def test_an_account_is_read():
    state = read_attribute(111, 2, from_notation(EXAMPLES[111, 2]))
    assert (state.payment_mode, state.status) == (PaymentMode.PREPAYMENT, AccountStatus.ACTIVE)
    currency = read_attribute(111, 15, from_notation(EXAMPLES[111, 15]))
    assert (currency.name, currency.scale, currency.unit) == ("INR", -2, 2)
    assert read_attribute(112, 8, axdr.enum(4)) is CreditStatus.CONSUMED


def test_a_charge_has_its_price_table():
    charge = read_attribute(113, 5, from_notation(EXAMPLES[113, 5]))
    assert (charge.scaling.price_scale, charge.table[0].charge_per_unit) == (-2, 625)
    assert charge.commodity.instance == Obis("1.0.1.8.0.255")


def test_push_objects_of_every_version_are_read():
    first, second, third = read_attribute(40, 2, from_notation(EXAMPLES[40, 2]))
    assert (first.instance, len(first.rest), len(second.rest), len(third.rest)) == (Obis("0.0.1.0.0.255"), 0, 1, 2)


@pytest.mark.parametrize(
    "value",
    [
        KeyTransfer(KeyId.AUTHENTICATION, bytes(24)),
        KeyAgreement(KeyId.UNICAST_ENCRYPTION, bytes(128)),
        ImageInitiation(b"FW", 4096),
        ImageBlock(7, b"\x01\x02"),
        RepetitionDelay(10, 200, 3600),
    ],
)
def test_method_parameters_survive(value):
    assert type(value).from_data(decode(encode(value.to_data()))) == value


def test_a_wrapped_key_is_not_shown():
    assert "aa" not in repr(KeyTransfer(KeyId.MASTER, b"\xaa" * 24))


def test_a_time_of_another_length_is_a_decode_error():
    with pytest.raises(DecodeError, match="12 octets"):
        read_attribute(8, 2, axdr.octet_string(b"\x07"))
    assert read_attribute(8, 2, axdr.date_time(bytes(12))) == CosemDateTime(bytes(12))


def test_bits_count_from_the_first():
    assert [bit(BitString.of("1010"), index) for index in range(6)] == [True, False, True, False, False, False]


@pytest.mark.parametrize(("octets", "text"), [(b"ope", "ope"), ("अ".encode(), "अ"), (b"\xff", "ÿ")])
def test_names_are_text_whatever_octets_they_are(octets, text):
    user = read_attribute(15, 11, axdr.structure(axdr.unsigned(1), axdr.octet_string(octets)))
    assert user.name == text
