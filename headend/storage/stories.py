"""Everything that happened to an account, in the order in which it happened, for telling its story."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from attrs import frozen

from headend.commands.conclusion import PRESS_BUTTON
from headend.commands.model import State
from headend.prepaid.model import AccountView
from headend.prepaid.replay import read_facts
from headend.prepaid.story.telling import Decided, Happening, Money, Moved, Told
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros
from headend.storage.views import StoredAccount, stored_account, view

#: What comes with every visit is told once a day.
_DAILY: Final = frozenset({"energy", "duty", "fixed"})


@frozen
class Story:
    """An account as it stands, why, and its newest happenings, oldest first."""

    view: AccountView
    reason: str | None
    time_zone: str
    happenings: tuple[Happening, ...]


def story_of(connection: Connection, consumer_no: str, now: datetime, limit: int) -> Story:
    """The story of a consumer's account, its newest `limit` happenings."""
    stored = stored_account(connection, consumer_no)
    language = stored.account.language
    decided = list(_decisions(connection, stored, limit))
    happenings: list[Happening] = [
        *_notices(connection, stored, language, limit),
        *_steps(connection, stored, limit),
        *decided,
        *_money(connection, stored, limit),
    ]
    # What happened in one transaction has one time: money, then the decision, then what followed from it.
    happenings.reverse()
    happenings.sort(key=_at)
    reason = decided[0].reason if decided else None
    return Story(view(connection, stored, now), reason, stored.time_zone, tuple(happenings[-limit:]))


def _at(happening: Happening) -> datetime:
    return happening.at


def _money(connection: Connection, stored: StoredAccount, limit: int) -> Iterator[Money]:
    """Entries, newest first; those that come with every visit added up by kind and day."""
    zone, days = ZoneInfo(stored.time_zone), dict[tuple[str, str], Money]()
    rows = connection.execute(
        "SELECT id, kind, amount, reference, booked_at, note, balance FROM ledger WHERE account = ? ORDER BY id DESC",
        (stored.id,),
    )
    single = 0
    for number, kind, amount, reference, booked_at, note, balance in rows:
        at = from_micros(booked_at)
        if kind not in _DAILY:
            single += 1
            yield Money(at, kind, amount, balance, reference, note, number, number)
        else:
            key = (kind, at.astimezone(zone).date().isoformat())
            days[key] = _added(days.get(key), Money(at, kind, amount, balance, reference, note, number, number))
        if single + len(days) > limit:
            break
    yield from days.values()


def _added(day: Money | None, entry: Money) -> Money:
    """`entry` is older than what `day` holds so far: that keeps its time, balance and last number."""
    if day is None:
        return entry
    note = day.note if entry.kind != "energy" else f"{_wh(day.note) + _wh(entry.note)} Wh"
    amount = day.amount + entry.amount
    return Money(day.at, day.kind, amount, day.balance, day.reference, note, entry.first, day.last)


def _wh(note: str) -> int:
    number = note.partition(" ")[0]
    return int(number) if number.isdecimal() else 0


def _decisions(connection: Connection, stored: StoredAccount, limit: int) -> Iterator[Decided]:
    rows = connection.execute(
        "SELECT id, at, verdict, reason, would, times, last_at, facts FROM decisions WHERE account = ?"
        " ORDER BY id DESC LIMIT ?",
        (stored.id, limit),
    )
    for number, at, verdict, reason, would, times, last_at, facts in rows:
        seen = from_micros(last_at)
        yield Decided(from_micros(at), number, verdict, reason, would == "disconnect", times, seen, read_facts(facts))


def _notices(connection: Connection, stored: StoredAccount, language: str, limit: int) -> Iterator[Told]:
    rows = connection.execute(
        "SELECT id, at, kind, texts, delivered_at FROM notices WHERE account = ? ORDER BY id DESC LIMIT ?",
        (stored.id, limit),
    )
    for number, at, kind, texts, delivered in rows:
        said = msgspec.json.decode(texts, type=dict[str, str])
        yield Told(from_micros(at), number, kind, said.get(language, ""), from_micros(delivered))


def _steps(connection: Connection, stored: StoredAccount, limit: int) -> Iterator[Moved]:
    rows = connection.execute(
        "SELECT s.at, c.id, c.target, s.after, s.note FROM commands c JOIN command_steps s ON s.command = c.id"
        " WHERE c.meter = ? ORDER BY c.id DESC, s.id DESC LIMIT ?",
        (stored.meter_id, limit),
    )
    for at, number, target, after, note in rows:
        # A reconnect that readied the relay was not refused: the rest is done at the meter.
        button = after == State.REJECTED.value and PRESS_BUTTON in note
        yield Moved(from_micros(at), number, target, "button" if button else after, note)
