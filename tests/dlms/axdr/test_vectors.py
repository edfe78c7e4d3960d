"""Every bare Data that others published, both ways."""

import pytest

from headend.dlms.axdr import decode, decode_at, encode, from_notation, skip, to_notation
from tests.vectors import load_form

VECTORS = load_form("axdr-data")
# IEC 61334-6 lets any octet but 0 stand for true; ours is 01, as most meters send.
NOT_OURS = {"boolean-true-ff": "0301"}


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_the_octets_give_what_the_source_says(vector):
    assert to_notation(decode(vector.octets)) == vector.expected["data"]


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_what_the_source_says_gives_the_octets(vector):
    octets = NOT_OURS.get(vector.name, vector.octets.hex())
    assert encode(from_notation(vector.expected["data"])).hex() == octets


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_the_end_is_found_with_other_octets_around(vector):
    end = 3 + len(vector.octets)
    around = b"\x01\x02\x03" + vector.octets + b"\x09\xff"
    assert skip(around, 3) == end
    assert decode_at(around, 3) == (decode(vector.octets), end)


def test_all_nineteen_were_found():
    assert len(VECTORS) == 19
