"""An account as it stands inside a transaction: every fact a decision may rest on, gathered in one place."""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define

from headend.commands.conclusion import waits_for_button
from headend.prepaid.caps import CutCounts
from headend.prepaid.model import Account, AccountView, BalanceSource, EnergyMark, Facts, OpenCommand, SentNotice
from headend.storage.closures import closures_for
from headend.storage.errors import UnknownConsumer
from headend.storage.ledger import balance_of
from headend.storage.sqlite import Connection
from headend.storage.switches import is_armed, is_killed, mode_of
from headend.storage.times import from_micros, to_micros

#: What `stored_from` makes an account of.
ACCOUNT_COLUMNS: Final = """
a.id, a.consumer_no, a.name, a.language, a.mobile, a.category, a.office, a.tariff, a.protected, a.balance_source,
m.serial, a.reconciled, a.converted_at, a.sanctioned_load, a.negative_since, m.id, m.time_zone
"""

_ACCOUNT: Final = f"""
SELECT {ACCOUNT_COLUMNS}
FROM accounts a LEFT JOIN meters m ON m.consumer_no = a.consumer_no
"""  # noqa: S608  constant

_STATE: Final = """
SELECT reading_at, relay_connected, clock_deviation, balance, balance_at, control_state, control_mode
FROM meter_state WHERE meter = ?
"""

#: The command that will decide where the relay ends: one that was replaced matters only when nothing else is open.
_OPEN_COMMAND: Final = """
SELECT id, target, state, origin FROM commands
WHERE meter = ? AND state IN ('requested', 'sending', 'unknown', 'quarantined')
ORDER BY superseded_by IS NOT NULL, id DESC LIMIT 1
"""

_LAST_CONFIRMED: Final = """
SELECT id, target = 'disconnected' AND origin = 'policy',
       CASE WHEN target = 'connected' AND origin = 'policy' AND reason LIKE 'partial_payment:%' THEN changed_at END
FROM commands WHERE meter = ? AND state = 'confirmed' ORDER BY id DESC LIMIT 1
"""

_CUT: Final = """
SELECT balance, requested_at FROM commands WHERE meter = ? AND target = 'disconnected' AND origin = 'policy'
AND state NOT IN ('cancelled', 'expired', 'rejected') ORDER BY id DESC LIMIT 1
"""

_PAID: Final = """
SELECT coalesce(sum(amount), 0) FROM ledger
WHERE account = ? AND booked_at >= ? AND kind IN ('recharge', 'deposit', 'reversal')
"""

_NOTICES: Final = """
SELECT kind, key, at, delivered_at FROM notices n WHERE account = :account AND (at > :since OR id IN (
  SELECT max(id) FROM notices WHERE account = :account GROUP BY kind))
ORDER BY id
"""

_CUTS: Final = """
SELECT coalesce(sum(counted_at > :hour), 0), count(*), coalesce(sum(counted_at > :hour AND segment = :segment), 0)
FROM commands WHERE target = 'disconnected' AND counted_at > :day AND id <> :but
"""

_OPEN_TOPUP: Final = """
SELECT 1 FROM topups WHERE meter = ? AND state IN ('requested', 'sending', 'unknown', 'quarantined') LIMIT 1
"""

#: Notices of this span, and the newest of each kind however old: what tells whether another one is due.
NOTICES_SPAN: Final = timedelta(days=35)
#: The days before today that use is averaged over.
USE_DAYS: Final = 7
DAY: Final = 86_400_000_000
_HOUSE_ZONE: Final = "Asia/Kolkata"


@define
class StoredAccount:
    """An account with the row ids that its meter and itself have."""

    id: int
    account: Account
    negative_since: int | None
    meter_id: int | None
    time_zone: str


def stored_account(connection: Connection, consumer_no: str) -> StoredAccount:
    """The account of a consumer; raises UnknownConsumer."""
    row = connection.execute(f"{_ACCOUNT} WHERE a.consumer_no = ?", (consumer_no,)).fetchone()
    if row is None:
        raise UnknownConsumer(consumer_no)
    return stored_from(row)


def account_of_meter(connection: Connection, meter: int) -> StoredAccount | None:
    """The account that a meter belongs to, None when it has none."""
    row = connection.execute(f"{_ACCOUNT} WHERE m.id = ?", (meter,)).fetchone()
    return None if row is None else stored_from(row)


def all_accounts(connection: Connection, after: str, limit: int) -> list[Account]:
    """Accounts by consumer number, from the one after `after`."""
    rows = connection.execute(f"{_ACCOUNT} WHERE a.consumer_no > ? ORDER BY a.consumer_no LIMIT ?", (after, limit))
    return [stored_from(row).account for row in rows]


