from datetime import UTC, date, datetime, timedelta

import pytest
from attrs import evolve
from overdrawn import NOON, POLICY, facts

from headend.prepaid.calendar import ALWAYS_OPEN, Calendar
from headend.prepaid.caps import Caps
from headend.prepaid.decision import Reason, Verdict
from headend.prepaid.model import Mode, OpenCommand
from headend.prepaid.policy import NoticeRule, Policy, decide, refuses_any_cut, refuses_credit_cut

DAY = timedelta(days=1)


def said(decision):
    return decision.verdict, decision.reason


def test_a_consumer_below_zero_for_whom_every_rule_is_kept_is_cut():
    decision = decide(facts(), POLICY)
    assert said(decision) == (Verdict.DISCONNECT, Reason.NEGATIVE)
    assert decision.facts == facts()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"balance": None}, Reason.BALANCE_UNKNOWN),
        ({"meter": None}, Reason.NO_METER),
        ({"reconciled": False}, Reason.NOT_RECONCILED),
        ({"topup_open": True}, Reason.TOPUP_OPEN),
        ({"reading_at": None}, Reason.READING_UNKNOWN),
        ({"reading_at": NOON - timedelta(minutes=61)}, Reason.READING_STALE),
        ({"reading_at": NOON + timedelta(minutes=6)}, Reason.FROM_THE_FUTURE),
        ({"balance_at": None}, Reason.BALANCE_UNKNOWN),
        ({"balance_at": NOON - timedelta(minutes=61)}, Reason.BALANCE_STALE),
        ({"balance_at": NOON + timedelta(minutes=6)}, Reason.FROM_THE_FUTURE),
        ({"clock_deviation": None}, Reason.CLOCK_UNKNOWN),
        ({"clock_deviation": 301.0}, Reason.CLOCK_SUSPECT),
        ({"clock_deviation": -301.0}, Reason.CLOCK_SUSPECT),
        ({"clock_deviation": float("nan")}, Reason.CLOCK_SUSPECT),
        ({"relay_connected": None}, Reason.RELAY_UNKNOWN),
        ({"negative_since": None}, Reason.GRACE),
        ({"negative_since": NOON - 3 * DAY + timedelta(seconds=1)}, Reason.GRACE),
        ({"notice_delivered_at": None}, Reason.NO_NOTICE),
        ({"notice_delivered_at": NOON - DAY + timedelta(seconds=1)}, Reason.NOTICE_TOO_YOUNG),
        ({"time_zone": "Asia/Nowhere"}, Reason.TIME_ZONE_UNKNOWN),
        ({"time_zone": "../etc"}, Reason.TIME_ZONE_UNKNOWN),
        ({"time_zone": ""}, Reason.TIME_ZONE_UNKNOWN),
        ({"open_command": OpenCommand(7, "disconnected", "requested")}, Reason.DISCONNECT_OPEN),
        ({"open_command": OpenCommand(7, "disconnected", "unknown", "operator")}, Reason.DISCONNECT_OPEN),
        ({"open_command": OpenCommand(7, "connected", "requested")}, Reason.RECONNECT_OPEN),
        ({"protected": "medical equipment"}, Reason.PROTECTED),
        ({"protected": ""}, Reason.PROTECTED),
    ],
)
def test_one_missing_or_doubtful_fact_defers_the_cut_and_says_which(changes, reason):
    decision = decide(facts(**changes), POLICY)
    assert said(decision) == (Verdict.DEFER, reason)
    assert decision.would is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kill_switch": True}, Reason.KILL_SWITCH),
        ({"armed": False}, Reason.DISARMED),
        ({"mode": Mode.NOTIFY}, Reason.MODE_NOTIFY),
        ({"mode": Mode.PROPOSE}, Reason.MODE_PROPOSE),
    ],
)
def test_a_switch_or_mode_defers_and_records_what_automatic_would_have_done(changes, reason):
    decision = decide(facts(**changes), POLICY)
    assert said(decision) == (Verdict.DEFER, reason)
    assert decision.would is Verdict.DISCONNECT


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("switches", [{}, {"kill_switch": True}, {"armed": False}])
def test_a_protected_consumer_is_protected_whatever_else_is_set(mode, switches):
    decision = decide(facts(protected="infant", mode=mode, **switches), POLICY)
    assert said(decision) == (Verdict.DEFER, Reason.PROTECTED)
    assert decision.would is None


