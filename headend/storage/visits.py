"""One visit, written in one transaction with the judgement that is made inside it."""

from typing import Final

from headend.meters.reading import ClockReading, ProfileRows
from headend.prepaid.caps import Caps
from headend.prepaid.model import BalanceSource
from headend.scheduler.ports import Judge, Judgement, Outcome, VisitRecord
from headend.storage import gaps, identities
from headend.storage.clocksets import note_clock_set
from headend.storage.events import emit
from headend.storage.instalments import book_due
from headend.storage.inventory import Known, known
from headend.storage.judgements import apply
from headend.storage.ledger import follow_sign
from headend.storage.meterevents import LOGS, note_events, spread
from headend.storage.profilerows import Visit, last_time, store_rows
from headend.storage.registers import store_readings
from headend.storage.relay import see_relay
from headend.storage.shapes import ShapeRefused
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.views import account_of_meter, view

#: An error's text may quote a meter; nobody reads more than this.
_LONGEST_ERROR: Final = 500
#: A clock that is further off dates rows of a capture period beside the right one: they are flagged.
_MOST_DEVIATION_S: Final = 300.0


def record_visit(connection: Connection, caps: Caps, record: VisitRecord, judge: Judge | None) -> Judgement | None:
    """Write a visit; `judge` sees the account with everything the visit brought, and its judgement is written too."""
    meter = known(connection, record.meter)
    visit = Visit(_insert_visit(connection, meter, record), meter, record.finished)
    identities.compare(connection, visit, record.readings)
    store_readings(connection, visit, record.readings)
    for profile in record.profiles:
        _store_profile(connection, visit, record, profile)
    for profile in record.backfilled:
        newest = last_time(connection, meter.id, profile.profile)
        _store_profile(connection, visit, record, profile)
        gaps.flag_late(connection, visit, profile, newest)
    for number in record.filled:
        gaps.close(connection, visit, number, None)
    _note_outcome(connection, meter, record)
    if record.relay is not None:
        see_relay(connection, meter, record.relay)
    if record.clock is not None:
        _see_clock(connection, meter, record.clock)
    if record.balance is not None:
        _see_balance(connection, meter, record, record.balance)
    if record.served:
        _note_served(connection, meter, record)
    if record.clock_set is not None:
        note_clock_set(connection, visit, record.clock_set)
    return _judged(connection, caps, meter, record, judge)


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
    connection: Connection, caps: Caps, meter: Known, record: VisitRecord, judge: Judge | None
) -> Judgement | None:
    if judge is None:
        return None
    account = account_of_meter(connection, meter.id)
    if account is None:
        return None
    if book_due(connection, account, record.finished):
        account = account_of_meter(connection, meter.id) or account
    judgement = judge(view(connection, account, record.finished))
    apply(connection, caps, account, judgement, record.finished)
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


def _note_outcome(connection: Connection, meter: Known, record: VisitRecord) -> None:
    """Keep outcome and freshness; an event tells the first failure of a kind and the recovery, no repetition."""
    row = connection.execute("SELECT last_outcome FROM meter_state WHERE meter = ?", (meter.id,)).fetchone()
    before = None if row is None or row[0] is None else Outcome(row[0])
    done = record.outcome is Outcome.DONE
    read_at = max((reading.received for reading in record.readings), default=None)
    connection.execute(
        "INSERT INTO meter_state (meter, last_outcome, last_done, reading_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (meter) DO UPDATE SET last_outcome = excluded.last_outcome,"
        " last_done = coalesce(excluded.last_done, last_done), reading_at = coalesce(excluded.reading_at, reading_at)",
        (meter.id, record.outcome.value, to_micros(record.finished) if done else None, to_micros(read_at)),
    )
    if done and before not in (None, Outcome.DONE):
        _tell(connection, meter, record, "visit.recovered", "")
    elif not done and before is not record.outcome:
        _tell(connection, meter, record, "visit.failed", (record.error or "")[:_LONGEST_ERROR])
        if record.outcome is Outcome.REFUSED:
            # A wrong key, or somebody in between: the office must see it among all that merely did not answer.
            _tell(connection, meter, record, "security.authentication_failed", (record.error or "")[:_LONGEST_ERROR])


def _see_clock(connection: Connection, meter: Known, clock: ClockReading) -> None:
    connection.execute(
        "UPDATE meter_state SET clock_deviation = ?, clock_inverted = ?, clock_raw = ?, clock_at = ? WHERE meter = ?",
        (clock.deviation, int(clock.inverted_sign), clock.raw, to_micros(clock.received), meter.id),
    )


def _see_balance(connection: Connection, meter: Known, record: VisitRecord, balance: int) -> None:
    at = record.balance_at or record.finished
    connection.execute(
        "UPDATE meter_state SET balance = ?, balance_at = ? WHERE meter = ?", (balance, to_micros(at), meter.id)
    )
    account = account_of_meter(connection, meter.id)
    if account is not None and account.account.balance_source is BalanceSource.METER:
        follow_sign(connection, account.id, account.negative_since, balance, min(at, record.finished))


def _tell(connection: Connection, meter: Known, record: VisitRecord, kind: str, text: str) -> None:
    emit(
        connection,
        record.finished,
        kind,
        meter=meter.serial,
        consumer_no=meter.consumer_no,
        payload={"outcome": record.outcome, "text": text},
    )
