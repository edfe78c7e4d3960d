"""Octets that hang, crash or flood other decoders. Each gives a DecodeError or a value here, at once."""

import tracemalloc
from time import process_time

import pytest

from headend.dlms.axdr import MAX_DEPTH, MAX_ELEMENTS, MAX_OCTETS, decode, decode_length, plain, skip
from headend.dlms.errors import DecodeError
from headend.dlms.rows import decode_columns, decode_rows, iter_rows

# Safety rule 12.
CPU_SECONDS = 0.050
MEMORY = 1_048_576


def assert_refused(octets: bytes, match: str | None = None):
    for decoder in (decode, lambda octets: skip(octets, 0), decode_rows, decode_columns):
        spent = []
        for _ in range(3):  # the machine may be busy elsewhere once
            start = process_time()
            with pytest.raises(DecodeError, match=match):
                decoder(octets)
            spent.append(process_time() - start)
        assert min(spent) < CPU_SECONDS
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode(octets)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["0a", "0103", "090c01", "13020001"])
def test_truncated_data_that_hangs_another_decoder_is_refused(text):
    assert_refused(bytes.fromhex(text))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 3_000, 10_000, 100_000])
@pytest.mark.parametrize("tag", ["01", "02"])
def test_nesting_that_overflows_another_stack_is_refused(tag, depth):
    assert_refused(bytes.fromhex(tag + "01") * depth, "nested deeper than 16")
    assert_refused(bytes.fromhex(tag + "01") * depth + b"\x00", "nested deeper than 16")


def test_nesting_to_the_limit_is_read():
    octets = b"\x02\x01" * MAX_DEPTH + b"\x00"
    value = plain(decode(octets))
    for _ in range(MAX_DEPTH):
        (value,) = value
    assert value is None
    assert skip(octets, 0) == len(octets)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000])
def test_nested_type_descriptions_are_refused(depth):
    assert_refused(b"\x13" + b"\x02\x01" * depth + b"\x00\x00")
    assert_refused(b"\x13" + b"\x01\xff\xff" * depth + b"\x00\x00")
    assert_refused(b"\x13" + b"\x01\xff\xff" * depth)


def test_compact_arrays_do_not_nest_by_their_rows():
    assert_refused(b"\x13\x13\x0f\x00")


@pytest.mark.parametrize(
    "count", ["80", "81ff", "82ffff", "83ffffff", "84ffffffff", "85ffffffffff", "88" + "ff" * 8, "ff"]
)
@pytest.mark.parametrize("tag", ["01", "02", "04", "09", "0a", "0c", "1302", "130f", "1309"])
def test_a_count_of_up_to_2_to_the_32_is_not_believed(tag, count):
    assert_refused(bytes.fromhex(tag + count))
    assert_refused(bytes.fromhex(tag + count) + b"\x00" * 8)


@pytest.mark.parametrize("element", ["00", "ff", "0f", "11", "09", "0200", "0100000f"])
def test_a_compact_array_of_65535_squared_is_refused(element):
    squared = bytes.fromhex("1301ffff01ffff" + element)
    assert_refused(squared + b"\x01\x00")
    assert_refused(squared + b"\x81\x80" + bytes(128))
    assert decode(squared + b"\x00").value.rows == ()


def test_rows_of_nothing_can_not_be_counted_and_are_refused():
    assert_refused(bytes.fromhex("13020001"))
    assert_refused(bytes.fromhex("1302000100"))
    assert_refused(bytes.fromhex("13000100"))


def test_nulls_in_compact_rows_cost_no_more_than_what_was_sent():
    # 65,535 nulls and one octet a row: 8 octets would become 65,536 elements each.
    assert_refused(bytes.fromhex("130202" + "01ffff00" + "0f" + "0101"))
    few = bytes.fromhex("130202" + "01001000" + "0f" + "0101")
    assert plain(decode(few)) == [[[None] * 16, 1]]


def repeated(element: bytes):
    """An array of so many equal elements."""
    return lambda count: b"\x01\x83" + count.to_bytes(3, "big") + element * count


def compact_rows(description: bytes, row: bytes):
    return lambda count: b"\x13" + description + b"\x83" + (len(row) * count).to_bytes(3, "big") + row * count


def compact_structure(element: bytes, content: bytes):
    def make(count):
        size, contents = count.to_bytes(3, "big"), content * count
        return b"\x13\x02\x83" + size + element * count + b"\x83" + len(contents).to_bytes(3, "big") + contents

    return make