def view(connection: Connection, stored: StoredAccount, now: datetime) -> AccountView:
    """The account with all its facts at `now`."""
    meter = stored.meter_id
    state = connection.execute(_STATE, (meter,)).fetchone() or (None,) * 7
    reading_at, relay, deviation, meter_balance, meter_balance_at, *control = state
    mark = energy_mark(connection, stored)
    if stored.account.balance_source is BalanceSource.METER:
        balance, balance_at = meter_balance, from_micros(meter_balance_at)
    else:
        balance, balance_at = balance_of(connection, stored.id), (mark.at if mark else None)
    cuts = cut_counts(connection, now, stored.account.office)
    notices = notices_of(connection, stored.id, now)
    written, delivered = told_of(connection, stored)
    last_confirmed, by_us, partial_at = _last_confirmed(connection, meter)
    open_command = _open_command(connection, meter)
    # Nearly every account has neither, and is spared two questions.
    cut_balance, paid = _cut(connection, stored) if by_us or open_command else (None, 0)
    facts = Facts(
        now=now,
        account=stored.account,
        mode=mode_of(connection, stored.account.office),
        armed=is_armed(connection),
        kill_switch=is_killed(connection),
        balance=balance,
        balance_at=balance_at,
        reading_at=from_micros(reading_at),
        clock_deviation=deviation,
        relay_connected=None if relay is None else bool(relay),
        open_command=open_command,
        cuts_last_hour=cuts.last_hour,
        time_zone=stored.time_zone,
        negative_since=from_micros(stored.negative_since),
        notice_at=written,
        notice_delivered_at=delivered,
        disconnected_by_us=by_us,
        cuts_last_day=cuts.last_day,
        cuts_segment=cuts.segment_hour,
        relay_command=last_confirmed,
        cut_balance=cut_balance,
        paid_since_cut=paid,
        partial_at=from_micros(partial_at),
        topup_open=_topup_open(connection, stored),
        relay_ready=relay == 0 and waits_for_button(False, *control),  # noqa: FBT003  the contact is open
    )
    closures = closures_for(connection, stored.account.office, now)
    return AccountView(facts, mark, notices, _daily_use(connection, stored.id, now), closures)


def _daily_use(connection: Connection, account: int, now: datetime) -> int | None:
    """Paise a day over the last whole days that are known; a day without an entry within them counts as one."""
    today = to_micros(now) // DAY
    paise, first = connection.execute(
        "SELECT sum(paise), min(day) FROM usage_days WHERE account = ? AND day BETWEEN ? AND ?",
        (account, today - USE_DAYS, today - 1),
    ).fetchone()
    return None if first is None else paise // (today - first)


def cut_counts(connection: Connection, now: datetime, segment: str, *, but: int = 0) -> CutCounts:
    """Disconnects that hold a place under the caps at `now`, without the command `but`."""
    hour, day = (to_micros(now - timedelta(hours=hours)) for hours in (1, 24))
    row = connection.execute(_CUTS, {"hour": hour, "day": day, "segment": segment, "but": but}).fetchone()
    return CutCounts(*row)


def energy_mark(connection: Connection, stored: StoredAccount) -> EnergyMark | None:
    """How far the energy of the account's meter is charged, None before the first charge."""
    row = connection.execute(
        "SELECT energy_wh, at, remainder, duty_remainder, slab_period, slab_wh FROM energy_marks WHERE meter = ?",
        (stored.meter_id,),
    ).fetchone()
    if row is None or stored.account.meter is None:
        return None
    energy_wh, at, *rest = row
    return EnergyMark(stored.account.meter, energy_wh, from_micros(at), *rest)


def stored_from(row: tuple[Any, ...]) -> StoredAccount:
    """The account of a row of `ACCOUNT_COLUMNS`."""
    (row_id, consumer_no, name, language, mobile, category, office, tariff, protected, source, serial, *rest) = row
    reconciled, converted_at, load, negative_since, meter, zone = rest
    account = Account(
        consumer_no,
        name,
        language,
        mobile,
        category,
        office,
        tariff,
        protected,
        BalanceSource(source),
        serial,
        bool(reconciled),
        from_micros(converted_at),
        load,
    )
    return StoredAccount(row_id, account, negative_since, meter, zone or _HOUSE_ZONE)


def _open_command(connection: Connection, meter: int | None) -> OpenCommand | None:
    row = connection.execute(_OPEN_COMMAND, (meter,)).fetchone()
    return None if row is None else OpenCommand(*row)


def _last_confirmed(connection: Connection, meter: int | None) -> tuple[int | None, bool, int | None]:
    """The last confirmed command of a meter, whether it was a cut for credit, and when a part payment restored it."""
    row = connection.execute(_LAST_CONFIRMED, (meter,)).fetchone()
    return (None, False, None) if row is None else (row[0], bool(row[1]), row[2])


def _cut(connection: Connection, stored: StoredAccount) -> tuple[int | None, int]:
    """What the newest cut for credit rested on, and what was paid since it was asked for."""
    row = connection.execute(_CUT, (stored.meter_id,)).fetchone()
    if row is None:
        return None, 0
    (paid,) = connection.execute(_PAID, (stored.id, row[1])).fetchone()
    return row[0], max(int(paid), 0)


def _topup_open(connection: Connection, stored: StoredAccount) -> bool:
    if stored.account.balance_source is not BalanceSource.METER:
        return False
    return connection.execute(_OPEN_TOPUP, (stored.meter_id,)).fetchone() is not None


def notices_of(connection: Connection, account: int, now: datetime) -> tuple[SentNotice, ...]:
    """The notices of the last weeks and the newest of each kind, in the order in which they were written."""
    rows = connection.execute(_NOTICES, {"account": account, "since": to_micros(now - NOTICES_SPAN)})
    return tuple(SentNotice(kind, key, from_micros(at), from_micros(delivered)) for kind, key, at, delivered in rows)


def told_of(connection: Connection, stored: StoredAccount) -> tuple[datetime | None, datetime | None]:
    """When the consumer was first told of this time below zero: written, and delivered."""
    if stored.negative_since is None:
        return None, None
    written, delivered = connection.execute(
        "SELECT min(at), min(delivered_at) FROM notices WHERE account = ? AND kind = 'negative' AND at >= ?",
        (stored.id, stored.negative_since),
    ).fetchone()
    return from_micros(written), from_micros(delivered)
