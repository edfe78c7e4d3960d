import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headend.dlms import axdr, rows
from headend.dlms.axdr import compact, compact_array, decode, encode, plain
from headend.dlms.errors import DecodeError
from headend.dlms.rows import decode_columns, decode_rows

CELLS = {
    "clock": st.builds(axdr.octet_string, st.binary(min_size=12, max_size=12)),
    "long": st.builds(axdr.octet_string, st.binary(min_size=200, max_size=200)),
    "empty": st.just(axdr.octet_string(b"")),
    "u8": st.builds(axdr.unsigned, st.integers(0, 255)),
    "i8": st.builds(axdr.integer, st.integers(-128, 127)),
    "u16": st.builds(axdr.long_unsigned, st.integers(0, 65535)),
    "i16": st.builds(axdr.long, st.integers(-32768, 32767)),
    "u32": st.builds(axdr.double_long_unsigned, st.integers(0, 2**32 - 1)),
    "i32": st.builds(axdr.double_long, st.integers(-(2**31), 2**31 - 1)),
    "u64": st.builds(axdr.long64_unsigned, st.integers(0, 2**64 - 1)),
    "i64": st.builds(axdr.long64, st.integers(-(2**63), 2**63 - 1)),
    "enum": st.builds(axdr.enum, st.integers(0, 255)),
    "bool": st.builds(axdr.boolean, st.booleans()),
    "f32": st.builds(axdr.float32, st.floats(width=32, allow_nan=False)),
    "f64": st.builds(axdr.float64, st.floats(allow_nan=False)),
    "date-time": st.builds(axdr.date_time, st.binary(min_size=12, max_size=12)),
    "null": st.just(axdr.null()),
    "text": st.builds(axdr.visible_string, st.text("ab", min_size=2, max_size=2)),
    "bits": st.builds(axdr.bit_string, st.text("01", min_size=3, max_size=3)),
    "pair": st.builds(lambda scaler: axdr.structure(axdr.integer(scaler), axdr.enum(30)), st.integers(-9, 9)),
}


@st.composite
def buffers(draw):
    shape = draw(st.lists(st.sampled_from(sorted(CELLS)), max_size=6))
    count = draw(st.sampled_from([0, 1, 2, 3, 7, 127, 128, 300]))
    some = draw(st.lists(st.tuples(*(CELLS[name] for name in shape)), min_size=1, max_size=3))
    return axdr.array(*(axdr.structure(*some[index % len(some)]) for index in range(count)))


def expected(buffer):
    return [tuple(plain(row)) for row in buffer.value]


@settings(max_examples=60, deadline=None)
@given(buffers())
def test_rows_are_what_the_general_decoder_gives(buffer):
    octets = encode(buffer)
    assert decode_rows(octets) == expected(buffer)
    assert decode_rows(octets) == expected(buffer)  # by the shape that was learnt
    assert decode_rows(bytearray(octets)) == decode_rows(memoryview(octets)) == expected(buffer)


@settings(max_examples=60, deadline=None)
@given(buffers())
def test_columns_are_the_rows_turned(buffer):
    turned = list(zip(*expected(buffer), strict=True))
    found = [
        column.tolist() if hasattr(column, "tolist") else list(column) for column in decode_columns(encode(buffer))
    ]
    assert found == list(map(list, turned))


@settings(max_examples=60, deadline=None)
@given(buffers(), st.data())
def test_one_octet_changed_is_never_read_by_the_old_shape(buffer, data):
    octets = bytearray(encode(buffer))
    decode_rows(octets)
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = [tuple(row) for row in plain(decode(octets))]
    except (DecodeError, TypeError):
        changed = None
    try:
        found = decode_rows(bytes(octets))
    except DecodeError:
        found = None
    assert repr(found) == repr(changed) or (changed is not None and found is None)


def test_a_tag_changed_in_any_row_of_a_learnt_shape_is_seen():
    row = axdr.structure(axdr.octet_string(bytes(12)), axdr.long_unsigned(1), axdr.double_long_unsigned(2))
    octets = encode(axdr.array(*[row] * 48))
    assert len(decode_rows(octets)) == 48
    size = (len(octets) - 2) // 48
    for place in (0, 1, 2, 3, 16, 19):
        for index in (0, 20, 47):
            broken = bytearray(octets)
            broken[2 + index * size + place] ^= 0x80
            with pytest.raises(DecodeError):
                decode_rows(bytes(broken))


def test_null_compressed_clocks_are_none():
    first = axdr.structure(axdr.octet_string(bytes(12)), axdr.unsigned(6))
    other = axdr.structure(axdr.null(), axdr.unsigned(7))
    assert decode_rows(encode(axdr.array(first, other, other))) == [(bytes(12), 6), (None, 7), (None, 7)]


def test_a_compact_array_is_a_buffer_too():
    rows_ = tuple(axdr.structure(axdr.octet_string(bytes(12)), axdr.unsigned(index)) for index in range(3))
    assert decode_rows(encode(compact_array(compact(rows_)))) == [(bytes(12), index) for index in range(3)]


@pytest.mark.parametrize(
    "data", [axdr.null(), axdr.unsigned(1), axdr.structure(axdr.unsigned(1)), axdr.array(axdr.unsigned(1))]
)
def test_what_is_no_array_of_structures_is_refused(data):
    with pytest.raises(DecodeError):
        decode_rows(encode(data))


def test_an_empty_buffer_has_no_rows():
    assert decode_rows(b"\x01\x00") == []
    assert list(decode_columns(b"\x01\x00")) == []


def test_without_numpy_columns_are_tuples(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    rows._numpy.cache_clear()
    try:
        octets = encode(axdr.array(*[axdr.structure(axdr.unsigned(1), axdr.long(-2))] * 2))
        assert decode_columns(octets) == [(1, 1), (-2, -2)]
    finally:
        rows._numpy.cache_clear()


def test_what_is_kept_is_bounded():
    for length in range(600):
        octets = encode(axdr.array(axdr.structure(axdr.octet_string(bytes(length)))))
        assert decode_rows(octets) == [(bytes(length),)]
    assert len(rows._shapes) <= rows._MAX_SIZES
    assert len(rows._ready) <= rows._MAX_SIZES
    for tag in ("unsigned", "integer", "enum", "bcd", "delta_integer", "delta_unsigned"):
        assert decode_rows(encode(axdr.array(axdr.structure(getattr(axdr, tag)(5))))) == [(5,)]
    assert max(map(len, rows._shapes.values())) <= rows._MAX_SHAPES