#: Each gives data of `count` parts; the larger, the dearer.
DEAREST = {
    "nulls": repeated(b"\x00"),
    "one octet": repeated(b"\x11\x05"),
    "numbers": repeated(b"\x12\x7f\xff"),
    "long numbers": repeated(b"\x15" + b"\xff" * 8),
    "reals": repeated(b"\x18" + b"\x01" * 8),
    "times": repeated(b"\x19" + b"\x01" * 12),
    "octet-strings": repeated(b"\x09\x02ab"),
    "long octet-strings": repeated(b"\x09\x81\xff" + bytes(255)),
    "empty octet-strings": repeated(b"\x09\x00"),
    "visible-strings": repeated(b"\x0a\x02\xe9\xe9"),
    "utf8-strings": repeated(b"\x0c\x01\xff"),
    "wider utf8-strings": repeated(b"\x0c\x04\xff\xff\xff\xff"),
    "the widest utf8-strings": repeated(b"\x0c\x0b1234567\xf0\x9f\x98\x80"),
    "one utf8-string": lambda count: b"\x0c\x83" + (count + 4).to_bytes(3, "big") + b"a" * count + b"\xf0\x9f\x98\x80",
    "one octet-string": lambda count: b"\x09\x83" + count.to_bytes(3, "big") + bytes(count),
    "bit-strings": repeated(b"\x04\x00"),
    "longer bit-strings": repeated(b"\x04\x81\xff" + b"\xff" * 32),
    "empty structures": repeated(b"\x02\x00"),
    "structures of a null": repeated(b"\x02\x01\x00"),
    "structures of a string": repeated(b"\x02\x01\x09\x00"),
    "structures of structures": repeated(b"\x02\x01\x02\x01\x02\x01\x0a\x02ab"),
    "rows of a profile": repeated(b"\x02\x08\x09\x0c" + bytes(12) + b"\x06\x7f\xff\xff\xff" * 7),
    "compact arrays": repeated(b"\x13\x0f\x01\x05"),
    "compact arrays without rows": repeated(b"\x13\x0f\x00"),
    "compact numbers": compact_rows(b"\x12", b"\x7f\xff"),
    "compact structures": compact_rows(b"\x02\x02\x12\x06", b"\x7f\xff\xff\xff\xff\xff"),
    "compact strings": compact_rows(b"\x02\x02\x09\x09", b"\x00\x00"),
    "compact texts": compact_rows(b"\x0c", b"\x02\xff\xff"),
    "compact bit-strings": compact_rows(b"\x04", b"\x00"),
    "compact rows of nulls": compact_rows(b"\x02\x02\x01\x00\xff\x00\x0f", b"\x05"),
    "compact rows of structures of nulls": compact_rows(b"\x02\x02\x01\x00\xff\x02\x01\x00\x0f", b"\x05"),
    "a compact row of strings": compact_structure(b"\x09", b"\x00"),
    "a compact row of numbers": compact_structure(b"\x12", b"\x7f\xff"),
    "a compact row of nulls": compact_structure(b"\x00", b""),
}


