"""A part of the dues is paid: supply returns, and the rest has time."""

from datetime import timedelta

import pytest
from attrs import evolve
from overdrawn import NOON, POLICY, facts

from headend.prepaid.decision import Reason, Verdict
from headend.prepaid.model import OpenCommand
from headend.prepaid.policy import Policy, decide, refuses_credit_cut

HALF = evolve(POLICY, partial_share=50, reconnect_at=0)
DAY = timedelta(days=1)


def said(decision):
    return decision.verdict, decision.reason


def cut_off(**changes):
    return facts(**{"relay_connected": False, "disconnected_by_us": True, "balance": -100_00, **changes})


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        (99_99, (Verdict.KEEP, Reason.ALREADY_DISCONNECTED)),
        (100_00, (Verdict.RECONNECT, Reason.PARTIAL_PAYMENT)),
        (100_01, (Verdict.RECONNECT, Reason.PARTIAL_PAYMENT)),
    ],
)
def test_supply_returns_at_the_share_of_what_was_owed_at_the_cut(paid, expected):
    assert said(decide(cut_off(cut_balance=-200_00, paid_since_cut=paid), HALF)) == expected


def test_what_has_to_be_reached_counts_as_owed():
    policy = evolve(HALF, reconnect_at=100_00)
    assert decide(cut_off(cut_balance=-200_00, paid_since_cut=149_99), policy).verdict is Verdict.KEEP
    assert decide(cut_off(cut_balance=-200_00, paid_since_cut=150_00), policy).verdict is Verdict.RECONNECT


@pytest.mark.parametrize(
    ("changes", "policy"),
    [
        ({}, POLICY),
        ({"cut_balance": None}, HALF),
        ({"category": "industry"}, evolve(HALF, partial_categories=frozenset({"domestic"}))),
    ],
)
def test_the_rule_holds_only_where_it_is_set_and_for_whom(changes, policy):
    some = cut_off(**{"cut_balance": -200_00, "paid_since_cut": 200_00, **changes})
    assert said(decide(some, policy)) == (Verdict.KEEP, Reason.ALREADY_DISCONNECTED)


def test_the_named_category_has_it():
    policy = evolve(HALF, partial_categories=frozenset({"domestic"}))
    assert decide(cut_off(cut_balance=-200_00, paid_since_cut=100_00), policy).verdict is Verdict.RECONNECT


def test_nothing_that_others_have_cut_is_closed_by_a_part():
    some = cut_off(cut_balance=-200_00, paid_since_cut=150_00, disconnected_by_us=False)
    assert said(decide(some, HALF)) == (Verdict.KEEP, Reason.ALREADY_DISCONNECTED)


def test_a_part_paid_before_the_cut_was_sent_takes_it_back():
    command = OpenCommand(7, "disconnected", "requested")
    some = facts(open_command=command, balance=-100_00, cut_balance=-200_00, paid_since_cut=100_00)
    assert said(decide(some, HALF)) == (Verdict.RECONNECT, Reason.PARTIAL_PAYMENT)
    assert decide(evolve(some, paid_since_cut=99_99), HALF).verdict is Verdict.DEFER


def test_a_full_payment_is_called_one():
    some = cut_off(balance=0, cut_balance=-200_00, paid_since_cut=200_00)
    assert said(decide(some, HALF)) == (Verdict.RECONNECT, Reason.CREDIT_RESTORED)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (7 * DAY - timedelta(seconds=1), (Verdict.DEFER, Reason.PARTIAL_GRACE)),
        (7 * DAY, (Verdict.DISCONNECT, Reason.NEGATIVE)),
    ],
)
def test_the_rest_has_the_span_of_the_policy(ago, expected):
    some = facts(partial_at=NOON - ago)
    assert said(decide(some, HALF)) == expected
    assert (refuses_credit_cut(some, HALF) is None) == (expected[0] is Verdict.DISCONNECT)


def test_without_the_rule_nothing_waits():
    assert decide(facts(partial_at=NOON), POLICY).verdict is Verdict.DISCONNECT


@pytest.mark.parametrize("share", [-1, 101])
def test_a_share_is_a_part_of_the_whole(share):
    with pytest.raises(ValueError, match="0 to 100"):
        Policy(partial_share=share)


def test_where_no_part_was_paid_there_is_no_time_to_pay_the_rest_in():
    assert said(decide(facts(partial_at=None), HALF)) == (Verdict.DISCONNECT, Reason.NEGATIVE)


def test_a_warning_of_less_than_a_day_is_refused():
    with pytest.raises(ValueError, match="low_days"):
        Policy(low_days=(1, 0))
