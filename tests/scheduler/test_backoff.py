from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.enumerations import DataAccessResult
from headend.errors import HeadendError
from headend.scheduler.backoff import COLLECTION, RELAY, after_failure
from headend.scheduler.outcomes import ends_visit, exit_code_of, outcome_of
from headend.scheduler.ports import Outcome
from headend.session.errors import (
    AccessDenied,
    AssociationRefused,
    CounterRefused,
    DeadlineExceeded,
    MeterBusy,
    MeterMisbehaved,
    NotConfigured,
    NotReachable,
    SecurityBreach,
    WrongMeter,
)

NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def pauses(outcome, rules, count, meter="X1"):
    standing, found = None, []
    for _ in range(count):
        standing = after_failure(standing, outcome, "e", meter, NOW, rules)
        found.append((standing.not_before - NOW).total_seconds())
    return found


def test_each_failure_doubles_the_pause_up_to_the_longest():
    found = pauses(Outcome.UNREACHABLE, COLLECTION, 30)
    for pause, full in zip(found, (30 * 2**n for n in range(9)), strict=False):
        assert full * 0.75 <= pause <= full
    assert all(pause <= 6 * 3600 for pause in found)
    assert found[-1] >= 6 * 3600 * 0.75


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.WRONG_METER])
def test_what_does_not_cure_itself_waits_the_longest_at_once(outcome):
    assert pauses(outcome, COLLECTION, 1)[0] >= 6 * 3600 * 0.75


def test_a_busy_meter_is_asked_again_soon_however_often():
    assert max(pauses(Outcome.BUSY, COLLECTION, 20)) <= 15


def test_relay_work_is_tried_again_within_minutes_for_ever():
    assert max(pauses(Outcome.UNREACHABLE, RELAY, 10_000)) <= 300


def test_the_first_cause_is_kept():
    first = after_failure(None, Outcome.UNREACHABLE, "no route", "X1", NOW, COLLECTION)
    second = after_failure(first, Outcome.FAILED, "something else", "X1", NOW, COLLECTION)
    assert (second.failures, second.first_error, second.outcome) == (2, "no route", Outcome.FAILED)


@given(st.sets(st.text(max_size=8), min_size=50, max_size=60))
def test_meters_that_fall_together_do_not_return_together(meters):
    assert len({pauses(Outcome.UNREACHABLE, COLLECTION, 1, each)[0] for each in meters}) > 40


DENIED = AccessDenied("X1", CosemAttribute(3, Obis("1.0.1.8.0.255"), 2), DataAccessResult.OBJECT_UNDEFINED)


@pytest.mark.parametrize(
    ("error", "outcome", "exit_code", "ends"),
    [
        (NotReachable("x"), Outcome.UNREACHABLE, 3, True),
        (DeadlineExceeded("x"), Outcome.EXPIRED, 3, True),
        (MeterBusy("x"), Outcome.BUSY, 3, True),
        (MeterMisbehaved("x"), Outcome.FAILED, 3, True),
        (AssociationRefused("x"), Outcome.REFUSED, 4, True),
        (CounterRefused("X1", "setting", 1, 2, 0), Outcome.REFUSED, 4, True),
        (SecurityBreach("x"), Outcome.REFUSED, 4, True),
        (WrongMeter("X1", "a", "b"), Outcome.WRONG_METER, 4, True),
        (NotConfigured("x"), Outcome.FAILED, 2, True),
        (DENIED, Outcome.FAILED, 1, False),
        (HeadendError("x"), Outcome.FAILED, 1, False),
    ],
)
def test_each_error_has_its_outcome_and_its_exit_code(error, outcome, exit_code, ends):
    assert outcome_of(error) is outcome
    assert exit_code_of(error) == exit_code
    assert ends_visit(error) is ends


def test_the_last_limit_of_time_is_time_that_ran_out():
    assert outcome_of(TimeoutError()) is Outcome.EXPIRED
    assert exit_code_of(TimeoutError()) == 3