def largest(make) -> bytes:
    """The largest of these data that is not refused."""

    def is_read(count: int) -> bool:
        try:
            skip(make(count), 0)
        except DecodeError:
            return False
        return True

    high = 1
    while is_read(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_read(middle) else (low, middle)
    return make(low)


@pytest.mark.parametrize("name", DEAREST)
def test_the_dearest_data_that_is_read_stays_within_its_time_and_memory(name):
    octets = largest(DEAREST[name])
    assert len(octets) > 2_000 or "nulls" in name  # what is read is worth reading
    assert min(_timed(lambda: decode(octets)) for _ in range(5)) < CPU_SECONDS
    assert min(_timed(lambda: skip(octets, 0)) for _ in range(5)) < CPU_SECONDS
    assert _memory(lambda: decode(octets)) < MEMORY
    assert _memory(lambda: skip(octets, 0)) < MEMORY


def test_more_compact_arrays_and_descriptions_than_that_are_refused():
    assert_refused(b"\x01\x82\x80\x00" + b"\x13\x0f\x00" * 0x8000, "more elements")
    assert_refused(b"\x13\x02\x82\x40\x00" + b"\x09" * 0x4000 + b"\x01\x00", "more elements")


def test_rows_that_do_not_fill_the_contents_are_refused():
    assert_refused(bytes.fromhex("1312" + "03" + "000102"), "no whole number of rows")
    assert_refused(bytes.fromhex("130202" + "0f09" + "03" + "010261"))


@pytest.mark.parametrize("tag", [7, 8, 11, 14, 34, 127, 128, 254])
def test_a_tag_that_no_type_has_is_refused_with_its_place(tag):
    with pytest.raises(DecodeError, match=f"no data type has the tag {tag}") as raised:
        decode(b"\x02\x02\x0f\x01" + bytes((tag,)))
    assert raised.value.offset == 4
    assert_refused(bytes((0x13, tag, 0x00)))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_length_is_read_in_up_to_four_octets(size):
    octets = bytes((0x80 | size,)) + (12).to_bytes(size, "big")
    assert decode_length(octets, 0) == (12, 1 + size)
    assert decode(b"\x09" + octets + bytes(12)).value == bytes(12)


@pytest.mark.parametrize(
    "octets", [b"", b"\x81", b"\x82\x01", b"\x84\x00\x00\x00", b"\x80", b"\x85\x00\x00\x00\x00\x01"]
)
def test_a_length_cut_short_indefinite_or_too_long_is_refused(octets):
    with pytest.raises(DecodeError):
        decode_length(octets, 0)


def test_octets_after_the_data_are_refused_unless_tolerated():
    with pytest.raises(DecodeError, match="2 octets after the data") as raised:
        decode(b"\x0f\x01\x00\x00")
    assert raised.value.offset == 2
    assert decode(b"\x0f\x01\x00\x00", strict=False).value == 1


def test_more_than_a_mebibyte_is_refused():
    assert_refused(b"\x09\x83\x10\x00\x00" + bytes(MAX_OCTETS), "more than 1048576 octets")


def test_more_elements_than_any_meter_has_are_refused():
    count = MAX_ELEMENTS + 1
    assert_refused(b"\x01\x83" + count.to_bytes(3, "big") + bytes(count), "more elements")


def buffer(row: bytes, count: int) -> bytes:
    return b"\x01\x83" + count.to_bytes(3, "big") + row * count


NINETY_DAYS = 90 * 48
REGULAR = b"\x02\x08\x09\x0c" + bytes(12) + b"\x06\x7f\xff\xff\xff" * 7
IRREGULAR = REGULAR + b"\x02\x08\x00" + b"\x06\x7f\xff\xff\xff" * 7


@pytest.mark.parametrize("rows", ["alike", "some without a clock"])
def test_ninety_days_are_read_row_by_row_in_little_memory(rows):
    octets = buffer(REGULAR, NINETY_DAYS)
    if rows != "alike":
        octets = octets[:5] + IRREGULAR * (NINETY_DAYS // 2)
    assert sum(1 for _ in iter_rows(octets)) == NINETY_DAYS
    # The octets of all rows once more, without the count before them.
    assert _memory(lambda: sum(1 for _ in iter_rows(octets))) < len(octets) + 50_000
    for at_once in (decode, decode_rows):
        with pytest.raises(DecodeError, match=r"memory|more elements"):
            at_once(octets)


@pytest.mark.parametrize(
    "row",
    [
        b"\x02\x01\x11\x05",
        b"\x02\x02\x12\xff\xff\x09\x00",
        b"\x02\x01\x0a\x02ab",
        b"\x02\x02\x00\x15" + b"\xff" * 8,
        REGULAR,
    ],
)
def test_the_most_rows_that_are_held_stay_within_time_and_memory(row):
    count = 1
    while _reads(buffer(row, count * 2)):
        count *= 2
    octets = buffer(
        row, max(each for each in (count, count * 5 // 4, count * 3 // 2, count * 7 // 4) if _reads(buffer(row, each)))
    )
    assert min(_timed(lambda: decode_rows(octets)) for _ in range(5)) < CPU_SECONDS
    assert _memory(lambda: decode_rows(octets)) < MEMORY + len(octets)


def _reads(octets: bytes) -> bool:
    try:
        decode_rows(octets)
    except DecodeError:
        return False
    return True


def test_the_fast_path_has_a_limit_of_its_own_and_keeps_the_time():
    most = 2 * MAX_ELEMENTS  # of one value each, and one for the structure
    within, beyond = buffer(b"\x02\x01\x11\x05", most), buffer(b"\x02\x01\x11\x05", most + 1)
    assert sum(1 for _ in iter_rows(within)) == most
    assert min(_timed(lambda: sum(1 for _ in iter_rows(within))) for _ in range(5)) < CPU_SECONDS
    assert_refused(beyond, "more elements")
    with pytest.raises(DecodeError, match="more elements"):
        list(iter_rows(beyond))


@pytest.mark.parametrize("end", range(1, 40))
def test_every_prefix_is_refused(end):
    whole = bytes.fromhex(
        "0204020412000809060000010000ff0f02120000090c07df0a0d02102d0000000000090c07df0a0d02130f0000000000"
    )
    assert_refused(whole[:end])


def test_strings_that_are_no_text_are_kept():
    assert decode(bytes.fromhex("0c02fffe")).value.encode("utf-8", "surrogateescape") == b"\xff\xfe"
    assert decode(bytes.fromhex("0a02fffe")).value == "ÿþ"


def test_bits_after_the_last_are_kept():
    data = decode(bytes.fromhex("0403ff"))
    assert (data.value.length, data.value.octets, data.value.bits) == (3, b"\xff", "111")


def _timed(job) -> float:
    start = process_time()
    job()
    return process_time() - start


def _memory(job) -> int:
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