def test_a_protected_category_is_protected():
    policy = Policy(protected_classes=frozenset({"hospital"}))
    assert decide(facts(category="hospital"), policy).reason is Reason.PROTECTED
    assert decide(facts(category="domestic"), policy).verdict is Verdict.DISCONNECT


@pytest.mark.parametrize(
    ("utc", "reason"),
    [
        (datetime(2026, 3, 4, 12, 29, tzinfo=UTC), None),  # 17:59 in Ranchi
        (datetime(2026, 3, 4, 12, 30, tzinfo=UTC), Reason.FORBIDDEN_HOUR),  # 18:00
        (datetime(2026, 3, 5, 2, 29, tzinfo=UTC), Reason.FORBIDDEN_HOUR),  # 07:59
        (datetime(2026, 3, 5, 2, 30, tzinfo=UTC), None),  # 08:00
        (datetime(2026, 3, 8, 6, 0, tzinfo=UTC), Reason.FORBIDDEN_DAY),  # a Sunday
        (datetime(2026, 3, 14, 6, 0, tzinfo=UTC), Reason.FORBIDDEN_DAY),  # the second Saturday
        (datetime(2026, 3, 21, 6, 0, tzinfo=UTC), None),  # the third
        (datetime(2026, 3, 7, 18, 45, tzinfo=UTC), Reason.FORBIDDEN_DAY),  # Saturday in UTC, Sunday in Ranchi
    ],
)
def test_closed_hours_and_days_are_those_of_the_meters_zone(utc, reason):
    moved = {name: utc - timedelta(minutes=1) for name in ("balance_at", "reading_at")}
    decision = decide(facts(now=utc, **moved), POLICY)
    assert decision.reason is (reason or Reason.NEGATIVE)


def test_nobody_is_cut_on_a_holiday():
    policy = Policy(calendar=Calendar(holidays=frozenset({date(2026, 3, 4)})))
    assert said(decide(facts(), policy)) == (Verdict.DEFER, Reason.HOLIDAY)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"cuts_last_hour": 49, "cuts_last_day": 299, "cuts_segment": 19}, Reason.NEGATIVE),
        ({"cuts_last_hour": 50}, Reason.OVER_CAP_HOUR),
        ({"cuts_last_day": 300}, Reason.OVER_CAP_DAY),
        ({"cuts_segment": 20}, Reason.OVER_CAP_SEGMENT),
    ],
)
def test_a_cut_over_a_cap_says_so_for_the_journal_to_quarantine(counts, reason):
    assert said(decide(facts(**counts), POLICY)) == (Verdict.DISCONNECT, reason)


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        (20000, (Verdict.KEEP, Reason.IN_CREDIT)),
        (19999, (Verdict.WARN, Reason.LOW_BALANCE)),
        (0, (Verdict.WARN, Reason.LOW_BALANCE)),
        (-1, (Verdict.DISCONNECT, Reason.NEGATIVE)),
    ],
)
def test_credit_keeps_low_credit_warns(balance, expected):
    assert said(decide(facts(balance=balance), POLICY)) == expected


def test_without_low_levels_credit_just_keeps():
    assert said(decide(facts(balance=0), Policy(low_levels=()))) == (Verdict.KEEP, Reason.IN_CREDIT)


def test_emergency_credit_is_lent_before_a_cut():
    policy = Policy(emergency_credit=100_00)
    assert said(decide(facts(balance=-100_00), policy)) == (Verdict.WARN, Reason.EMERGENCY_CREDIT)
    assert said(decide(facts(balance=-100_01), policy)) == (Verdict.DISCONNECT, Reason.NEGATIVE)


CUT_OFF = {"relay_connected": False, "disconnected_by_us": True}


def test_who_is_disconnected_already_stays_so():
    assert said(decide(facts(**CUT_OFF), POLICY)) == (Verdict.KEEP, Reason.ALREADY_DISCONNECTED)
    assert said(decide(facts(**CUT_OFF, balance=0), POLICY)) == (Verdict.KEEP, Reason.BELOW_RECONNECT)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "against",
    [
        {},
        {"kill_switch": True},
        {"armed": False},
        {"now": datetime(2026, 3, 8, 20, 0, tzinfo=UTC)},  # a Sunday night
        {"balance_at": None, "reading_at": None, "clock_deviation": None},
        {"protected": "infant"},
        {"reconciled": False},
        {"time_zone": "Asia/Nowhere"},
        {"cuts_last_hour": 10**6},
    ],
)
def test_credit_restores_supply_in_every_mode_and_hour_and_whatever_is_unsure(mode, against):
    decision = decide(facts(**CUT_OFF, balance=1, mode=mode, **against), POLICY)
    assert said(decision) == (Verdict.RECONNECT, Reason.CREDIT_RESTORED)


