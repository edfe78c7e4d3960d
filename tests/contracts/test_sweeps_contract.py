"""What must hold for accounts that are judged many at a time, without a visit."""

from datetime import timedelta

from attrs import evolve
from store_making import (
    CONSUMER,
    clock_reading,
    cut,
    energy,
    events_of,
    keep,
    notice,
    proof,
    reading,
    relay,
    settle_in,
    visit,
)

from headend.commands.model import Origin, State, Target
from headend.notify.model import NoticeKind
from headend.notify.texts import default_texts
from headend.prepaid.model import BalanceSource, EnergyMark
from headend.prepaid.policy import NoticeRule
from headend.prepaid.rules import default_policy, default_tariff
from headend.scheduler.judge import Rules, judge_standing, judge_visit
from headend.storage import sweeping
from headend.storage.sweeping import Swept


def rules(**changes):
    policy = evolve(default_policy(), **changes)
    return Rules(lambda _: policy, lambda _: default_tariff(), default_texts())


def number(at):
    return f"{10_000_000_000 + at}"


async def sweep_all(store, judge, **options):
    swept, after = [], ""
    while after is not None:
        swept.append(await store.sweeps.sweep(judge, after, **options))
        after = swept[-1].after
    return swept


async def varied(store, clock, folder):
    """A fleet in which each account has something of its own: read, charged, told, cut, restored, in debt, new."""
    await settle_in(store, folder, count=8, opening="10.00")
    told = [
        notice(clock, "negative:1", NoticeKind.NEGATIVE, number(3)),
        notice(clock, "x", NoticeKind.LOW_BALANCE, number(3)),
    ]
    for at, notices in ((1, ()), (2, ()), (3, told), (4, ())):
        record = visit(
            clock, at, readings=(reading(clock),), relay=relay(clock, connected=at != 4), clock=clock_reading(clock)
        )
        spent = energy(clock, -at * 8_00, f"use:{at}", number(at))
        mark = EnergyMark(f"HED{at:07}", 1000 * at, clock.now, 5, 7, "2026-03", 40)
        await store.fleet.record_visit(
            record, lambda view, s=spent, m=mark, n=notices: keep(view, entries=(s,), mark=m, notices=tuple(n))
        )
    clock.forward(days=2)
    (written,) = [each for each in await store.accounts.notices(number(3)) if each.notice.kind is NoticeKind.NEGATIVE]
    await store.accounts.notice_delivered(written.id, clock.now)
    command = await store.journal.request(cut(clock, 5, origin=Origin.POLICY))
    await store.journal.request(cut(clock, 6))
    await store.journal.begin_sending(command.id, clock.now, None)
    await store.journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    await store.books.plan(number(4), 5_00, (2, clock.now.date()), "hardship", "officer-1", None)
    clock.forward(hours=3)


async def test_an_account_is_seen_as_a_visit_sees_it(store, clock, tmp_path):
    await varied(store, clock, tmp_path)
    seen = {}

    def judge(view):
        seen[view.facts.account.consumer_no] = view
        return keep(view)

    (swept,) = await sweep_all(store, judge)
    assert swept == Swept({"keep": 8}, 0, None)
    for consumer_no, view in seen.items():
        assert view == await store.accounts.view(consumer_no, clock.now), consumer_no
    assert seen[number(3)].facts.notice_delivered_at is not None
    assert seen[number(5)].facts.disconnected_by_us
    assert seen[number(6)].facts.open_command is not None
    assert seen[number(1)].daily_use is not None


async def test_a_balance_that_the_meter_keeps_is_the_one_that_is_seen(store, clock, tmp_path):
    await settle_in(store, tmp_path, source=BalanceSource.METER, opening="")
    await store.fleet.record_visit(visit(clock, balance=-3_00, balance_at=clock.now), None)
    seen = []
    await sweep_all(store, lambda view: seen.append(view) or keep(view))
    assert seen == [await store.accounts.view(CONSUMER, clock.now)]
    assert seen[0].facts.balance == -3_00


async def test_what_is_said_again_is_counted_and_who_was_judged_lately_is_left(store, clock, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "BATCH", 2)
    await settle_in(store, tmp_path, count=5)
    judge = judge_standing(rules())
    first = await sweep_all(store, judge)
    assert [sum(each.judged.values()) for each in first] == [2, 2, 1]
    clock.forward(hours=25)
    await store.fleet.record_visit(visit(clock), judge_visit(rules(), visit(clock)))
    second = await sweep_all(store, judge, judged_before=clock.now - timedelta(hours=24))
    assert [(sum(each.judged.values()), each.left) for each in second] == [(1, 1), (2, 0), (1, 0)]
    for at in range(1, 6):
        (decision,) = await store.accounts.decisions(number(at))
        assert (decision.times, decision.last_at, decision.verdict) == (2, clock.now, "warn")
    assert len(await events_of(store, "decision.warn")) == 5


async def test_who_is_not_reached_is_told_and_pays_an_instalment_when_it_falls_due(store, clock, tmp_path):
    await settle_in(store, tmp_path, opening="-100.00")
    await store.books.plan(CONSUMER, 60_00, (2, clock.now.date()), "hardship", "officer-1", None)
    clock.forward(days=1)
    await sweep_all(store, judge_standing(rules()))
    assert await store.accounts.balance(CONSUMER) == -70_00
    (told,) = await store.accounts.notices(CONSUMER)
    assert told.notice.kind is NoticeKind.NEGATIVE
    assert "70" in told.notice.texts["en"]


async def test_nobody_is_cut_by_it_and_supply_that_is_paid_for_returns(store, clock, tmp_path):
    await settle_in(store, tmp_path, count=2, opening="-100.00")
    at_once = rules(grace=timedelta(0), notice_rule=NoticeRule.NONE)
    for at in (1, 2):
        learned = {"readings": (reading(clock),), "relay": relay(clock, connected=True), "clock": clock_reading(clock)}
        await store.fleet.record_visit(
            visit(clock, at, **learned), lambda view, a=at: keep(view, mark=EnergyMark(f"HED{a:07}", 1, clock.now))
        )
    command = await store.journal.request(cut(clock, 2, origin=Origin.POLICY))
    await store.journal.begin_sending(command.id, clock.now, None)
    await store.journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    await store.accounts.recharge(number(2), 500_00, "P-1", clock.now, "desk", None)
    (swept,) = await sweep_all(store, judge_standing(at_once))
    assert swept.judged == {"disconnect": 1, "reconnect": 1}
    assert [(each.meter, each.target) for each in await store.journal.open_for("HED0000002")] == [
        ("HED0000002", Target.CONNECTED)
    ]
    assert await store.journal.open_for("HED0000001") == []
