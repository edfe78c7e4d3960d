"""Arrears in fixed parts: how a sum is shared out, and the days on which its parts fall due."""

import calendar
from datetime import date
from typing import Final

from attrs import frozen

#: Ten years of months; a longer plan is a slip of the keyboard.
MOST_PARTS: Final = 120


@frozen
class Instalment:
    """One part of a plan: `amount` paise, to be paid at the latest on `due_on`."""

    number: int
    due_on: date
    amount: int


def schedule(total: int, parts: int, first: date) -> tuple[Instalment, ...]:
    """`total` paise in `parts` monthly parts that add up to it exactly; what does not divide is in the first ones.

    A month that lacks the day of `first` takes its last day. Raises ValueError for a plan that makes no sense.
    """
    if not 1 <= parts <= MOST_PARTS:
        raise ValueError(f"a plan has 1 to {MOST_PARTS} instalments, not {parts}")
    if total < parts:
        raise ValueError(f"{total} paise can't be shared out over {parts} instalments")
    share, rest = divmod(total, parts)
    return tuple(
        Instalment(number, _months_after(first, number - 1), share + (number <= rest)) for number in range(1, parts + 1)
    )


def _months_after(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    year, month = first.year + years, month + 1
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))
