from datetime import timedelta

import pytest
from overdrawn import NOON, POLICY, facts, view

from headend.prepaid.calendar import Calendar
from headend.prepaid.model import Mode, SentNotice
from headend.prepaid.notices import due_notices, planned_cut, recharge_notice
from headend.prepaid.policy import NoticeRule, Policy, decide

DAY = timedelta(days=1)


def due(account, policy=POLICY):
    return due_notices(decide(account.facts, policy), policy, account.notices)


def kinds(account, policy=POLICY):
    return [notice.kind for notice in due(account, policy)]


def written(notice, at, delivered=None):
    return SentNotice(notice.kind, notice.key, at, delivered)


@pytest.mark.parametrize(
    ("balance", "level"), [(19_999, "₹200.00"), (10_000, "₹200.00"), (9_999, "₹100.00"), (0, "₹50.00")]
)
def test_the_lowest_level_that_is_not_reached_is_told(balance, level):
    (notice,) = due(view(balance=balance))
    assert notice.kind == "low_balance"
    assert notice.fields["level"] == level


def test_enough_credit_is_no_reason_for_a_message():
    assert due(view(balance=20_000)) == ()


def test_the_same_level_is_told_once_a_day_and_a_lower_one_at_once():
    (first,) = due(view(balance=9_000))
    sent = written(first, NOON)
    assert due(view(sent, balance=8_000, now=NOON + DAY - timedelta(seconds=1))) == ()
    (second,) = due(view(sent, balance=8_000, now=NOON + DAY))
    assert second.key != first.key
    (lower,) = due(view(sent, balance=4_000, now=NOON + timedelta(minutes=1)))
    assert lower.fields["level"] == "₹50.00"


def test_no_low_balance_is_told_right_after_a_receipt_that_told_it():
    receipt = SentNotice("recharged", "recharged:UPI1", NOON - DAY + timedelta(seconds=1), None)
    assert due(view(receipt, balance=9_000)) == ()
    (later,) = due(view(receipt, balance=9_000, now=NOON + timedelta(seconds=1)))
    assert later.kind == "low_balance"


def test_going_below_zero_is_told_and_asks_for_what_restores():
    (notice,) = due(view(balance=-12_50, notice_at=None, notice_delivered_at=None))
    assert notice.kind == "negative"
    assert notice.fields["balance"] == "-₹12.50"
    assert notice.fields["needed"] == "₹13.00"


def test_the_least_recharge_that_is_taken_is_what_is_asked_for():
    policy = Policy(min_recharge=200_00)
    (notice,) = due(view(balance=-12_50), policy)
    assert notice.fields["needed"] == "₹200.00"


@pytest.mark.parametrize("changes", [{"mode": Mode.NOTIFY}, {"protected": "infant"}, {"clock_deviation": None}])
def test_below_zero_is_told_in_every_mode_and_to_everybody(changes):
    assert kinds(view(**changes)) == ["negative"]


def test_a_cut_is_announced_with_its_time_once_when_it_is_near():
    spell = {"negative_since": NOON - 2 * DAY, "notice_delivered_at": NOON - DAY, "notice_at": NOON - DAY}
    (negative,) = due(view(**spell))
    sent = written(negative, NOON)
    (planned,) = due(view(sent, **spell))
    # Grace ends on Thursday at 11:30 in Ranchi, which is an open hour.
    assert (planned.kind, planned.fields["planned"]) == ("cut_planned", "05-03-2026 11:30")
    assert due(view(sent, written(planned, NOON), **spell)) == ()


@pytest.mark.parametrize(
    "against",
    [
        {"mode": Mode.NOTIFY},
        {"mode": Mode.PROPOSE},
        {"armed": False},
        {"kill_switch": True},
        {"protected": "infant"},
        {"negative_since": None},
        {"reconciled": False},
        {"negative_since": NOON - timedelta(hours=1)},  # three days away: too far to be a promise
    ],
)
def test_no_cut_is_announced_that_would_not_follow_by_itself(against):
    spell = {"negative_since": NOON - 2 * DAY, "notice_delivered_at": NOON - DAY} | against
    (negative,) = due(view(**spell))
    assert due(view(written(negative, NOON), **spell)) == ()


def test_the_planned_time_waits_for_grace_notice_conversion_and_an_open_hour():
    assert planned_cut(facts(), POLICY) == NOON
    late = facts(now=NOON + timedelta(hours=9))
    assert planned_cut(late, POLICY) == NOON + timedelta(hours=20, minutes=30)
    unheard = facts(notice_delivered_at=None)
    assert planned_cut(unheard, POLICY) == NOON + DAY
    assert planned_cut(unheard, Policy(notice_rule=NoticeRule.WRITTEN)) == NOON
    assert planned_cut(unheard, Policy(notice_rule=NoticeRule.NONE)) == NOON
    converted = facts(converted_at=NOON - 28 * DAY)
    assert planned_cut(converted, Policy(conversion_grace=30 * DAY)) == NOON + 2 * DAY
    assert planned_cut(facts(), Policy(calendar=Calendar(days=frozenset(range(7))))) is None
    assert planned_cut(facts(negative_since=None), POLICY) == NOON + 3 * DAY


