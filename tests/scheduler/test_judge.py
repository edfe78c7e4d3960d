from datetime import timedelta

import pytest
from attrs import evolve
from judged_account import MARK, MINUTE, NOON, POLICY, RULES, TEXTS, energy, relay, view, visit

from headend.commands.model import Origin, Target
from headend.errors import HeadendError
from headend.notify.model import NoticeKind
from headend.notify.texts import FIELDS
from headend.prepaid.model import BalanceSource, EntryKind, Mode, OpenCommand
from headend.prepaid.notices import due_notices, recharge_notice
from headend.prepaid.policy import Disconnect, Policy, Reason, Verdict, decide
from headend.scheduler.judge import Rules, judge_recharge, judge_visit

OFF = {"disconnected_by_us": True, "relay_connected": False}


def judged(account, record=None, rules=RULES):
    return judge_visit(rules, record or visit())(account)


def test_a_visit_charges_decides_and_commands_in_one():
    judgement = judged(view())
    (entry,) = judgement.entries
    assert (entry.kind, entry.amount, entry.reference) == (EntryKind.ENERGY, -66, "X1:10000-10100")
    assert (judgement.mark.energy_wh, judgement.mark.at, judgement.mark.remainder) == (10_100, NOON, 500_000)
    assert isinstance(judgement.decision, Disconnect)
    assert judgement.decision.facts.balance == -566
    command = judgement.command
    assert (command.meter, command.target, command.origin) == ("X1", Target.DISCONNECTED, Origin.POLICY)
    assert (command.balance, command.balance_at) == (-566, NOON)
    assert command.expires_at == NOON + POLICY.command_expiry
    assert command.reason == "negative: balance -₹5.66"


def test_the_facts_are_those_of_the_visit_and_not_of_the_last_one():
    facts = judged(view(), visit(relay=relay(connected=False))).decision.facts
    assert (facts.reading_at, facts.clock_deviation, facts.relay_connected) == (NOON, 2.0, False)
    unread = judged(view(relay_connected=True), visit(relay=None, clock=None)).decision
    assert (unread.facts.relay_connected, unread.reason) == (True, Reason.CLOCK_UNKNOWN)


def test_what_the_visit_consumed_can_be_what_goes_below_zero():
    account = view(balance=60, negative_since=None, notice_at=None, notice_delivered_at=None)
    judgement = judged(account)
    assert judgement.decision.facts.negative_since == NOON
    assert (judgement.decision.verdict, judgement.decision.reason) == (Verdict.DEFER, Reason.GRACE)
    assert [notice.kind for notice in judgement.notices] == [NoticeKind.NEGATIVE]
    assert judgement.command is None


def test_credit_ends_the_spell_and_its_notices():
    facts = judged(view(balance=50_000)).decision.facts
    assert (facts.negative_since, facts.notice_at, facts.notice_delivered_at) == (None, None, None)


def test_a_notice_of_an_earlier_spell_does_not_count_for_a_new_one():
    account = view(balance=60, negative_since=None)
    policy = Policy(grace=timedelta(0))
    judgement = judged(account, rules=evolve(RULES, policy_for=lambda _: policy))
    assert judgement.decision.reason is Reason.NO_NOTICE


@pytest.mark.parametrize(
    ("reading", "flag"),
    [
        (energy(9_999), "energy.roll_back"),
        (energy(10_000 + 70_000), "energy.implausible"),
    ],
)
def test_a_doubtful_register_is_flagged_not_billed_and_no_ground_for_a_cut(reading, flag):
    judgement = judged(view(), visit(reading))
    assert (judgement.entries, judgement.mark, judgement.flags) == ((), None, (flag,))
    assert (judgement.decision.verdict, judgement.decision.reason) == (Verdict.DEFER, Reason.BALANCE_UNKNOWN)
    assert judgement.command is None


def test_a_doubtful_register_does_not_keep_the_lights_off():
    judgement = judged(view(**OFF, balance=500), visit(energy(1), relay=relay(connected=False)))
    assert judgement.command.target is Target.CONNECTED


def test_a_meter_that_was_changed_is_flagged():
    judgement = judged(view(mark=evolve(MARK, meter="OLD")))
    assert judgement.flags == ("energy.meter_changed",)


def test_the_first_reading_of_an_account_sets_the_mark():
    judgement = judged(view(mark=None))
    assert judgement.entries == ()
    assert judgement.mark.energy_wh == 10_100


def test_a_tariff_that_is_missing_costs_neither_the_visit_nor_a_reconnect():
    def none(_):
        raise HeadendError("no such tariff")

    rules = Rules(RULES.policy_for, none, TEXTS)
    judgement = judged(view(), rules=rules)
    assert judgement.flags == ("energy.no_tariff",)
    assert judgement.decision.reason is Reason.BALANCE_UNKNOWN
    restored = judged(view(**OFF, balance=500), visit(relay=relay(connected=False)), rules)
    assert restored.command.target is Target.CONNECTED


@pytest.mark.parametrize(
    ("reading", "wh"),
    [
        (energy("12.5", unit="kWh"), 12_500),
        (energy(10_100, unit="VAh"), None),
        (energy(10_100, value="10100"), None),
        (evolve(energy(10_100), name="energy_export"), None),
    ],
)
def test_only_active_energy_in_a_known_unit_is_charged(reading, wh):
    judgement = judged(view(mark=evolve(MARK, at=NOON - timedelta(days=1))), visit(reading))
    assert (judgement.mark.energy_wh if judgement.mark else None) == wh


