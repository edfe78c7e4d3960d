"""Stored decisions judged again: by the same rules to themselves, by others to what these say."""

from datetime import timedelta

import msgspec
import pytest
from attrs import evolve
from hypothesis import given
from overdrawn import NOON, POLICY, facts
from test_decide_properties import any_facts, near_a_cut, policies

from headend.prepaid.decision import Reason, Verdict
from headend.prepaid.model import Mode
from headend.prepaid.policy import decide
from headend.prepaid.replay import Effect, Kept, compare, effect, read_facts, replay


def kept(some, policy=POLICY, number=1):
    decision = decide(some, policy)
    would = getattr(decision, "would", None)
    text = msgspec.json.encode(decision.facts).decode()
    return Kept(number, some.account.consumer_no, NOON, decision.verdict, decision.reason.value, would, 3, text)


@given(any_facts | near_a_cut, policies)
def test_facts_that_were_stored_give_the_same_decision_under_the_same_rules(some, policy):
    some = facts(**some) if isinstance(some, dict) else some
    if some.clock_deviation is not None and some.clock_deviation != some.clock_deviation:
        some = evolve(some, clock_deviation=None)
    again = replay(kept(some, policy), policy)
    assert not again.differs


def test_facts_survive_storing():
    assert read_facts(kept(facts()).facts) == facts()


def test_other_rules_show_who_would_be_cut_and_who_spared():
    strict = evolve(POLICY, grace=timedelta(0))
    waiting = facts(negative_since=NOON - timedelta(hours=1), consumer_no="10000000002")
    stored = [kept(facts(), number=1), kept(waiting, number=2)]
    found = compare(stored, strict)
    assert (found.decisions, found.newly_cut, found.spared) == (2, {"10000000002"}, set())
    assert (found.before[Effect.CUT], found.after[Effect.CUT]) == (1, 2)
    (row,) = found.rows
    assert (row.id, row.before, row.before_reason) == (2, Effect.LEFT_ALONE, Reason.GRACE)
    assert (row.after, row.after_reason, row.times) == (Effect.CUT, Reason.NEGATIVE, 3)
    lenient = compare(stored, evolve(POLICY, emergency_credit=100_00))
    assert (lenient.newly_cut, lenient.spared) == (set(), {"10000000001"})
    assert lenient.after[Effect.WARNED] == 2


def test_the_first_automatic_day_can_be_tried_while_the_house_only_notifies():
    stored = [kept(facts(mode=Mode.NOTIFY, armed=False))]
    assert compare(stored, POLICY).rows == []
    found = compare(stored, POLICY, automatic=True)
    assert (found.before[Effect.WOULD_CUT], found.after[Effect.CUT], len(found.newly_cut)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("verdict", "would", "expected"),
    [
        (Verdict.DISCONNECT, None, Effect.CUT),
        (Verdict.RECONNECT, None, Effect.RESTORED),
        (Verdict.WARN, None, Effect.WARNED),
        (Verdict.DEFER, Verdict.DISCONNECT, Effect.WOULD_CUT),
        (Verdict.DEFER, None, Effect.LEFT_ALONE),
        (Verdict.KEEP, None, Effect.LEFT_ALONE),
    ],
)
def test_a_verdict_has_one_effect(verdict, would, expected):
    assert effect(verdict, would) is expected