def test_a_cut_that_was_made_is_told_once():
    cut = {"relay_connected": False, "disconnected_by_us": True, "relay_command": 17}
    (done,) = due(view(**cut))
    assert (done.kind, done.key) == ("cut_done", "cut_done:17")
    assert done.fields["needed"] == "₹6.00"
    assert due(view(written(done, NOON), **cut)) == ()


def test_supply_that_is_back_is_told_after_a_cut_was_told():
    cut = SentNotice("cut_done", "cut_done:17", NOON - DAY, None)
    (back,) = due(view(cut, balance=50_000, relay_command=18))
    assert (back.kind, back.key) == ("restored", "restored:18")
    assert due(view(cut, written(back, NOON), balance=50_000)) == ()
    assert due(view(balance=50_000)) == ()


def test_a_second_cut_is_told_again():
    told = (
        SentNotice("cut_done", "cut_done:17", NOON - 3 * DAY, None),
        SentNotice("restored", "restored:18", NOON - 2 * DAY, None),
    )
    (done,) = due(view(*told, relay_connected=False, disconnected_by_us=True))
    assert done.key == "cut_done:20260304T060000"


def test_what_was_told_last_is_known_by_the_order_of_writing():
    # Both told in one moment (the first had found no way before), or by a clock that was set back in between.
    for later in (timedelta(0), -DAY):
        told = (
            SentNotice("cut_done", "cut_done:17", NOON - DAY, None),
            SentNotice("restored", "restored:18", NOON - DAY + later, None),
        )
        (done,) = due(view(*told, relay_connected=False, disconnected_by_us=True, relay_command=19))
        assert done.key == "cut_done:19"
        assert due(view(*told, balance=50_000, relay_command=18)) == ()


def test_a_relay_opened_by_others_is_not_told_as_a_cut():
    assert due(view(relay_connected=False, balance=50_000)) == ()


def test_a_recharge_is_confirmed_by_its_payment():
    notice = recharge_notice(facts(balance=19_500), 20_000, "UPI1")
    assert (notice.kind, notice.key) == ("recharged", "recharged:UPI1")
    assert notice.fields["amount"] == "₹200.00"
    assert notice.fields["balance"] == "₹195.00"


def test_a_zone_that_does_not_exist_is_no_reason_to_fail():
    assert kinds(view(time_zone="Asia/Nowhere")) == ["negative"]


def test_what_is_left_is_told_in_days_where_the_use_is_known():
    def told(balance, daily_use, *sent, policy=POLICY):
        account = view(*sent, balance=balance)
        return due_notices(decide(account.facts, policy), policy, account.notices, daily_use)

    (notice,) = told(9_000, 30_00)
    assert (notice.kind, notice.key[:17], notice.fields["days"]) == ("low_balance_days", "low_balance:10000", "3")
    (enough_money_but_few_days,) = told(60_000, 200_00)
    assert (enough_money_but_few_days.kind, enough_money_but_few_days.fields["days"]) == ("low_balance_days", "3")
    assert enough_money_but_few_days.key.startswith("low_days:3:")
    assert told(60_000, 200_00, written(enough_money_but_few_days, NOON - DAY / 2)) == ()
    (last_day,) = told(39_999, 200_00, written(enough_money_but_few_days, NOON - DAY / 2))
    assert last_day.key.startswith("low_days:1:")
    assert told(60_000, 200_00, policy=Policy(low_days=())) == ()
    assert told(80_000, 200_00) == ()


@pytest.mark.parametrize("daily_use", [None, 0, -100, 200_00, 1])
def test_days_that_nobody_can_say_are_not_told(daily_use):
    account = view(balance=9_000)
    (notice,) = due_notices(decide(account.facts, POLICY), POLICY, (), daily_use)
    assert (notice.kind, notice.fields["level"]) == ("low_balance", "₹100.00")


def dark(*notices, **changes):
    return view(*notices, **{"relay_connected": False, "disconnected_by_us": True, "relay_command": 4, **changes})


def test_a_consumer_whose_meter_waits_for_its_button_is_told_once_and_then_that_supply_is_back():
    cut = SentNotice("cut_done", "cut_done:4", NOON - DAY, None)
    paid = {"balance": 500_00, "negative_since": None}
    (asked,) = due(dark(cut, relay_ready=True, **paid))
    assert (asked.kind, asked.key, asked.fields["balance"]) == ("press_button", "press_button:4", "₹500.00")
    told = written(asked, NOON)
    assert due(dark(cut, told, relay_ready=True, **paid)) == ()
    (back,) = due(view(cut, told, relay_connected=True, relay_command=4, **paid))
    assert back.kind == "restored"


def test_who_did_not_press_the_button_and_is_below_zero_again_is_not_told_of_the_same_cut_twice():
    told = SentNotice("press_button", "press_button:4", NOON - DAY, None)
    assert "cut_done" not in kinds(dark(told, relay_ready=True))


def test_a_relay_that_others_opened_asks_nobody_to_press_a_button():
    assert kinds(dark(relay_ready=True, disconnected_by_us=False, balance=500_00, negative_since=None)) == []
