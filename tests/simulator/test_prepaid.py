import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.prepaid import PrepaidRegisters

KWH = 1_000_000
int32 = st.integers(-(1 << 31), (1 << 31) - 1)


@given(int32, st.integers(0, 100 * KWH), st.integers(0, 10**12), st.integers(0, 2000))
def test_the_balance_never_rises_by_itself_and_fits_its_type(opening, start, used, tariff):
    registers = PrepaidRegisters(opening, start, tariff)
    assert registers.balance(start) == opening
    assert -(1 << 31) <= registers.balance(start + used + 1) <= registers.balance(start + used) <= opening


def test_a_paisa_falls_when_it_is_used_up():
    registers = PrepaidRegisters(100, 0, 500)  # 5 rupees a kWh: a paisa is 2 Wh
    assert [registers.balance(mwh) for mwh in (1999, 2000, 3999, 4000)] == [100, 99, 99, 98]


@given(int32, st.integers(0, KWH), st.integers(0, KWH))
def test_what_was_used_before_a_write_is_forgotten(written, before, after):
    registers = PrepaidRegisters(0, 0, 700)
    registers.write_balance(written, before)
    assert registers.balance(before) == written
    assert registers.balance(before + after) == max(-(1 << 31), written - after * 700 // KWH)


@pytest.mark.parametrize("paise", [1 << 31, -(1 << 31) - 1])
def test_a_balance_that_does_not_fit_is_refused_and_changes_nothing(paise):
    registers = PrepaidRegisters(5, 0, 700)
    with pytest.raises(ValueError, match="does not fit"):
        registers.write_balance(paise, 0)
    assert registers.balance(0) == 5


def test_going_to_postpaid_and_back_charges_nothing_for_the_time_between():
    registers = PrepaidRegisters(10_000, 0, 700)
    registers.switch_mode(0, KWH)
    assert registers.balance(5 * KWH) == 9300
    registers.switch_mode(1, 5 * KWH)
    assert registers.balance(6 * KWH) == 8600
