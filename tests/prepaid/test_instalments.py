from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.prepaid.instalments import schedule


@given(st.integers(1, 10**9), st.integers(1, 120))
def test_the_parts_add_up_to_the_whole_and_differ_by_a_paisa_at_most(total, parts):
    if total < parts:
        with pytest.raises(ValueError, match="can't be shared"):
            schedule(total, parts, date(2026, 12, 5))
        return
    amounts = [each.amount for each in schedule(total, parts, date(2026, 12, 5))]
    assert sum(amounts) == total
    assert len(amounts) == parts
    assert max(amounts) - min(amounts) <= 1
    assert amounts == sorted(amounts, reverse=True)


def test_a_part_falls_due_each_month_on_its_day_or_the_last_one():
    days = [each.due_on for each in schedule(400, 4, date(2026, 11, 30))]
    assert days == [date(2026, 11, 30), date(2026, 12, 30), date(2027, 1, 30), date(2027, 2, 28)]
    assert [each.number for each in schedule(400, 4, date(2026, 11, 30))] == [1, 2, 3, 4]


@pytest.mark.parametrize("parts", [0, -1, 121])
def test_a_plan_without_parts_or_without_end_is_refused(parts):
    with pytest.raises(ValueError, match="1 to 120"):
        schedule(10**6, parts, date(2026, 11, 30))
