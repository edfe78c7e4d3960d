"""What must hold for any facts at all."""

from datetime import timedelta

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from overdrawn import NOON, facts

from headend.prepaid.calendar import ALWAYS_OPEN, Calendar
from headend.prepaid.decision import Verdict
from headend.prepaid.model import Mode, OpenCommand
from headend.prepaid.policy import NoticeRule, Policy, decide, refuses_credit_cut

#: From best to worst for the consumer.
WORSE = {Verdict.KEEP: 0, Verdict.RECONNECT: 0, Verdict.WARN: 1, Verdict.DEFER: 2, Verdict.DISCONNECT: 3}
#: What a cut rests on, and which value stands for "not known".
EVIDENCE = ("balance", "balance_at", "reading_at", "clock_deviation", "relay_connected", "negative_since", "meter")

moments = st.none() | st.integers(-90 * 24, 3).map(lambda hours: NOON + timedelta(hours=hours))
commands = st.none() | st.builds(
    OpenCommand,
    st.integers(1, 9),
    st.sampled_from(["connected", "disconnected"]),
    st.sampled_from(["requested", "sending", "unknown", "quarantined"]),
    st.sampled_from(["policy", "operator"]),
)
money = st.integers(-20_000, 40_000)
any_facts = st.fixed_dictionaries(
    {
        "now": st.integers(-7 * 24, 7 * 24).map(lambda hours: NOON + timedelta(hours=hours)),
        "mode": st.sampled_from(Mode),
        "armed": st.booleans(),
        "kill_switch": st.booleans(),
        "balance": st.none() | money,
        "balance_at": moments,
        "reading_at": moments,
        "clock_deviation": st.none() | st.floats(allow_nan=True) | st.floats(-400, 400),
        "relay_connected": st.sampled_from([True, True, False, None]),
        "open_command": st.none() | commands,
        "cuts_last_hour": st.integers(0, 60),
        "cuts_last_day": st.integers(0, 400),
        "cuts_segment": st.integers(0, 30),
        "negative_since": moments,
        "notice_at": moments,
        "notice_delivered_at": moments,
        "disconnected_by_us": st.booleans(),
        "cut_balance": st.none() | st.integers(-20_000, 0),
        "paid_since_cut": st.integers(0, 20_000),
        "partial_at": moments,
        "time_zone": st.sampled_from(["Asia/Kolkata", "UTC", "Asia/Nowhere", ""]),
        "protected": st.sampled_from([None, None, "infant"]),
        "reconciled": st.booleans(),
        "meter": st.sampled_from(["X1", "X1", None]),
        "converted_at": moments,
    }
).map(lambda changes: facts(**changes))
policies = st.builds(
    Policy,
    disconnect_below=st.integers(-5_000, 0),
    reconnect_at=st.integers(0, 5_000),
    emergency_credit=st.integers(0, 5_000),
    low_levels=st.lists(st.integers(1, 30_000), max_size=3).map(tuple),
    grace=st.integers(0, 5).map(lambda days: timedelta(days=days)),
    conversion_grace=st.integers(0, 40).map(lambda days: timedelta(days=days)),
    notice_rule=st.sampled_from(NoticeRule),
    calendar=st.sampled_from([Calendar(), ALWAYS_OPEN]),
    partial_share=st.sampled_from([0, 0, 1, 50, 100]),
)
#: Facts that are near a cut, so that the properties are not true for want of one.
near_a_cut = st.builds(
    facts,
    balance=money,
    open_command=commands,
    relay_connected=st.sampled_from([True, False, None]),
    mode=st.sampled_from(Mode),
)


@given(any_facts | near_a_cut, policies, st.integers(0, 50_000))
def test_more_money_never_leads_to_a_worse_decision(some, policy, more):
    if some.balance is None:
        return
    richer = evolve(some, balance=some.balance + more)
    assert WORSE[decide(richer, policy).verdict] <= WORSE[decide(some, policy).verdict]


@given(any_facts, policies)
def test_a_decision_is_total_repeatable_and_names_its_facts(some, policy):
    decision = decide(some, policy)
    # Compared as text: a clock deviation that is not a number equals nothing.
    assert repr(decision) == repr(decide(some, policy))
    assert decision.facts is some


@given(near_a_cut | any_facts, policies, st.sampled_from(EVIDENCE))
def test_missing_data_never_leads_to_a_cut(some, policy, missing):
    account = evolve(some.account, meter=None) if missing == "meter" else some.account
    poorer = evolve(some, account=account, **({} if missing == "meter" else {missing: None}))
    decision = decide(poorer, policy)
    needed = missing != "negative_since" or policy.grace > timedelta(0)
    assert decision.verdict is not Verdict.DISCONNECT or not needed
    if missing == "balance":
        assert decision.verdict is Verdict.DEFER


@given(any_facts | near_a_cut, policies)
def test_a_cut_needs_every_reason_at_once(some, policy):
    if decide(some, policy).verdict is not Verdict.DISCONNECT:
        return
    assert some.armed
    assert not some.kill_switch
    assert some.mode is Mode.AUTOMATIC
    assert some.account.protected is None
    assert some.account.reconciled
    assert some.relay_connected is True
    assert some.open_command is None
    assert some.balance < policy.disconnect_below
    assert some.now - some.balance_at <= policy.max_balance_age
    assert some.now - some.reading_at <= policy.max_reading_age
    assert policy.calendar.closed(some.now, some.time_zone) is None
    assert refuses_credit_cut(some, policy) is None


@given(any_facts, policies)
def test_a_mode_or_a_switch_never_stands_in_a_reconnects_way(some, policy):
    free = evolve(some, armed=True, kill_switch=False, mode=Mode.AUTOMATIC)
    assert (decide(some, policy).verdict is Verdict.RECONNECT) == (decide(free, policy).verdict is Verdict.RECONNECT)


@given(any_facts | near_a_cut, policies)
def test_what_would_have_been_done_is_what_automatic_does(some, policy):
    decision = decide(some, policy)
    free = evolve(some, armed=True, kill_switch=False, mode=Mode.AUTOMATIC)
    would = getattr(decision, "would", None)
    assert (would is Verdict.DISCONNECT) == (
        decision.verdict is Verdict.DEFER and decide(free, policy).verdict is Verdict.DISCONNECT
    )