def test_who_was_disconnected_by_others_is_not_reconnected_by_credit():
    decision = decide(facts(relay_connected=False, balance=10_000), POLICY)
    assert said(decision) == (Verdict.KEEP, Reason.DISCONNECTED_BY_OTHERS)


def test_an_open_reconnect_is_not_asked_for_twice():
    waiting = OpenCommand(7, "connected", "requested")
    assert said(decide(facts(**CUT_OFF, balance=1, open_command=waiting), POLICY)) == (
        Verdict.KEEP,
        Reason.RECONNECT_OPEN,
    )


@pytest.mark.parametrize("state", ["requested", "sending", "unknown", "quarantined"])
@pytest.mark.parametrize("relay", [True, False, None])
def test_credit_calls_back_a_cut_that_is_not_settled(state, relay):
    command = OpenCommand(7, "disconnected", state)
    reason = Reason.CREDIT_RESTORED if relay is False else Reason.CREDIT_BEFORE_CUT
    decision = decide(facts(balance=1, relay_connected=relay, open_command=command), POLICY)
    assert said(decision) == (Verdict.RECONNECT, reason)


def test_credit_does_not_call_back_what_an_operator_ordered():
    command = OpenCommand(7, "disconnected", "requested", "operator")
    assert decide(facts(balance=100_000, open_command=command), POLICY).verdict is Verdict.KEEP


def test_a_cut_whose_relay_was_never_seen_again_is_undone_by_credit():
    lost = facts(balance=1, relay_connected=None, disconnected_by_us=True)
    assert said(decide(lost, POLICY)) == (Verdict.RECONNECT, Reason.CREDIT_RESTORED)


def test_a_relay_that_is_seen_closed_needs_no_reconnect():
    assert decide(facts(balance=1, disconnected_by_us=True), POLICY).verdict is Verdict.WARN


def test_grace_after_conversion_needs_a_known_date():
    policy = Policy(conversion_grace=30 * DAY)
    assert decide(facts(), policy).reason is Reason.CONVERSION_GRACE
    assert decide(facts(converted_at=NOON - 29 * DAY), policy).reason is Reason.CONVERSION_GRACE
    assert decide(facts(converted_at=NOON - 30 * DAY), policy).verdict is Verdict.DISCONNECT


def test_a_written_notice_is_enough_only_where_the_policy_says_so():
    unheard = {"notice_delivered_at": None}
    assert decide(facts(**unheard), Policy(notice_rule=NoticeRule.WRITTEN)).verdict is Verdict.DISCONNECT
    assert decide(facts(**unheard, notice_at=None), Policy(notice_rule=NoticeRule.WRITTEN)).reason is Reason.NO_NOTICE
    assert decide(facts(**unheard, notice_at=None), Policy(notice_rule=NoticeRule.NONE)).verdict is Verdict.DISCONNECT


@pytest.mark.parametrize(
    "wrong",
    [
        {"reconnect_at": -1},
        {"emergency_credit": -1},
        {"disconnect_below": 1, "reconnect_at": 1},
        {"low_levels": (0,)},
        {"command_expiry": timedelta(0)},
    ],
)
def test_rules_that_contradict_themselves_are_refused(wrong):
    with pytest.raises(ValueError):
        Policy(**wrong)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"balance": None}, Reason.BALANCE_UNKNOWN),
        ({"balance": 0}, Reason.IN_CREDIT),
        ({"reading_at": None}, Reason.READING_UNKNOWN),
        ({"kill_switch": True}, Reason.KILL_SWITCH),
        ({"armed": False}, Reason.DISARMED),
        ({"mode": Mode.PROPOSE}, Reason.MODE_PROPOSE),
        ({"protected": "infant"}, Reason.PROTECTED),
        ({"cuts_last_hour": 10**6}, None),
        ({"open_command": OpenCommand(7, "disconnected", "sending")}, None),
    ],
)
def test_a_cut_for_credit_is_judged_anew_when_it_is_sent(changes, reason):
    assert refuses_credit_cut(facts(**changes), POLICY) is reason


