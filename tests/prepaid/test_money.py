import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.prepaid.money import format_rupees, parse_rupees


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (-1250, "-₹12.50"),
        (99_999, "₹999.99"),
        (1_00_000, "₹1,000.00"),
        (1_23_456_50, "₹1,23,456.50"),
        (-12_34_56_789_00, "-₹12,34,56,789.00"),
    ],
)
def test_rupees_are_written_as_in_india(paise, text):
    assert format_rupees(paise) == text
    assert parse_rupees(text) == paise


@pytest.mark.parametrize(
    ("text", "paise"),
    [("200", 20_000), (" 99.5 ", 9950), ("₹ 1,250.05", 125_005), ("-0.01", -1), ("1,23,456", 12_345_600)],
)
def test_rupees_are_read_as_people_write_them(text, paise):
    assert parse_rupees(text) == paise


@pytest.mark.parametrize(
    "text", ["", "₹", "1.234", "1.", ".5", "1e3", "NaN", "12a", "--1", "1 2", "٣", "1.2.3", ",", "$5", "+5"]
)
def test_anything_else_is_no_amount(text):
    with pytest.raises(ValueError, match="no amount in rupees"):
        parse_rupees(text)


@given(st.integers(-(10**13), 10**13))
def test_every_amount_survives_writing_and_reading(paise):
    assert parse_rupees(format_rupees(paise)) == paise
