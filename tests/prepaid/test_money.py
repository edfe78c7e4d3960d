import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.prepaid.money import format_rupees, parse_rupees, whole_rupees
from headend.prepaid.policy import Policy


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


@pytest.mark.parametrize(("paise", "rupees"), [(0, 0), (1, 100), (99, 100), (100, 100), (101, 200), (137_51, 138_00)])
def test_what_is_to_be_paid_is_rounded_up_to_rupees(paise, rupees):
    assert whole_rupees(paise) == rupees


@pytest.mark.parametrize(
    ("balance", "least", "asked"),
    [
        (-137_50, None, 138_00),
        (-137_50, 200_00, 200_00),
        (-1, None, 1_00),
        (1, None, 0),
        (500, None, 0),
        (500, 50_00, 50_00),
    ],
)
def test_messages_and_portal_ask_for_the_same(balance, least, asked):
    assert Policy(min_recharge=least).to_pay(balance) == asked
