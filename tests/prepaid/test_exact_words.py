"""What only an exact value tells: limits, keys and codes that stand in journals and messages."""

from datetime import date, timedelta

import pytest
from overdrawn import NOON, POLICY, facts, view

from headend.prepaid.calendar import ALWAYS_OPEN, Calendar
from headend.prepaid.caps import Caps
from headend.prepaid.decision import Defer, Keep, Reason, Warn
from headend.prepaid.ledger import Flag, charge
from headend.prepaid.model import EnergyMark, OpenCommand, SentNotice
from headend.prepaid.notices import ANNOUNCE_WITHIN, LONGEST_FORECAST, days_left, due_notices, recharge_notice
from headend.prepaid.policy import NoticeRule, Policy, decide
from headend.prepaid.tariff import Slab, Tariff, flat

KOLKATA = "Asia/Kolkata"


def test_codes_are_what_journals_and_files_hold():
    assert [flag.value for flag in Flag] == [
        "roll_back",
        "meter_changed",
        "time_backwards",
        "gap",
        "implausible",
        "no_load",
    ]
    assert [rule.value for rule in NoticeRule] == ["delivered", "written", "none"]


def test_a_cap_of_nothing_is_a_cap_and_less_is_none():
    assert (Caps(0, 0, 0).per_day, Caps(0, 0, 0).per_segment_hour) == (0, 0)
    for changes in ({"per_hour": -1}, {"per_day": -1}, {"per_segment_hour": -1}):
        with pytest.raises(ValueError, match="per_"):
            Caps(**changes)


def test_a_second_saturday_is_open_where_the_policy_says_so():
    saturday = NOON.replace(month=3, day=14)
    assert Calendar(hours=(), days=frozenset(), second_saturdays=False).closed(saturday, KOLKATA) is None
    assert Calendar(hours=(), days=frozenset(), second_saturdays=True).closed(saturday, KOLKATA) is not None


def open_on(*, day):
    """Closed on every day for months from NOON but on the one so many days later."""
    start = NOON.date()
    return Calendar(
        hours=(),
        days=frozenset(),
        second_saturdays=False,
        holidays=frozenset(start + timedelta(days=each) for each in range(100) if each != day),
    )


def test_the_next_open_time_is_looked_for_in_quarters_of_an_hour_over_31_days():
    begun = NOON.replace(hour=18, minute=30)  # midnight there
    midnight = open_on(day=(begun + timedelta(days=31)).astimezone().date().toordinal() - NOON.date().toordinal() + 1)
    assert midnight.next_open(begun, KOLKATA) == begun + timedelta(days=31)
    late = begun + timedelta(minutes=15)
    assert open_on(day=33).next_open(late, KOLKATA) is None
    quarter = begun - timedelta(minutes=15)
    assert open_on(day=1).next_open(quarter, KOLKATA) == begun
    assert Calendar(hours=ALWAYS_OPEN.hours, days=frozenset()).next_open(quarter, KOLKATA, timedelta(0)) == quarter


def test_supply_is_restored_for_a_cut_of_ours_alone_whose_effect_was_not_seen():
    unseen = {"balance": 500_00, "relay_connected": None}
    assert decide(facts(**unseen, disconnected_by_us=True), POLICY).reason is Reason.CREDIT_RESTORED
    assert decide(facts(**unseen, disconnected_by_us=False), POLICY).reason is Reason.IN_CREDIT
    reconnecting = OpenCommand(1, "connected", "requested", "policy")
    for by_us in (True, False):
        held = facts(**unseen, disconnected_by_us=by_us, open_command=reconnecting)
        assert decide(held, POLICY).reason is Reason.IN_CREDIT


def test_energy_without_a_load_is_charged_where_nothing_is_charged_by_it_and_a_doubt_stays_a_doubt():
    mark, back = EnergyMark("M", 1000, NOON - timedelta(days=1)), EnergyMark("M", 900, NOON)
    by_load = Tariff("t", (Slab(None, 1000),), fixed_per_kw=100)
    assert charge("1", mark, back, by_load).flag is Flag.ROLL_BACK


@pytest.mark.parametrize("name", ["fixed", "fixed_per_kw", "duty"])
def test_a_charge_of_nothing_is_a_charge_and_less_is_none(name):
    assert getattr(Tariff("t", (Slab(None, 0),), **{name: 0}), name) == 0
    with pytest.raises(ValueError, match="negative"):
        Tariff("t", (Slab(None, 0),), **{name: -1})


def test_a_slab_of_one_watt_hour_is_a_slab_and_one_of_none_is_not():
    assert Tariff("t", (Slab(1, 5), Slab(None, 7))).energy(0, 3) == 5 + 2 * 7
    with pytest.raises(ValueError, match="rise"):
        Tariff("t", (Slab(0, 5), Slab(None, 7)))


def test_one_rate_is_that_for_all_energy():
    assert flat("t", 650) == Tariff("t", (Slab(None, 650_000),))
    assert flat("t", 650).fixed_on(date(2026, 3, 4)) == 0


def test_a_load_that_is_not_known_pays_nothing_for_it():
    tariff = Tariff("t", (Slab(None, 0),), fixed=3100, fixed_per_kw=31_000_000)
    assert tariff.fixed_on(date(2026, 3, 4)) == 100


