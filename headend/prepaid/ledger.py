"""Ledger arithmetic: energy becomes money, entries become balances. Nothing doubtful is billed in silence."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate

from attrs import evolve, frozen

from headend.prepaid.model import EnergyMark, EntryKind, NewEntry
from headend.prepaid.tariff import MICRO, Tariff


class Flag(StrEnum):
    """Why a register value was not charged and waits for a person."""

    ROLL_BACK = "roll_back"
    METER_CHANGED = "meter_changed"
    TIME_BACKWARDS = "time_backwards"
    GAP = "gap"
    IMPLAUSIBLE = "implausible"
    NO_LOAD = "no_load"


@frozen
class Charge:
    """What a register value costs: entries to book, and the mark up to which is charged then.

    With a `flag` nothing is charged and the mark stays where it was.
    """

    entries: tuple[NewEntry, ...]
    mark: EnergyMark
    flag: Flag | None = None


def charge(
    consumer_no: str, mark: EnergyMark | None, seen: EnergyMark, tariff: Tariff, load: int | None = None
) -> Charge:
    """Charge the energy between `mark` and `seen` (meter, register in Wh, time), and the fixed charge of days begun.

    The first value of a meter charges nothing. A value seen twice charges nothing. `load`: the sanctioned load in W; a
    tariff that charges by it charges nothing without it.
    """
    if mark is None:
        return Charge((), evolve(seen, slab_period=_period(tariff, seen.at)))
    flag = doubt(mark, seen, tariff)
    if flag is None and tariff.fixed_per_kw and load is None:
        flag = Flag.NO_LOAD
    if flag is not None:
        return Charge((), mark, flag)
    energy, moved = _energy(consumer_no, mark, seen, tariff)
    return Charge((*energy, *_fixed(consumer_no, mark.at, seen.at, tariff, load)), moved)


def doubt(mark: EnergyMark, seen: EnergyMark, tariff: Tariff) -> Flag | None:
    """Why the difference between two register values can't be charged as it stands, None when it can."""
    if seen.meter != mark.meter:
        return Flag.METER_CHANGED
    if seen.energy_wh < mark.energy_wh:
        return Flag.ROLL_BACK
    if seen.at < mark.at:
        return Flag.TIME_BACKWARDS
    span = seen.at - mark.at
    if span > tariff.max_gap:
        return Flag.GAP
    # One minute of grace: a register in steps of 1 kWh may jump right after the mark.
    hours = max(span, timedelta(minutes=1)) / timedelta(hours=1)
    if seen.energy_wh - mark.energy_wh > tariff.max_watts * hours + 1000:
        return Flag.IMPLAUSIBLE
    return None


def balance(amounts: Iterable[int]) -> int:
    """The balance in paise after these amounts."""
    return sum(amounts)


def running(amounts: Iterable[int], opening: int = 0) -> list[int]:
    """The balance after each amount, in the order given."""
    return list(accumulate(amounts, initial=opening))[1:]


def _energy(
    consumer_no: str, mark: EnergyMark, seen: EnergyMark, tariff: Tariff
) -> tuple[tuple[NewEntry, ...], EnergyMark]:
    micro, period, used = mark.remainder, mark.slab_period, mark.slab_wh
    for month, wh in _by_month(mark, seen, tariff):
        if month != period:
            period, used = month, 0
        micro += tariff.energy(used, wh)
        used += wh
    paise, remainder = divmod(micro, MICRO)
    # The duty rests on whole paise: what the energy charge carries over pays its duty when it is booked.
    duty, duty_remainder = divmod(paise * tariff.duty * (MICRO // 10_000) + mark.duty_remainder, MICRO)
    reference = f"{seen.meter}:{mark.energy_wh}-{seen.energy_wh}"
    note = f"{seen.energy_wh - mark.energy_wh} Wh"
    amounts = ((EntryKind.ENERGY, paise), (EntryKind.DUTY, duty))
    entries = tuple(
        NewEntry(consumer_no, kind, -amount, reference, seen.at, note) for kind, amount in amounts if amount
    )
    return entries, EnergyMark(seen.meter, seen.energy_wh, seen.at, remainder, duty_remainder, period, used)


def _by_month(mark: EnergyMark, seen: EnergyMark, tariff: Tariff) -> list[tuple[str, int]]:
    """The energy of each calendar month, shared out by time where a span crosses a month's end."""
    start, end = tariff.local(mark.at), tariff.local(seen.at)
    wh, span = seen.energy_wh - mark.energy_wh, seen.at - mark.at
    pieces: list[tuple[str, int]] = []
    shared = 0
    while (border := _next_month(start)) < end:
        upto = wh * ((border - mark.at) // timedelta(microseconds=1)) // (span // timedelta(microseconds=1))
        pieces.append((_period(tariff, start), upto - shared))
        shared, start = upto, border
    pieces.append((_period(tariff, start), wh - shared))
    return pieces


def _next_month(local: datetime) -> datetime:
    first = date(local.year + local.month // 12, local.month % 12 + 1, 1)
    return datetime.combine(first, time(), local.tzinfo)


def _period(tariff: Tariff, moment: datetime) -> str:
    return f"{tariff.local(moment):%Y-%m}"


def _fixed(
    consumer_no: str, since: datetime, until: datetime, tariff: Tariff, load: int | None
) -> tuple[NewEntry, ...]:
    """The fixed charge of each local day that began after `since`."""
    first, last = tariff.local(since).date(), tariff.local(until).date()
    days = [first + timedelta(days=count + 1) for count in range((last - first).days)]
    return tuple(
        _fixed_entry(consumer_no, day, amount, until) for day in days if (amount := tariff.fixed_on(day, load))
    )


def _fixed_entry(consumer_no: str, day: date, amount: int, at: datetime) -> NewEntry:
    return NewEntry(consumer_no, EntryKind.FIXED, -amount, f"fixed:{day.isoformat()}", at)
