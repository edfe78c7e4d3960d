"""What the store holds of a meter and its account when a visit is to be written: one question instead of thirty.

Nearly every account is plain: no relay command, no top-up, no instalment is known of it. Its facts are put together
from this one answer; any other account is viewed by `view`, which asks for each.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define

from headend.commands.conclusion import waits_for_button
from headend.prepaid.calendar import Closures
from headend.prepaid.caps import CutCounts
from headend.prepaid.model import AccountView, BalanceSource, EnergyMark, Facts, Mode
from headend.storage.closures import closures_for
from headend.storage.errors import UnknownMeter
from headend.storage.inventory import Known
from headend.storage.sqlite import Connection
from headend.storage.switches import above
from headend.storage.times import from_micros, to_micros
from headend.storage.views import (
    ACCOUNT_COLUMNS,
    DAY,
    USE_DAYS,
    StoredAccount,
    cut_counts,
    notices_of,
    stored_from,
    told_of,
)

_STANDING: Final = f"""
SELECT {ACCOUNT_COLUMNS}, m.office, m.consumer_no,
  s.last_outcome, s.relay_at,
  s.reading_at, s.relay_connected, s.clock_deviation, s.balance, s.balance_at, s.control_state, s.control_mode,
  e.energy_wh, e.at, e.remainder, e.duty_remainder, e.slab_period, e.slab_wh,
  (SELECT l.balance FROM ledger l WHERE l.account = a.id ORDER BY l.id DESC LIMIT 1),
  d.id, d.verdict, d.reason,
  EXISTS (SELECT 1 FROM work_items w WHERE w.meter = m.id AND w.closed_at IS NULL),
  EXISTS (SELECT 1 FROM commands c WHERE c.meter = m.id)
  OR EXISTS (SELECT 1 FROM topups t WHERE t.meter = m.id)
  OR EXISTS (SELECT 1 FROM instalments i WHERE i.account = a.id AND i.entry IS NULL),
  EXISTS (SELECT 1 FROM notices n WHERE n.account = a.id),
  (SELECT sum(u.paise) FROM usage_days u WHERE u.account = a.id AND u.day BETWEEN ? AND ?),
  (SELECT min(u.day) FROM usage_days u WHERE u.account = a.id AND u.day BETWEEN ? AND ?)
FROM meters m LEFT JOIN accounts a ON a.consumer_no = m.consumer_no
LEFT JOIN meter_state s ON s.meter = m.id LEFT JOIN energy_marks e ON e.meter = m.id
LEFT JOIN decisions d ON d.id = (SELECT max(x.id) FROM decisions x WHERE x.account = a.id)
WHERE m.serial = ?
"""  # noqa: S608  constants

#: What holds for the office of an account and for the house; `{marks}` for the office and all above it.
_HOUSE: Final = """
SELECT (SELECT o.mode FROM office_modes o WHERE o.office IN ({marks}) ORDER BY length(o.office) DESC LIMIT 1),
  (SELECT w.value FROM switches w WHERE w.name = 'armed'),
  (SELECT w.value FROM switches w WHERE w.name = 'kill_switch'),
  EXISTS (SELECT 1 FROM closures c WHERE c.lifted_at IS NULL),
  EXISTS (SELECT 1 FROM commands c WHERE c.target = 'disconnected' AND c.counted_at > ?)
