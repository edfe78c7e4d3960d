"""Incidents of the field as cases of the pure rules: what happened, and what must happen here."""

from datetime import timedelta

import pytest
from overdrawn import NOON, POLICY, facts, view

from headend.prepaid.caps import Caps, CutCounts, over_cap
from headend.prepaid.decision import Reason, Verdict
from headend.prepaid.model import OpenCommand
from headend.prepaid.notices import due_notices
from headend.prepaid.policy import Policy, decide, refuses_credit_cut

pytestmark = pytest.mark.incidents
DAY = timedelta(days=1)


def test_a_batch_that_would_cut_everybody_stops_at_the_cap():
    caps = Caps(per_hour=50, per_day=120, per_segment_hour=1000)
    sent, quarantined = [], 0
    for second in range(3 * 3600):
        now = NOON + timedelta(seconds=second)
        counts = CutCounts(sum(now - at < timedelta(hours=1) for at in sent), len(sent), 0)
        if over_cap(caps, counts) is None:
            sent.append(now)
        else:
            quarantined += 1
    assert len(sent) == 120
    assert quarantined == 3 * 3600 - 120


def test_a_paid_up_home_is_not_cut_by_any_batch():
    assert all(
        decide(facts(balance=balance), POLICY).verdict is not Verdict.DISCONNECT for balance in range(0, 30_000, 7)
    )


def test_a_credit_that_is_not_migrated_yet_is_no_debt():
    assert decide(facts(balance=-11_954_00, reconciled=False), POLICY).reason is Reason.NOT_RECONCILED


def test_nobody_is_cut_who_was_not_told():
    assert decide(facts(notice_delivered_at=None), POLICY).reason is Reason.NO_NOTICE


def test_a_cut_that_was_called_back_is_not_sent():
    assert refuses_credit_cut(facts(balance=0), POLICY) is Reason.IN_CREDIT
    assert decide(facts(balance=1, open_command=OpenCommand(1, "disconnected", "requested")), POLICY).verdict is (
        Verdict.RECONNECT
    )


def test_power_returns_on_a_recharge_at_night_on_a_sunday_with_the_kill_switch_on():
    off = {"relay_connected": False, "disconnected_by_us": True, "kill_switch": True, "armed": False}
    sunday_night = NOON + 4 * DAY + timedelta(hours=12)
    assert decide(facts(**off, balance=1, now=sunday_night), POLICY).verdict is Verdict.RECONNECT


def test_an_estimate_or_a_stale_reading_never_cuts():
    old = NOON - timedelta(hours=2)
    assert decide(facts(reading_at=old), POLICY).reason is Reason.READING_STALE
    assert decide(facts(balance_at=old), POLICY).reason is Reason.BALANCE_STALE


def test_a_home_with_medical_equipment_is_told_and_never_cut():
    account = view(protected="medical equipment", negative_since=NOON - 300 * DAY)
    decision = decide(account.facts, POLICY)
    assert (decision.verdict, decision.reason) == (Verdict.DEFER, Reason.PROTECTED)
    assert [notice.kind for notice in due_notices(decision, POLICY, account.notices)] == ["negative"]


def test_days_of_emergency_credit_pass_before_a_cut():
    policy = Policy(grace=7 * DAY)
    assert decide(facts(negative_since=NOON - 7 * DAY + timedelta(seconds=1)), policy).reason is Reason.GRACE
    assert decide(facts(negative_since=NOON - 7 * DAY), policy).verdict is Verdict.DISCONNECT