@pytest.mark.parametrize(
    ("changes", "emergency", "reason"),
    [
        ({"balance": 10**6, "mode": Mode.NOTIFY, "armed": False}, False, None),
        ({"kill_switch": True}, True, Reason.KILL_SWITCH),
        ({"protected": "infant"}, True, Reason.PROTECTED),
        ({"now": NOON + timedelta(hours=12)}, False, Reason.FORBIDDEN_HOUR),
        ({"now": NOON + timedelta(hours=12)}, True, None),
    ],
)
def test_a_cut_that_a_person_ordered_still_meets_switch_calendar_and_protection(changes, emergency, reason):
    assert refuses_any_cut(facts(**changes), POLICY, emergency=emergency) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"reading_at": NOON - timedelta(hours=1), "balance_at": NOON - timedelta(hours=1)},
        {"reading_at": NOON + timedelta(minutes=5), "balance_at": NOON + timedelta(minutes=5)},
        {"clock_deviation": 300.0},
        {"clock_deviation": -300.0},
        {"negative_since": NOON - 3 * DAY},
        {"notice_delivered_at": NOON - DAY},
    ],
)
def test_a_limit_that_is_just_kept_is_kept(changes):
    assert decide(facts(**changes), POLICY).verdict is Verdict.DISCONNECT


def test_a_grace_of_an_hour_needs_to_know_since_when_and_none_needs_nothing():
    assert decide(facts(negative_since=None), Policy(grace=timedelta(hours=1))).reason is Reason.GRACE
    assert decide(facts(negative_since=None), Policy(grace=timedelta(0))).verdict is Verdict.DISCONNECT


def test_supply_may_return_at_the_very_balance_at_which_it_goes():
    assert Policy(reconnect_at=0, disconnect_below=0).reconnect_at == 0


def test_nothing_is_an_emergency_unless_it_is_said():
    assert refuses_any_cut(facts(now=NOON + timedelta(hours=12)), POLICY) is Reason.FORBIDDEN_HOUR


def test_an_open_calendar_forbids_nothing():
    policy = evolve(POLICY, calendar=ALWAYS_OPEN, caps=Caps())
    assert decide(facts(now=NOON + timedelta(minutes=30)), policy).verdict is Verdict.DISCONNECT


PAID = {"balance": 200_00, "relay_connected": False, "disconnected_by_us": True, "negative_since": None}


def test_paid_dues_behind_a_relay_that_waits_for_its_button_ask_for_the_button_and_for_no_command():
    assert said(decide(facts(**PAID), POLICY)) == (Verdict.RECONNECT, Reason.CREDIT_RESTORED)
    assert said(decide(facts(**PAID, relay_ready=True), POLICY)) == (Verdict.KEEP, Reason.PRESS_BUTTON)


def test_a_part_payment_behind_such_a_relay_asks_for_the_button_too():
    policy = evolve(POLICY, partial_share=50)
    part = {**PAID, "balance": -10, "cut_balance": -100_00, "paid_since_cut": 99_90}
    assert said(decide(facts(**part), policy)) == (Verdict.RECONNECT, Reason.PARTIAL_PAYMENT)
    assert said(decide(facts(**part, relay_ready=True), policy)) == (Verdict.KEEP, Reason.PRESS_BUTTON)


def test_an_open_cut_is_called_off_though_the_relay_waits_for_its_button():
    cut = OpenCommand(7, "disconnected", "requested")
    assert said(decide(facts(**PAID, relay_ready=True, open_command=cut), POLICY))[0] is Verdict.RECONNECT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"balance": -500}, Reason.ALREADY_DISCONNECTED),
        ({"balance": 0}, Reason.BELOW_RECONNECT),
        ({"disconnected_by_us": False}, Reason.DISCONNECTED_BY_OTHERS),
        ({"open_command": OpenCommand(7, "connected", "requested")}, Reason.RECONNECT_OPEN),
    ],
)
def test_the_button_is_asked_for_only_where_a_reconnect_would_follow(changes, reason):
    assert said(decide(facts(**{**PAID, **changes}, relay_ready=True), POLICY)) == (Verdict.KEEP, reason)