@pytest.mark.parametrize(
    ("balance", "daily_use", "days"),
    [
        (None, 100, None),
        (1000, None, None),
        (1000, 0, None),
        (1000, -100, None),
        (-1000, -100, None),
        (1000, 1, None),
        (1, 1, 1),
        (LONGEST_FORECAST * 100, 100, 30),
        (LONGEST_FORECAST * 100 + 100, 100, None),
        (99, 100, None),
    ],
)
def test_days_left_are_told_from_one_to_thirty(balance, daily_use, days):
    assert days_left(balance, daily_use) == days


def test_spans_of_notices():
    assert timedelta(days=2) == ANNOUNCE_WITHIN
    assert LONGEST_FORECAST == 30


def test_a_receipt_has_these_fields_and_no_other():
    told = recharge_notice(facts(balance=500_00), 200_00, "P-7")
    assert set(told.fields) == {"consumer_no", "name", "balance", "amount", "payment_id"}
    assert (told.fields["payment_id"], told.fields["consumer_no"]) == ("P-7", facts().account.consumer_no)
    assert told.fields["name"] == facts().account.name


def test_keys_are_one_a_period():
    (negative,) = due_notices(decide(facts(notice_at=None), POLICY), POLICY, ())
    days = int(NOON.timestamp()) // 86_400
    assert (negative.kind, negative.key) == ("negative", f"negative:{days}")
    (low,) = due_notices(decide(facts(balance=9_000), POLICY), POLICY, ())
    assert low.key == f"low_balance:10000:{days}"
    often = Policy(notice_repeat=timedelta(0))
    (each,) = due_notices(decide(facts(balance=9_000), often), often, ())
    assert each.key == f"low_balance:10000:{int(NOON.timestamp())}"


def test_the_key_of_an_announced_cut_names_the_time_in_debt_and_the_last_moment_counts():
    told = SentNotice("negative", "negative:1", NOON, None)
    account = view(told)
    policy = Policy(grace=account.facts.now - account.facts.negative_since + ANNOUNCE_WITHIN, calendar=ALWAYS_OPEN)
    (announced,) = due_notices(decide(account.facts, policy), policy, (told,))
    assert announced.key == f"cut_planned:{account.facts.negative_since:%Y%m%dT%H%M%S}"


def test_a_balance_at_the_limit_is_not_below_it_and_one_that_is_not_known_is_told_to_nobody():
    at_limit = facts(balance=POLICY.disconnect_below)
    assert due_notices(Defer(Reason.GRACE, at_limit), POLICY, ()) == ()
    assert due_notices(Warn(Reason.EMERGENCY_CREDIT, at_limit), POLICY, ()) == ()
    unknown = facts(balance=None)
    assert due_notices(Defer(Reason.BALANCE_UNKNOWN, unknown), POLICY, ()) == ()


def test_supply_is_told_of_by_what_the_relay_shows():
    cut = SentNotice("cut_done", "cut_done:1", NOON, None)
    unseen = facts(balance=500_00, relay_connected=None)
    assert due_notices(Keep(Reason.IN_CREDIT, unseen), POLICY, (cut,)) == ()
    unread = facts(balance=-500_00, relay_connected=None, disconnected_by_us=True)
    sent = SentNotice("negative", f"negative:{int(NOON.timestamp()) // 86_400}", NOON, None)
    assert due_notices(Keep(Reason.ALREADY_DISCONNECTED, unread), POLICY, (sent,)) == ()
    waiting = facts(balance=500_00, relay_connected=False, relay_ready=True, relay_command=9)
    (button,) = due_notices(Keep(Reason.PRESS_BUTTON, waiting), POLICY, ())
    assert (button.kind, button.key) == ("press_button", "press_button:9")


def test_a_cut_that_no_hour_allows_is_not_announced():
    sent = SentNotice("negative", f"negative:{int(NOON.timestamp()) // 86_400}", NOON, None)
    never = Policy(calendar=Calendar(days=frozenset(range(7))))
    assert due_notices(decide(facts(), never), never, (sent,)) == ()


def test_a_level_of_nothing_and_of_a_paisa_are_levels():
    (told,) = due_notices(decide(facts(balance=0), Policy(low_levels=(1,))), Policy(low_levels=(1,)), ())
    assert told.key.startswith("low_balance:1:")
    below = Policy(disconnect_below=-100, reconnect_at=1, low_levels=(200, 0))
    (told,) = due_notices(decide(facts(balance=0), below), below, ())
    assert told.key.startswith("low_balance:200:")


@pytest.mark.parametrize(
    ("balance", "reconnect_at", "asked"), [(0, 100, "₹1.00"), (0, 101, "₹2.00"), (None, 100, "₹1.00")]
)
def test_what_is_asked_for_with_a_cut_is_exact_to_the_paisa_before_it_is_rounded(balance, reconnect_at, asked):
    policy = Policy(reconnect_at=reconnect_at)
    cut = facts(balance=balance, relay_connected=False, disconnected_by_us=True, relay_command=4)
    (told,) = due_notices(decide(cut, policy), policy, ())
    assert (told.kind, told.fields["needed"]) == ("cut_done", asked)


def test_use_that_runs_backwards_says_nothing():
    assert days_left(-5, -1) is None
