"""Whatever is encoded is decoded to the same, and encoded again to the same octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms import axdr
from headend.dlms.axdr import (
    BitString,
    CompactArray,
    Data,
    EncodedData,
    Tag,
    TypeDescription,
    compact,
    compact_array,
    decode,
    decode_at,
    encode,
    encode_length,
    from_notation,
    plain,
    skip,
    to_notation,
)
from headend.dlms.errors import DecodeError, LocalError

RANGES = {
    Tag.BCD: (-(2**7), 2**7 - 1),
    Tag.INTEGER: (-(2**7), 2**7 - 1),
    Tag.LONG: (-(2**15), 2**15 - 1),
    Tag.DOUBLE_LONG: (-(2**31), 2**31 - 1),
    Tag.LONG64: (-(2**63), 2**63 - 1),
    Tag.UNSIGNED: (0, 2**8 - 1),
    Tag.ENUM: (0, 2**8 - 1),
    Tag.LONG_UNSIGNED: (0, 2**16 - 1),
    Tag.DOUBLE_LONG_UNSIGNED: (0, 2**32 - 1),
    Tag.LONG64_UNSIGNED: (0, 2**64 - 1),
    Tag.DELTA_INTEGER: (-(2**7), 2**7 - 1),
    Tag.DELTA_LONG: (-(2**15), 2**15 - 1),
    Tag.DELTA_DOUBLE_LONG: (-(2**31), 2**31 - 1),
    Tag.DELTA_UNSIGNED: (0, 2**8 - 1),
    Tag.DELTA_LONG_UNSIGNED: (0, 2**16 - 1),
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: (0, 2**32 - 1),
}
INTEGERS = st.one_of([st.builds(Data, st.just(tag), st.integers(*bounds)) for tag, bounds in RANGES.items()])
STRINGS = st.one_of(
    st.builds(axdr.octet_string, st.binary(max_size=300)),
    st.builds(axdr.visible_string, st.text(st.characters(max_codepoint=255), max_size=300)),
    st.builds(axdr.utf8_string, st.text(max_size=200)),
    st.builds(axdr.bit_string, st.text("01", max_size=300)),
)
FIXED = st.one_of(
    st.builds(axdr.boolean, st.booleans()),
    st.builds(axdr.float32, st.floats(width=32, allow_nan=False)),
    st.builds(axdr.float64, st.floats(allow_nan=False)),
    st.builds(axdr.date_time, st.binary(min_size=12, max_size=12)),
    st.builds(axdr.date, st.binary(min_size=5, max_size=5)),
    st.builds(axdr.time, st.binary(min_size=4, max_size=4)),
)
NOTHING = st.sampled_from([axdr.null(), axdr.dont_care()])
SIMPLE = st.one_of(INTEGERS, STRINGS, FIXED, NOTHING)


@st.composite
def compact_arrays(draw):
    leaves = st.sampled_from([tag for tag in Tag if tag not in (1, 2, 19)]).map(TypeDescription)
    description = draw(
        st.recursive(
            leaves,
            lambda inner: st.one_of(
                st.builds(lambda items: TypeDescription(Tag.STRUCTURE, tuple(items)), st.lists(inner, max_size=3)),
                st.builds(lambda item, number: TypeDescription(Tag.ARRAY, (item,), number), inner, st.integers(0, 3)),
            ),
            max_leaves=5,
        )
    )
    rows = tuple(draw(st.lists(row_of(description), max_size=4)))
    occupied = [row for row in rows if len(encode(row)) > 0 and has_octets(description)]
    return compact_array(CompactArray(description, tuple(occupied)))


def has_octets(description):
    if description.tag is Tag.STRUCTURE:
        return any(map(has_octets, description.elements))
    if description.tag is Tag.ARRAY:
        return description.number > 0 and has_octets(description.elements[0])
    return description.tag not in (Tag.NULL_DATA, Tag.DONT_CARE)


def row_of(description):
    if description.tag is Tag.STRUCTURE:
        return st.tuples(*map(row_of, description.elements)).map(lambda items: Data(Tag.STRUCTURE, items))
    if description.tag is Tag.ARRAY:
        (element,) = description.elements
        return st.tuples(*[row_of(element)] * description.number).map(lambda items: Data(Tag.ARRAY, items))
    return SIMPLE_BY_TAG[description.tag]


SIMPLE_BY_TAG = {tag: st.builds(Data, st.just(tag), st.integers(*bounds)) for tag, bounds in RANGES.items()} | {
    Tag.NULL_DATA: st.just(axdr.null()),
    Tag.DONT_CARE: st.just(axdr.dont_care()),
    Tag.BOOLEAN: st.builds(axdr.boolean, st.booleans()),
    Tag.BIT_STRING: st.builds(axdr.bit_string, st.text("01", max_size=20)),
    Tag.OCTET_STRING: st.builds(axdr.octet_string, st.binary(max_size=200)),
    Tag.VISIBLE_STRING: st.builds(axdr.visible_string, st.text(st.characters(max_codepoint=255), max_size=20)),
    Tag.UTF8_STRING: st.builds(axdr.utf8_string, st.text(max_size=20)),
    Tag.FLOAT32: st.builds(axdr.float32, st.floats(width=32, allow_nan=False)),
    Tag.FLOAT64: st.builds(axdr.float64, st.floats(allow_nan=False)),
    Tag.DATE_TIME: st.builds(axdr.date_time, st.binary(min_size=12, max_size=12)),
    Tag.DATE: st.builds(axdr.date, st.binary(min_size=5, max_size=5)),
    Tag.TIME: st.builds(axdr.time, st.binary(min_size=4, max_size=4)),
}
ANY = st.recursive(
    st.one_of(SIMPLE, compact_arrays()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6).map(lambda items: axdr.array(*items)),
        st.lists(inner, max_size=6).map(lambda items: axdr.structure(*items)),
    ),
    max_leaves=20,
)


def test_every_type_of_the_blue_book_is_generated():
    assert set(SIMPLE_BY_TAG) | {Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY} == set(Tag)


@given(ANY)
def test_decoding_what_was_encoded_gives_it_back(data):
    octets = encode(data)
    assert decode(octets) == data
    assert EncodedData(octets).decode() == data
    assert encode(decode(octets)) == octets


@given(ANY, st.binary(max_size=20), st.binary(max_size=20))
def test_reader_and_skipper_find_the_same_end(data, before, after):
    octets = encode(data)
    end = len(before) + len(octets)
    around = before + octets + after
    assert skip(around, len(before)) == end
    assert skip(around, len(before), [61_440]) == end
    with pytest.raises(DecodeError):
        skip(around[: end - 1], len(before), [61_440])
    assert decode_at(around, len(before)) == (data, end)


@given(ANY)
def test_the_notation_says_all(data):
    assert from_notation(to_notation(data)) == data


@given(ANY)
def test_a_longer_input_type_gives_the_same(data):
    octets = encode(data)
    assert decode(bytearray(octets)) == decode(memoryview(octets)) == data


@given(st.lists(st.tuples(INTEGERS, STRINGS), min_size=1, max_size=5))
def test_a_compact_array_is_described_from_its_rows(cells):
    rows = tuple(axdr.structure(axdr.unsigned(1), axdr.array(axdr.long(7), axdr.long(8)), axdr.null()) for _ in cells)
    data = compact_array(compact(rows))
    assert decode(encode(data)) == data
    assert plain(data) == [[1, [7, 8], None]] * len(cells)


def test_rows_of_two_shapes_are_no_compact_array():
    for rows in (
        (),
        (axdr.unsigned(1), axdr.long(1)),
        (axdr.structure(axdr.unsigned(1)), axdr.structure()),
        (axdr.array(axdr.unsigned(1), axdr.long(1)),),
        (axdr.array(),),
    ):
        with pytest.raises(LocalError):
            compact(rows)


@pytest.mark.parametrize(
    "value",
    [
        CompactArray(TypeDescription(Tag.UNSIGNED), (axdr.long(1),)),
        CompactArray(TypeDescription(Tag.STRUCTURE, (TypeDescription(Tag.UNSIGNED),)), (axdr.structure(),)),
        CompactArray(TypeDescription(Tag.ARRAY, (TypeDescription(Tag.UNSIGNED),), 2), (axdr.array(axdr.unsigned(1)),)),
        CompactArray(TypeDescription(Tag.NULL_DATA), (axdr.null(),)),
        CompactArray(TypeDescription(Tag.STRUCTURE), (axdr.structure(),)),
    ],
)
def test_rows_that_a_receiver_could_not_read_are_not_sent(value):
    with pytest.raises(LocalError):
        encode(compact_array(value))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (axdr.octet_string(bytes(127)), "097f"),
        (axdr.octet_string(bytes(128)), "098180"),
        (axdr.octet_string(bytes(255)), "0981ff"),
        (axdr.octet_string(bytes(256)), "09820100"),
        (axdr.octet_string(bytes(65536)), "0983010000"),
        (axdr.array(*[axdr.null()] * 128), "018180"),
        (axdr.bit_string("1" * 1000), "048203e8"),
        (axdr.utf8_string("é" * 64), "0c8180"),
    ],
)
def test_lengths_of_128_and_more_are_encoded_right(data, text):
    octets = encode(data)
    assert octets.hex().startswith(text)
    assert decode(octets) == data


@pytest.mark.parametrize(("tag", "bounds"), RANGES.items(), ids=lambda value: getattr(value, "label", ""))
def test_a_number_that_does_not_fit_is_our_fault(tag, bounds):
    for value in (bounds[0], bounds[1]):
        assert decode(encode(Data(tag, value))) == Data(tag, value)
    for value in (bounds[0] - 1, bounds[1] + 1, None, "1", 1.5):
        with pytest.raises(LocalError):
            encode(Data(tag, value))


@pytest.mark.parametrize(
    "data",
    [
        Data(Tag.OCTET_STRING, 5),
        Data(Tag.OCTET_STRING, "text"),
        Data(Tag.VISIBLE_STRING, "ᐃ"),
        Data(Tag.VISIBLE_STRING, b"x"),
        Data(Tag.UTF8_STRING, "\ud800"),
        Data(Tag.UTF8_STRING, None),
        Data(Tag.BIT_STRING, "0101"),
        Data(Tag.BIT_STRING, BitString(9, b"\x00")),
        Data(Tag.DATE_TIME, bytes(11)),
        Data(Tag.DATE, bytes(6)),
        Data(Tag.TIME, bytes(3)),
        Data(Tag.NULL_DATA, 0),
        Data(Tag.DONT_CARE, b""),
        Data(Tag.ARRAY, None),
        Data(Tag.STRUCTURE, (1,)),
        Data(Tag.COMPACT_ARRAY, ()),
        Data(Tag.FLOAT32, 1e300),
        Data(7, None),
    ],
)
def test_a_value_of_another_type_is_our_fault(data):
    with pytest.raises(LocalError):
        encode(data)


@pytest.mark.parametrize("depth", [17, 10_000])
def test_data_too_deep_to_be_read_is_not_sent(depth):
    data = axdr.null()
    for _ in range(depth):
        data = axdr.structure(data)
    with pytest.raises(LocalError, match="deeper than 16"):
        encode(data)


@pytest.mark.parametrize("length", [-1, 1 << 32])
def test_a_length_out_of_range_is_our_fault(length):
    with pytest.raises(LocalError):
        encode_length(length)


@pytest.mark.parametrize(
    "notation", [[], ["nothing", 1], ["octet-string", "xx"], ["long"], ["array", 5], ["array", [["x"]]], 5]
)
def test_a_notation_that_states_nothing_is_our_fault(notation):
    with pytest.raises(LocalError):
        from_notation(notation)


def test_plain_values_nest_as_lists():
    data = axdr.array(axdr.structure(axdr.unsigned(1), axdr.octet_string(b"x")), axdr.null())
    assert plain(data) == [[1, b"x"], None]
    assert plain(axdr.structure(compact_array(compact((axdr.long(5),))))) == [[5]]
