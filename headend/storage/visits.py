"""One visit, written in one transaction with the judgement that is made inside it."""

from typing import Final

from headend.meters.reading import ClockReading, ProfileRows, RelayState
from headend.prepaid.caps import Caps
from headend.prepaid.model import BalanceSource
from headend.scheduler.ports import Judge, Judgement, Outcome, VisitRecord
from headend.storage import gaps, identities
from headend.storage.clocksets import note_clock_set
from headend.storage.events import emit
from headend.storage.instalments import book_due
from headend.storage.inventory import Known
from headend.storage.judgements import Before, apply
from headend.storage.ledger import End, follow_sign
from headend.storage.meterevents import LOGS, note_events, spread
from headend.storage.profilerows import Visit, last_time, store_rows
from headend.storage.registers import keep_readings, newest_of
from headend.storage.relay import tell_relay
from headend.storage.shapes import ShapeRefused
from headend.storage.sqlite import Connection
from headend.storage.standing import Standing, standing_of, view_of
from headend.storage.times import to_micros
from headend.storage.views import account_of_meter, view
from headend.storage.workitems import close_restored

#: An error's text may quote a meter; nobody reads more than this.
_LONGEST_ERROR: Final = 500
#: What a visit did not learn stays as it was.
_STATE: Final = """
INSERT INTO meter_state (meter, last_outcome, last_done, reading_at, relay_connected, control_state, control_mode,
  relay_at, clock_deviation, clock_inverted, clock_raw, clock_at, balance, balance_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (meter) DO UPDATE SET last_outcome = excluded.last_outcome,
  last_done = coalesce(excluded.last_done, last_done), reading_at = coalesce(excluded.reading_at, reading_at),
  relay_connected = coalesce(excluded.relay_connected, relay_connected),
  control_state = coalesce(excluded.control_state, control_state),
  control_mode = coalesce(excluded.control_mode, control_mode), relay_at = coalesce(excluded.relay_at, relay_at),
  clock_deviation = coalesce(excluded.clock_deviation, clock_deviation),
  clock_inverted = coalesce(excluded.clock_inverted, clock_inverted),
  clock_raw = coalesce(excluded.clock_raw, clock_raw), clock_at = coalesce(excluded.clock_at, clock_at),
  balance = coalesce(excluded.balance, balance), balance_at = coalesce(excluded.balance_at, balance_at)
"""

#: A clock that is further off dates rows of a capture period beside the right one: they are flagged.
_MOST_DEVIATION_S: Final = 300.0


def record_visit(connection: Connection, caps: Caps, record: VisitRecord, judge: Judge | None) -> Judgement | None:
    """Write a visit; `judge` sees the account with everything the visit brought, and its judgement is written too."""
    standing = standing_of(connection, record.meter, record.finished)
    meter = standing.meter
    visit = Visit(_insert_visit(connection, meter, record), meter, record.finished)
    if record.readings:
        newest = newest_of(connection, meter.id)
        identities.compare(connection, visit, record.readings, newest)
        keep_readings(connection, visit, record.readings, newest)
    for profile in record.profiles:
        _store_profile(connection, visit, record, profile)
    for profile in record.backfilled:
        last = last_time(connection, meter.id, profile.profile)
        _store_profile(connection, visit, record, profile)
        gaps.flag_late(connection, visit, profile, last)
    for number in record.filled:
        gaps.close(connection, visit, number, None)
    _tell_outcome(connection, meter, record, standing.state.outcome)
    _see(connection, standing, record)
    if record.served:
        _note_served(connection, meter, record)
    if record.clock_set is not None:
        note_clock_set(connection, visit, record.clock_set)
    return _judged(connection, caps, standing, record, judge)


def _store_profile(connection: Connection, visit: Visit, record: VisitRecord, profile: ProfileRows) -> None:
    if profile.profile.startswith(LOGS):
        profile = spread(profile)
    try:
        store_rows(connection, visit, profile)
    except ShapeRefused as refusal:
        _tell(connection, visit.meter, record, "reading.refused", str(refusal))
        return
    if profile.profile.startswith(LOGS):
        note_events(connection, visit, profile)
    deviation = 0.0 if record.clock is None else record.clock.deviation
    gaps.flag_doubtful(connection, visit, profile, deviation, _MOST_DEVIATION_S)


def _note_served(connection: Connection, meter: Known, record: VisitRecord) -> None:
    at = to_micros(record.finished)
    connection.executemany(
        "INSERT INTO served (meter, schedule, at) VALUES (?, ?, ?)"
        " ON CONFLICT (meter, schedule) DO UPDATE SET at = excluded.at",
        [(meter.id, schedule, at) for schedule in record.served],
    )