def test_a_meter_that_keeps_the_account_is_believed_and_nothing_is_charged():
    account = view(balance_source=BalanceSource.METER, balance=None, balance_at=None, mark=None)
    judgement = judged(account, visit(balance=-700, balance_at=NOON))
    assert (judgement.entries, judgement.mark) == ((), None)
    assert judgement.command.balance == -700
    silent = judged(account, visit())
    assert silent.decision.reason is Reason.BALANCE_UNKNOWN


def test_an_old_balance_of_a_meter_is_stale():
    account = view(balance_source=BalanceSource.METER, balance_at=NOON - timedelta(hours=2))
    assert judged(account, visit()).decision.reason is Reason.BALANCE_STALE


def test_in_propose_the_command_goes_to_the_journal_which_holds_it_for_an_officer():
    judgement = judged(view(mode=Mode.PROPOSE))
    assert judgement.decision.would is Verdict.DISCONNECT
    assert judgement.command.target is Target.DISCONNECTED
    assert judgement.command.reason.startswith("mode_propose")


@pytest.mark.parametrize(
    "changes", [{"mode": Mode.NOTIFY}, {"armed": False}, {"kill_switch": True}, {"protected": "x"}]
)
def test_no_command_is_made_where_nothing_may_be_cut(changes):
    assert judged(view(**changes)).command is None
    assert judged(view(**changes, mode=Mode.PROPOSE) if "mode" not in changes else view(**changes)).command is None


def test_a_relay_that_cannot_be_moved_is_not_asked_to_at_each_visit():
    fixed = visit(relay=relay(mode=0))
    judgement = judged(view(), fixed)
    assert isinstance(judgement.decision, Disconnect)
    assert judgement.command is None


def test_an_open_cut_is_not_asked_for_twice():
    judgement = judged(view(open_command=OpenCommand(3, "disconnected", "quarantined")))
    assert (judgement.decision.reason, judgement.command) == (Reason.DISCONNECT_OPEN, None)


def test_two_decisions_have_two_causes():
    first = judged(view()).command.cause
    second = judged(view(now=NOON + MINUTE)).command.cause
    assert first != second


def test_a_meter_without_an_account_number_gets_no_command():
    assert judged(view(meter=None)).command is None


def test_a_recharge_restores_and_says_so_in_both_languages():
    judgement = judge_recharge(RULES, "UPI1", 20_000)(view(**OFF, balance=19_500))
    assert judgement.command.cause == "recharge:UPI1"
    assert judgement.command.target is Target.CONNECTED
    assert (judgement.entries, judgement.mark) == ((), None)
    receipt = judgement.notices[0]
    assert (receipt.kind, receipt.key) == (NoticeKind.RECHARGED, "recharged:UPI1")
    assert "₹200.00" in receipt.texts["hi"]
    assert "Rs 200.00" in receipt.texts["en"]


def test_a_small_recharge_is_answered_by_its_receipt_alone():
    judgement = judge_recharge(RULES, "UPI1", 500)(view(balance=4_000, relay_connected=True))
    assert judgement.decision.reason is Reason.LOW_BALANCE
    assert [notice.kind for notice in judgement.notices] == [NoticeKind.RECHARGED]


def test_a_recharge_calls_back_an_open_cut():
    cut = OpenCommand(3, "disconnected", "sending")
    judgement = judge_recharge(RULES, "UPI1", 20_000)(view(relay_connected=True, balance=19_500, open_command=cut))
    assert judgement.command.target is Target.CONNECTED


@pytest.mark.parametrize("mode", [Mode.AUTOMATIC, Mode.PROPOSE])
def test_a_recharge_that_is_too_little_is_never_the_occasion_of_a_cut(mode):
    account = view(balance=-100, mode=mode, relay_connected=True, clock_deviation=0.0, balance_at=NOON, reading_at=NOON)
    judgement = judge_recharge(RULES, "UPI1", 400)(account)
    assert Verdict.DISCONNECT in (judgement.decision.verdict, getattr(judgement.decision, "would", None))
    assert judgement.command is None


def test_every_notice_has_exactly_the_fields_its_templates_may_use():
    spell = {"negative_since": NOON - timedelta(days=2), "relay_connected": True, "clock_deviation": 0.0}
    accounts = [
        view(balance=5_000, relay_connected=True),
        view(**spell),
        view(**OFF, balance=-100),
        view(**OFF, balance=50_000, relay_ready=True),
    ]
    found = {}
    (lasting,) = due_notices(decide(view(balance=50_000).facts, POLICY), POLICY, (), 20_000)
    found[lasting.kind] = set(lasting.fields)
    for account in accounts:
        for notice in due_notices(decide(account.facts, POLICY), POLICY, account.notices):
            found[notice.kind] = set(notice.fields)
    told = found["negative"]
    sent = _sent(view(**spell))
    later = view(*sent, **spell, reading_at=NOON, balance_at=NOON)
    for notice in due_notices(decide(later.facts, POLICY), POLICY, later.notices):
        found[notice.kind] = set(notice.fields)
    back = view(*_sent(view(**OFF)), balance=50_000, relay_connected=True)
    for notice in due_notices(decide(back.facts, POLICY), POLICY, back.notices):
        found[notice.kind] = set(notice.fields)
    found["recharged"] = set(recharge_notice(view().facts, 1, "P").fields)
    assert told
    assert {NoticeKind(kind): frozenset(fields) for kind, fields in found.items()} == {
        # These follow from what a person does at the office or in the portal, not from a decision.
        kind: fields
        for kind, fields in FIELDS.items()
        if kind not in (NoticeKind.NUMBER_CHANGED, NoticeKind.ONE_TIME_PASSWORD, NoticeKind.LOGIN_CODE)
    }


def _sent(account):
    from headend.prepaid.model import SentNotice

    return [
        SentNotice(notice.kind, notice.key, NOON, NOON)
        for notice in due_notices(decide(account.facts, POLICY), POLICY, account.notices)
    ]
