import pytest

from headend.dlms import axdr
from headend.dlms.axdr import decode, encode, from_notation
from headend.dlms.cosem import (
    CLOCK,
    UNIT_CODES,
    UNIT_NAMES,
    CaptureObject,
    CosemAttribute,
    CosemDateTime,
    CosemMethod,
    Obis,
    ScalerUnit,
    entry_access,
    range_access,
)
from headend.dlms.cosem.obis_names import obis_name, obis_slug
from headend.dlms.errors import DecodeError, LocalError
from tests.vectors import load


@pytest.mark.parametrize("text", ["1.0.1.8.0.255", "1-0:1.8.0*255", "1-0:1.8.0", "1.0.1.8.0"])
def test_a_code_is_read_in_every_notation(text):
    code = Obis(text)
    assert code.octets == bytes((1, 0, 1, 8, 0, 255))
    assert (str(code), code.vector, repr(code)) == ("1.0.1.8.0.255", "1-0:1.8.0*255", "Obis('1.0.1.8.0.255')")


def test_group_f_is_kept():
    assert Obis("1-0:1.8.0*101").octets[5] == 101
    assert str(Obis(bytes((0, 0, 1, 0, 0, 7)))) == "0.0.1.0.0.7"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0.1.8",
        "256.0.1.8.0.255",
        "1.0.1.8.0.256",
        "1.0.1.8.0.255.1",
        "a.b.c.d.e.f",
        "\u0967.\u0966.\u0967.\u096e.\u0966.\u0968",
    ],
)
def test_what_is_no_code_is_refused(text):
    with pytest.raises(LocalError):
        Obis(text)


@pytest.mark.parametrize("octets", [b"", b"12345", b"1234567"])
def test_other_than_six_octets_are_refused(octets):
    with pytest.raises(DecodeError):
        Obis(octets)


def test_codes_compare_sort_and_hash_by_their_octets():
    assert Obis("1.0.1.8.0.255") == Obis.parse("1-0:1.8.0*255") == Obis.from_octets(bytes((1, 0, 1, 8, 0, 255)))
    assert min(Obis("1.0.2.8.0.255"), Obis("0.0.1.0.0.255")) == Obis("0.0.1.0.0.255")
    assert {CosemAttribute(3, "1.0.1.8.0.255", 2)} == {CosemAttribute(3, Obis("1.0.1.8.0.255"), 2)}
    assert CosemMethod(70, "0.0.96.3.10.255", 1).instance == Obis("0.0.96.3.10.255")


def test_a_range_is_what_the_source_recorded():
    vector = next(vector for vector in load("axdr") if vector.name == "range-descriptor-gocosem")
    start, end = (
        CosemDateTime(bytes.fromhex(text)) for text in ("07df0a0d02102d0000000000", "07df0a0d02130f0000000000")
    )
    access = range_access(start, end)
    assert access.selector == 1
    assert encode(access.parameters) == vector.octets
    assert range_access(start, end, restricting=Obis("0.0.1.0.0.255")) == access


def test_a_range_names_its_columns_and_takes_other_bounds():
    access = range_access(axdr.double_long_unsigned(1), axdr.double_long_unsigned(2), columns=[CLOCK])
    assert access.parameters.value[3] == axdr.array(CLOCK.to_data())
    assert access.parameters.value[1] == axdr.double_long_unsigned(1)


def test_entries_count_from_one():
    access = entry_access(1, 48)
    assert access.selector == 2
    expected = [["double-long-unsigned", 1], ["double-long-unsigned", 48], ["long-unsigned", 1], ["long-unsigned", 0]]
    assert access.parameters == from_notation(["structure", expected])
    for wrong in ((0, 1), (1, -1), (1, 1, 0), (1, 1, 1, -1)):
        with pytest.raises(LocalError):
            entry_access(*wrong)


def test_a_capture_object_survives():
    entry = CaptureObject(3, "1.0.1.29.0.255", 2, 0)
    assert CaptureObject.from_data(decode(encode(entry.to_data()))) == entry
    assert entry.reference == CosemAttribute(3, "1.0.1.29.0.255", 2)


@pytest.mark.parametrize(
    "data",
    [
        axdr.null(),
        axdr.structure(),
        axdr.structure(axdr.null(), axdr.null(), axdr.null(), axdr.null()),
        axdr.structure(axdr.unsigned(1), axdr.octet_string(b"12345"), axdr.unsigned(1), axdr.unsigned(1)),
    ],
)
def test_what_is_no_capture_object_is_refused(data):
    with pytest.raises(DecodeError):
        CaptureObject.from_data(data)


@pytest.mark.parametrize(("scaler", "unit", "name"), [(-2, 35, "V"), (1, 30, "Wh"), (0, 255, ""), (0, 200, "")])
def test_a_scaler_unit_survives_and_names_its_unit(scaler, unit, name):
    value = ScalerUnit(scaler, unit)
    assert ScalerUnit.from_data(decode(encode(value.to_data()))) == value
    assert value.unit_name == name


@pytest.mark.parametrize(
    "data", [axdr.null(), axdr.structure(axdr.long(200), axdr.enum(1)), axdr.structure(axdr.integer(1), axdr.long(-1))]
)
def test_what_is_no_scaler_unit_is_refused(data):
    with pytest.raises(DecodeError):
        ScalerUnit.from_data(data)


def test_units_have_the_blue_books_codes():
    assert [UNIT_NAMES[code] for code in (27, 28, 29, 30, 31, 32, 33, 35, 44)] == [
        "W",
        "VA",
        "var",
        "Wh",
        "VAh",
        "varh",
        "A",
        "V",
        "Hz",
    ]
    assert UNIT_CODES["Wh"] == 30
    assert UNIT_CODES["m³"] == 13


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("1.0.1.8.0.255", "active energy+"),
        ("1.0.1.8.3.255", "active energy+ tariff 3"),
        ("1.0.52.7.0.255", "voltage L2 instantaneous"),
        ("1.0.12.27.0.255", "voltage block average"),
        ("1.0.91.7.0.255", "neutral current instantaneous"),
        ("1.0.1.29.0.255", "active energy+ block"),
        ("1.0.13.7.0.255", "power factor instantaneous"),
        ("0.0.1.0.0.255", "clock"),
        ("0.0.94.96.24.255", "balance amount"),
        ("0.0.99.98.6.255", "event log, control"),
        ("0.0.96.11.1.255", "event code, current"),
        ("0.0.96.15.2.255", "event sequence number, power"),
        ("0.0.43.1.3.255", "invocation counter 3"),
        ("7.0.1.8.0.255", ""),
        ("1.0.1.200.0.255", ""),
    ],
)
def test_a_code_has_a_name_for_people(code, name):
    assert obis_name(Obis(code)) == name


def test_a_code_without_a_name_is_still_an_identifier():
    assert obis_slug(Obis("1.0.3.29.0.255")).isidentifier()
