"""Accounts judged many at a time, as they stand and without a visit.

Nobody visits a meter that can't be reached, but its consumer is to be told of the balance, an instalment falls due,
and rules that changed hold for everybody. The facts of some hundred accounts are read by a handful of statements. An
account about which there is more to know (a relay command, a top-up, an instalment) is viewed as a visit views it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from attrs import define, field, frozen

from headend.commands.conclusion import waits_for_button
from headend.prepaid.calendar import Closures
from headend.prepaid.caps import Caps, CutCounts
from headend.prepaid.model import AccountView, BalanceSource, EnergyMark, Facts, Mode, SentNotice
from headend.scheduler.ports import Judge, Judgement
from headend.session.ports import Now
from headend.storage.closures import closures_for
from headend.storage.instalments import book_due
from headend.storage.judgements import apply, moves_a_relay
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.switches import is_armed, is_killed, mode_of
from headend.storage.times import from_micros, to_micros
from headend.storage.views import (
    ACCOUNT_COLUMNS,
    DAY,
    NOTICES_SPAN,
    USE_DAYS,
    StoredAccount,
    cut_counts,
    stored_account,
    stored_from,
    view,
)
from headend.storage.writer import Writer

T = TypeVar("T")

#: Accounts of one transaction: some ten milliseconds.
BATCH: Final = 250

_ACCOUNTS: Final = f"""
SELECT {ACCOUNT_COLUMNS},
  s.reading_at, s.relay_connected, s.clock_deviation, s.balance, s.balance_at, s.control_state, s.control_mode,
  e.energy_wh, e.at, e.remainder, e.duty_remainder, e.slab_period, e.slab_wh,
  (SELECT l.balance FROM ledger l WHERE l.account = a.id ORDER BY l.id DESC LIMIT 1),
  d.id, d.verdict, d.reason, d.last_at
FROM accounts a LEFT JOIN meters m ON m.consumer_no = a.consumer_no
LEFT JOIN meter_state s ON s.meter = m.id LEFT JOIN energy_marks e ON e.meter = m.id
LEFT JOIN decisions d ON d.id = (SELECT max(x.id) FROM decisions x WHERE x.account = a.id)
WHERE a.consumer_no > ? ORDER BY a.consumer_no LIMIT ?
"""  # noqa: S608  constants

#: Meters and accounts about which more is to be known than a handful of statements tells.
_COMMANDED: Final = "SELECT DISTINCT meter FROM commands WHERE meter IN"
_TOPPED_UP: Final = "SELECT DISTINCT meter FROM topups WHERE meter IN"
_OWING_PARTS: Final = "SELECT DISTINCT account FROM instalments WHERE entry IS NULL AND account IN"

_NOTICES: Final = """
SELECT n.account, n.kind, n.key, n.at, n.delivered_at FROM notices n
WHERE n.account IN ({marks}) AND (n.at > ? OR n.id IN (
  SELECT max(id) FROM notices WHERE account IN ({marks}) GROUP BY account, kind))
