from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from headend.prepaid.calendar import ALWAYS_OPEN
from headend.prepaid.model import Account, AccountView, BalanceSource, Facts, Mode, OpenCommand
from headend.prepaid.money import whole_rupees
from headend.prepaid.policy import NoticeRule, Policy
from headend.web.portal.standing import Outlook, Supply, standing

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
ACCOUNT = Account(
    "10000000001", "A", "hi", "9000000001", "domestic", "A/B/C", "domestic", None, BalanceSource.LEDGER, "M1"
)
FACTS = Facts(
    now=NOW,
    account=ACCOUNT,
    mode=Mode.AUTOMATIC,
    armed=True,
    kill_switch=False,
    balance=-137_50,
    balance_at=NOW,
    reading_at=NOW,
    clock_deviation=0.0,
    relay_connected=True,
    open_command=None,
    cuts_last_hour=0,
    time_zone="Asia/Kolkata",
    negative_since=NOW,
    notice_at=NOW,
    notice_delivered_at=NOW,
)
POLICY = Policy(calendar=ALWAYS_OPEN, grace=timedelta(days=3))


def of(policy=POLICY, **changes):
    return standing(AccountView(evolve(FACTS, **changes), None, ()), policy)


def test_what_is_to_be_paid_brings_the_balance_back_and_is_whole_rupees():
    assert of().needed == 138_00
    assert of(balance=-138_00).needed == 139_00
    assert of(balance=0).needed == 1_00
    assert of(balance=1).needed is None
    assert of(evolve(POLICY, min_recharge=200_00)).needed == 200_00


@pytest.mark.parametrize(("paise", "rounded"), [(1, 100), (100, 100), (101, 200), (0, 0)])
def test_paise_are_rounded_up(paise, rounded):
    assert whole_rupees(paise) == rounded


def test_the_next_cut_is_after_grace_and_notice():
    found = of()
    assert (found.outlook, found.cut_at) == (Outlook.PLANNED, NOW + timedelta(days=3))
    told = of(evolve(POLICY, grace=timedelta(0), notice_rule=NoticeRule.DELIVERED))
    assert told.cut_at == NOW + timedelta(hours=24)


def test_in_propose_an_officer_decides():
    assert of(mode=Mode.PROPOSE).outlook is Outlook.OFFICER_DECIDES


@pytest.mark.parametrize("changes", [{"mode": Mode.NOTIFY}, {"kill_switch": True}, {"armed": False}])
def test_where_nobody_is_cut_no_time_is_told(changes):
    found = of(**changes)
    assert (found.outlook, found.cut_at) == (Outlook.MESSAGES_ONLY, None)


def test_a_protected_consumer_is_told_so():
    assert of(account=evolve(ACCOUNT, protected="medical equipment")).outlook is Outlook.PROTECTED


def test_credit_and_missing_balance():
    assert of(balance=5_00).outlook is Outlook.IN_CREDIT
    found = of(balance=None)
    assert (found.outlook, found.needed, found.days) == (Outlook.NOT_KNOWN, None, None)


@pytest.mark.parametrize(
    ("changes", "supply", "why"),
    [
        ({}, Supply.ON, "other"),
        ({"relay_connected": False, "disconnected_by_us": True}, Supply.OFF, "credit"),
        ({"relay_connected": False}, Supply.OFF, "other"),
        ({"relay_connected": None}, Supply.UNKNOWN, "other"),
        ({"relay_connected": False, "relay_ready": True}, Supply.READY, "other"),
        (
            {"relay_connected": False, "open_command": OpenCommand(1, "connected", "requested")},
            Supply.RESTORING,
            "other",
        ),
    ],
)
def test_supply_is_what_the_relay_is_known_to_do(changes, supply, why):
    found = of(**changes)
    assert (found.supply, found.why) == (supply, why)
    assert found.changing is (supply is Supply.RESTORING)


def test_a_part_is_enough_where_the_policy_says_so():
    policy = evolve(POLICY, partial_share=50)
    off = {"relay_connected": False, "disconnected_by_us": True, "balance": -200_00, "cut_balance": -200_00}
    found = of(policy, **off)
    assert (found.needed, found.partial) == (201_00, 101_00)
    assert of(policy, **{**off, "paid_since_cut": 60_00, "balance": -140_00}).partial == 41_00
    assert of(POLICY, **off).partial is None
    assert of(evolve(policy, partial_categories=frozenset({"shop"})), **off).partial is None


def test_days_left_come_from_the_days_before():
    found = standing(AccountView(evolve(FACTS, balance=100_00), None, (), 20_00), POLICY)
    assert found.days == 5


def with_use(balance, daily_use, policy=POLICY, **changes):
    return standing(
        AccountView(evolve(FACTS, balance=balance, negative_since=None, **changes), None, (), daily_use), policy
    )


def test_in_credit_the_next_possible_cut_is_when_use_has_eaten_the_balance_and_grace_is_over():
    found = with_use(100_00, 20_00)
    assert (found.outlook, found.cut_at) == (Outlook.IN_CREDIT_UNTIL, NOW + timedelta(days=5 + 3))
    told_long_ago = with_use(100_00, 20_00, evolve(POLICY, grace=timedelta(0), notice_rule=NoticeRule.DELIVERED))
    assert told_long_ago.cut_at == NOW + timedelta(days=5, hours=24)


@pytest.mark.parametrize("changes", [{"mode": Mode.NOTIFY}, {"kill_switch": True}, {"armed": False}])
def test_in_credit_no_day_is_named_where_nobody_is_cut(changes):
    assert with_use(100_00, 20_00, **changes).outlook is Outlook.IN_CREDIT


@pytest.mark.parametrize("daily_use", [None, 0, -5, 1])
def test_in_credit_no_day_is_named_that_nobody_can_foresee(daily_use):
    assert with_use(100_00, daily_use).outlook is Outlook.IN_CREDIT


@pytest.mark.parametrize(
    ("balance", "last"), [(19_99, True), (20_00, False), (0, False), (-1_00, False), (None, False)]
)
def test_a_balance_that_lasts_no_whole_day_is_said_so(balance, last):
    assert with_use(balance, 20_00).last_day is last