"""

_ACCOUNT: Final = slice(0, 17)
_MARK: Final = slice(28, 34)
_NO_CUTS: Final = CutCounts(0, 0, 0)
_NO_CLOSURES: Final = Closures()


@define
class State:
    """The newest of what decisions rest on, as `meter_state` has it: times in microseconds, the relay as 0 or 1."""

    outcome: str | None
    relay_at: int | None
    reading_at: int | None
    relay: int | None
    deviation: float | None
    balance: int | None
    balance_at: int | None
    control_state: int | None
    control_mode: int | None


@define
class Standing:
    """A meter before a visit is written; `state` is moved on with what the visit learned."""

    meter: Known
    state: State
    account: StoredAccount | None
    mark: EnergyMark | None
    #: Where the account's ledger ends, in paise.
    balance: int
    #: Row id, verdict and reason of the newest decision.
    decision: tuple[int, str, str] | None
    #: Whether something waits for a person at this meter.
    has_work: bool
    #: Whether there is nothing to be asked of commands, top-ups and instalments.
    plain: bool
    has_notices: bool
    daily_use: int | None


def standing_of(connection: Connection, serial: str, now: datetime) -> Standing:
    """A meter and its account as they stand; raises UnknownMeter."""
    today = to_micros(now) // DAY
    days = (today - USE_DAYS, today - 1)
    row: tuple[Any, ...] | None = connection.execute(_STANDING, (*days, *days, serial)).fetchone()
    if row is None:
        raise UnknownMeter(serial)
    serial, meter, zone, account = row[10], row[15], row[16], row[0]
    energy_wh, at, *rest = row[_MARK]
    balance, decision, verdict, reason, has_work, more, has_notices, paise, first = row[34:43]
    return Standing(
        meter=Known(meter, serial, row[17], row[18], zone),
        state=State(*row[19:28]),
        account=None if account is None else stored_from(row[_ACCOUNT]),
        mark=None if at is None else EnergyMark(serial, energy_wh, from_micros(at), *rest),
        balance=balance or 0,
        decision=None if decision is None else (decision, verdict, reason),
        has_work=bool(has_work),
        plain=not more,
        has_notices=bool(has_notices),
        daily_use=None if first is None else paise // (today - first),
    )


def view_of(connection: Connection, standing: Standing, stored: StoredAccount, now: datetime) -> AccountView:
    """What `view` gives of a plain account, out of what is known of it already."""
    account, state, mark = stored.account, standing.state, standing.mark
    if account.balance_source is BalanceSource.METER:
        balance, balance_at = state.balance, from_micros(state.balance_at)
    else:
        balance, balance_at = standing.balance, (mark.at if mark else None)
    mode, armed, killed, closures, cuts = _house(connection, account.office, now)
    notices = notices_of(connection, stored.id, now) if standing.has_notices else ()
    written, delivered = told_of(connection, stored) if notices else (None, None)
    facts = Facts(
        now=now,
        account=account,
        mode=mode,
        armed=armed,
        kill_switch=killed,
        balance=balance,
        balance_at=balance_at,
        reading_at=from_micros(state.reading_at),
        clock_deviation=state.deviation,
        relay_connected=None if state.relay is None else bool(state.relay),
        open_command=None,
        cuts_last_hour=cuts.last_hour,
        time_zone=stored.time_zone,
        negative_since=from_micros(stored.negative_since),
        notice_at=written,
        notice_delivered_at=delivered,
        cuts_last_day=cuts.last_day,
        cuts_segment=cuts.segment_hour,
        relay_ready=_ready(state),
    )
    return AccountView(facts, mark, notices, standing.daily_use, closures)


def _ready(state: State) -> bool:
    """Whether the contact is open and waits for the button at the meter."""
    if state.relay != 0 or state.control_state is None or state.control_mode is None:
        return False
    return waits_for_button(False, state.control_state, state.control_mode)  # noqa: FBT003  the contact is open


def _house(connection: Connection, office: str, now: datetime) -> tuple[Mode, bool, bool, Closures, CutCounts]:
    offices = above(office)
    query = _HOUSE.format(marks=", ".join("?" * len(offices)))
    values = (*offices, to_micros(now - timedelta(hours=24)))
    mode, armed, killed, closed, cut = connection.execute(query, values).fetchone()
    return (
        Mode.NOTIFY if mode is None else Mode(mode),
        bool(armed),
        bool(killed),
        closures_for(connection, office, now) if closed else _NO_CLOSURES,
        cut_counts(connection, now, office) if cut else _NO_CUTS,
    )