ORDER BY n.account, n.id
"""

_TOLD: Final = """
SELECT n.account, min(n.at), min(n.delivered_at) FROM notices n JOIN accounts a ON a.id = n.account
WHERE n.kind = 'negative' AND n.at >= a.negative_since AND n.account IN ({marks}) GROUP BY n.account
"""

_USE: Final = """
SELECT account, sum(paise), min(day) FROM usage_days
WHERE day BETWEEN ? AND ? AND account IN ({marks}) GROUP BY account
"""

_AGAIN: Final = "UPDATE decisions SET last_at = ?, times = times + 1 WHERE id = ?"

#: Columns of `_ACCOUNTS` after those of the account: state of the meter, mark, balance, newest decision.
_STATE, _MARK, _BALANCE, _DECISION = slice(17, 24), slice(24, 30), 30, slice(31, 35)


@frozen
class Swept:
    """What became of some accounts: those judged by verdict, those left, and where to go on (None: that was all)."""

    judged: dict[str, int]
    left: int
    after: str | None


@define(eq=False)
class Sweeps:
    """Judges accounts without a visit."""

    _writer: Writer
    _readers: Readers
    _now: Now
    caps: Caps

    async def count(self) -> int:
        """How many accounts there are."""
        query = "SELECT count(*) FROM accounts"
        return await self._readers.run(lambda connection: int(connection.execute(query).fetchone()[0]))

    async def sweep(self, judge: Judge, after: str = "", *, judged_before: datetime | None = None) -> Swept:
        """Judge the next accounts after a consumer number, in one transaction.

        Those of which a decision was made at `judged_before` or later are left as they are.
        """
        return await self._writer.run(
            lambda connection: sweep(connection, self.caps, judge, after, judged_before, self._now()), calm=True
        )


def sweep(
    connection: Connection, caps: Caps, judge: Judge, after: str, judged_before: datetime | None, now: datetime
) -> Swept:
    """Judge the next accounts after a consumer number in the current transaction."""
    rows = [_Row(stored_from(row[:17]), row) for row in connection.execute(_ACCOUNTS, (after, BATCH))]
    due = [row for row in rows if judged_before is None or row.judged_at is None or row.judged_at < judged_before]
    around = _around(connection, due, now)
    verdicts: Counter[str] = Counter()
    again: list[tuple[int, int]] = []
    for row in due:
        judgement, stored = _judge(connection, around, judge, row)
        verdicts[judgement.decision.verdict.value] += 1
        if row.is_repeated_by(judgement):
            again.append((to_micros(now), row.decision))
        else:
            apply(connection, caps, stored, judgement, now)
    connection.executemany(_AGAIN, again)
    last = rows[-1].stored.account.consumer_no if len(rows) == BATCH else None
    return Swept(dict(verdicts), len(rows) - len(due), last)


@define
class _Row:
    """An account with what stands in the tables of one row each."""

    stored: StoredAccount
    columns: tuple[Any, ...]

    @property
    def decision(self) -> int:
        return int(self.columns[_DECISION][0])

    @property
    def judged_at(self) -> datetime | None:
        at: int | None = self.columns[_DECISION][3]
        return from_micros(at)

    def is_repeated_by(self, judgement: Judgement) -> bool:
        """Whether a judgement says what the last one said, and leaves nothing to be written but that."""
        decision = judgement.decision
        return (
            self.columns[_DECISION][1:3] == (decision.verdict.value, decision.reason.value)
            and not moves_a_relay(decision)
            and not (judgement.notices or judgement.flags or judgement.entries)
            and judgement.command is None
            and judgement.mark is None
        )


@define
class _Around:
    """What some accounts have in several rows, and what holds for all of them."""

    now: datetime
    armed: bool
    kill_switch: bool
    #: Row ids of meters and of accounts that are viewed one by one.
    meters: set[int]
    accounts: set[int]
    notices: dict[int, list[SentNotice]]
    told: dict[int, tuple[int, int | None]]
    use: dict[int, int]
    modes: dict[str, Mode] = field(factory=dict)
    cuts: dict[str, CutCounts] = field(factory=dict)
    closures: dict[str, Closures] = field(factory=dict)


def _around(connection: Connection, rows: Sequence[_Row], now: datetime) -> _Around:
    accounts = tuple(row.stored.id for row in rows)
    meters = tuple(row.stored.meter_id for row in rows if row.stored.meter_id is not None)
    commanded = _first_of(connection, f"{_COMMANDED} ({_marks(meters)})", meters)
    topped_up = _first_of(connection, f"{_TOPPED_UP} ({_marks(meters)})", meters)
    owing = _first_of(connection, f"{_OWING_PARTS} ({_marks(accounts)})", accounts)
    told = connection.execute(_TOLD.format(marks=_marks(accounts)), accounts)
    return _Around(
        now,
        is_armed(connection),
        is_killed(connection),
        commanded | topped_up,
        owing,
        _notices(connection, accounts, now),
        {account: (written, delivered) for account, written, delivered in told},
        _use(connection, accounts, now),
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _first_of(connection: Connection, query: str, values: Iterable[int]) -> set[int]:
    return {row[0] for row in connection.execute(query, tuple(values))}


def _notices(connection: Connection, accounts: tuple[int, ...], now: datetime) -> dict[int, list[SentNotice]]:
    found: dict[int, list[SentNotice]] = {}
    values = (*accounts, to_micros(now - NOTICES_SPAN), *accounts)
    for account, kind, key, at, delivered in connection.execute(_NOTICES.format(marks=_marks(accounts)), values):
        found.setdefault(account, []).append(SentNotice(kind, key, from_micros(at), from_micros(delivered)))
    return found


def _use(connection: Connection, accounts: tuple[int, ...], now: datetime) -> dict[int, int]:
    """Paise a day of each account of which whole days are known."""
    today = to_micros(now) // DAY
    values = (today - USE_DAYS, today - 1, *accounts)
    rows = connection.execute(_USE.format(marks=_marks(accounts)), values)
    return {account: paise // (today - first) for account, paise, first in rows}


def _judge(connection: Connection, around: _Around, judge: Judge, row: _Row) -> tuple[Judgement, StoredAccount]:
    stored = row.stored
    if stored.meter_id not in around.meters and stored.id not in around.accounts:
        return judge(_view(connection, around, row)), stored
    if book_due(connection, stored, around.now):
        stored = stored_account(connection, stored.account.consumer_no)
    return judge(view(connection, stored, around.now)), stored


def _view(connection: Connection, around: _Around, row: _Row) -> AccountView:
    """What `view` gives of an account without command, top-up or instalment due."""
    stored, account = row.stored, row.stored.account
    reading_at, relay, deviation, meter_balance, meter_balance_at, *control = row.columns[_STATE]
    mark = _mark(row)
    if account.balance_source is BalanceSource.METER:
        balance, balance_at = meter_balance, from_micros(meter_balance_at)
    else:
        balance, balance_at = row.columns[_BALANCE] or 0, (mark.at if mark else None)
    written, delivered = around.told.get(stored.id, (None, None))
    cuts = _of_office(around.cuts, account.office, lambda office: cut_counts(connection, around.now, office))
    facts = Facts(
        now=around.now,
        account=account,
        mode=_of_office(around.modes, account.office, lambda office: mode_of(connection, office)),
        armed=around.armed,
        kill_switch=around.kill_switch,
        balance=balance,
        balance_at=balance_at,
        reading_at=from_micros(reading_at),
        clock_deviation=deviation,
        relay_connected=None if relay is None else bool(relay),
        open_command=None,
        cuts_last_hour=cuts.last_hour,
        time_zone=stored.time_zone,
        negative_since=from_micros(stored.negative_since),
        notice_at=from_micros(written),
        notice_delivered_at=from_micros(delivered),
        cuts_last_day=cuts.last_day,
        cuts_segment=cuts.segment_hour,
        relay_ready=relay == 0 and waits_for_button(False, *control),  # noqa: FBT003  the contact is open
    )
    closures = _of_office(around.closures, account.office, lambda office: closures_for(connection, office, around.now))
    notices = tuple(around.notices.get(stored.id, ()))
    return AccountView(facts, mark, notices, around.use.get(stored.id), closures)


def _of_office(known: dict[str, T], office: str, ask: Callable[[str], T]) -> T:
    """What holds for an office, asked for once: in one transaction nothing of it changes."""
    found = known.get(office)
    if found is None:
        found = known[office] = ask(office)
    return found


def _mark(row: _Row) -> EnergyMark | None:
    energy_wh, at, *rest = row.columns[_MARK]
    serial = row.stored.account.meter
    return None if at is None or serial is None else EnergyMark(serial, energy_wh, from_micros(at), *rest)