def _judged(
    connection: Connection, caps: Caps, standing: Standing, record: VisitRecord, judge: Judge | None
) -> Judgement | None:
    account, now = standing.account, record.finished
    if judge is None or account is None:
        return None
    if standing.plain:
        judgement = judge(view_of(connection, standing, account, now))
        end = End(account.id, account.account.balance_source, account.negative_since, standing.balance)
        apply(connection, caps, account, judgement, now, Before(end, standing.decision))
        return judgement
    if book_due(connection, account, now):
        account = account_of_meter(connection, standing.meter.id) or account
    judgement = judge(view(connection, account, now))
    apply(connection, caps, account, judgement, now)
    return judgement


def _insert_visit(connection: Connection, meter: Known, record: VisitRecord) -> int:
    cursor = connection.execute(
        "INSERT INTO visits (meter, started, finished, outcome, error) VALUES (?, ?, ?, ?, ?)",
        (
            meter.id,
            to_micros(record.started),
            to_micros(record.finished),
            record.outcome.value,
            record.error[:_LONGEST_ERROR] if record.error is not None else None,
        ),
    )
    return int(cursor.lastrowid or 0)


def _tell_outcome(connection: Connection, meter: Known, record: VisitRecord, last: str | None) -> None:
    """An event tells the first failure of a kind and the recovery, no repetition."""
    before = None if last is None else Outcome(last)
    done = record.outcome is Outcome.DONE
    if done and before not in (None, Outcome.DONE):
        _tell(connection, meter, record, "visit.recovered", "")
    elif not done and before is not record.outcome:
        _tell(connection, meter, record, "visit.failed", (record.error or "")[:_LONGEST_ERROR])
        if record.outcome is Outcome.REFUSED:
            # A wrong key, or somebody in between: the office must see it among all that merely did not answer.
            _tell(connection, meter, record, "security.authentication_failed", (record.error or "")[:_LONGEST_ERROR])


def _see(connection: Connection, standing: Standing, record: VisitRecord) -> None:
    """Keep outcome, freshness, relay, clock and balance, and tell of a relay that is not as it was."""
    state, clock = standing.state, record.clock
    relay = record.relay
    if relay is not None and state.relay_at is not None and to_micros(relay.read_at) < state.relay_at:
        relay = None
    read_at = max((reading.received for reading in record.readings), default=None)
    balance_at = None if record.balance is None else to_micros(record.balance_at or record.finished)
    connection.execute(
        _STATE,
        (
            standing.meter.id,
            record.outcome.value,
            to_micros(record.finished) if record.outcome is Outcome.DONE else None,
            to_micros(read_at),
            *((None,) * 4 if relay is None else _relay_columns(relay)),
            *((None,) * 4 if clock is None else _clock_columns(clock)),
            record.balance,
            balance_at,
        ),
    )
    if read_at is not None:
        state.reading_at = to_micros(read_at)
    if relay is not None:
        _see_relay(connection, standing, relay)
    if clock is not None:
        state.deviation = clock.deviation
    if record.balance is not None:
        state.balance, state.balance_at = record.balance, balance_at
        _follow_balance(connection, standing, record, record.balance)


def _relay_columns(relay: RelayState) -> tuple[int, int, int, int]:
    return int(relay.connected), relay.control_state, relay.control_mode, to_micros(relay.read_at)


def _clock_columns(clock: ClockReading) -> tuple[float, int, bytes, int]:
    return clock.deviation, int(clock.inverted_sign), clock.raw, to_micros(clock.received)


def _see_relay(connection: Connection, standing: Standing, relay: RelayState) -> None:
    state, meter = standing.state, standing.meter
    if relay.connected and standing.has_work:
        close_restored(connection, meter, relay.read_at)
    tell_relay(connection, meter, relay, state.relay)
    state.relay, state.control_state, state.control_mode, state.relay_at = _relay_columns(relay)


def _follow_balance(connection: Connection, standing: Standing, record: VisitRecord, balance: int) -> None:
    """The balance that a meter shows is that of an account which it keeps."""
    account, at = standing.account, record.balance_at or record.finished
    if account is not None and account.account.balance_source is BalanceSource.METER:
        since, at = account.negative_since, min(at, record.finished)
        account.negative_since = follow_sign(connection, account.id, since, balance, at)


def _tell(connection: Connection, meter: Known, record: VisitRecord, kind: str, text: str) -> None:
    emit(
        connection,
        record.finished,
        kind,
        meter=meter.serial,
        consumer_no=meter.consumer_no,
        payload={"outcome": record.outcome, "text": text},
    )
