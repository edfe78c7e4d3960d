from datetime import timedelta

import pytest
from accounts import POLICY, command, view
from attrs import evolve
from scripted_meter import START

from headend.commands.recheck import Fresh, recheck
from headend.meters.reading import RelayState
from headend.prepaid.model import BalanceSource, Mode
from headend.session.balance import Balance

CONNECTED = RelayState(connected=True, control_state=1, control_mode=4, read_at=START)


def judged(account_view, *, balance=-500, origin="policy", approved=False, **changes):
    shown = None if balance is None else Balance(balance, START)
    judge = recheck(command(origin=origin, **changes), Fresh(CONNECTED, shown), lambda _: POLICY, approved=approved)
    return judge(account_view)


def test_a_cut_that_still_rests_on_everything_is_let_through():
    assert judged(view()) is None


def test_a_balance_that_recovered_at_the_meter_stops_the_cut():
    assert judged(view(), balance=1) == "in_credit"


def test_a_meter_that_keeps_the_account_but_shows_no_balance_stops_the_cut():
    assert judged(view(), balance=None) == "balance_unknown"


def test_the_ledger_is_read_inside_the_transaction_and_the_register_ignored():
    ledger = view(source=BalanceSource.LEDGER, balance=100)
    assert judged(ledger, balance=-500) == "in_credit"


def test_a_stale_ledger_balance_stops_the_cut():
    stale = view(source=BalanceSource.LEDGER, balance=-500, balance_at=START - timedelta(days=2))
    assert judged(stale) == "balance_stale"


def test_a_stale_balance_of_a_meter_is_replaced_by_the_fresh_one():
    assert judged(view(balance_at=START - timedelta(days=2), reading_at=START - timedelta(days=2))) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protected": "medical equipment"}, "protected"),
        ({"kill_switch": True}, "kill_switch"),
        ({"armed": False}, "disarmed"),
        ({"mode": Mode.NOTIFY}, "mode_notify"),
        ({"mode": Mode.PROPOSE}, "mode_propose"),
        ({"clock_deviation": 4000.0}, "clock_suspect"),
        ({"clock_deviation": None}, "clock_unknown"),
        ({"reconciled": False}, "not_reconciled"),
        ({"now": START + timedelta(hours=12)}, "reading_stale"),
    ],
)
def test_the_rules_are_asked_again_at_the_last_moment(changes, reason):
    assert reason == judged(view(**changes))


def test_a_forbidden_hour_stops_the_cut():
    late = START + timedelta(hours=14)
    fresh = Fresh(CONNECTED, Balance(-500, late))
    judge = recheck(command(), fresh, lambda _: POLICY, approved=False)
    assert judge(view(now=late)) == "forbidden_hour"


def test_an_approved_proposal_is_sent_and_an_approval_goes_past_nothing_else():
    assert judged(view(mode=Mode.PROPOSE), approved=True) is None
    assert judged(view(mode=Mode.PROPOSE, protected="medical equipment"), approved=True) == "protected"
    assert judged(view(mode=Mode.PROPOSE, kill_switch=True), approved=True) == "kill_switch"
    assert judged(view(mode=Mode.NOTIFY), approved=True) == "mode_notify"


def test_an_operators_cut_rests_on_the_operator_and_not_on_money_or_mode():
    assert judged(view(mode=Mode.NOTIFY, balance=900), balance=900, origin="operator") is None
    assert judged(view(protected="medical equipment"), origin="operator") == "protected"
    assert judged(view(kill_switch=True), origin="operator") == "kill_switch"
    assert judged(view(now=START + timedelta(hours=14)), origin="operator") == "forbidden_hour"


def test_an_emergency_goes_past_the_calendar_alone():
    night = {"now": START + timedelta(hours=14)}
    assert judged(view(**night), origin="operator", emergency=True) is None
    assert judged(view(**night, protected="medical equipment"), origin="operator", emergency=True) == "protected"
    assert judged(view(**night, kill_switch=True), origin="operator", emergency=True) == "kill_switch"


def test_a_cut_for_a_meter_that_the_account_no_longer_has_is_refused():
    moved = view()
    account = evolve(moved.facts.account, meter="X2")
    assert judged(evolve(moved, facts=evolve(moved.facts, account=account))) == "the account has another meter now"


def test_a_cut_that_never_worked_is_given_up():
    assert judged(view(), attempts=3) == "given up after 3 attempts without effect"
