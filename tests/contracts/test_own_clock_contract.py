"""What must hold when our own clock was set back, and when money is booked with an earlier day of value."""

from datetime import timedelta

from attrs import evolve
from store_making import CONSUMER, SERIAL, cut, energy, events_of, keep, notice, settle_in, visit

from headend.commands.model import Origin, Target
from headend.notify.texts import default_texts
from headend.prepaid.rules import default_policy, default_tariff
from headend.scheduler.judge import Rules, judge_recharge


async def booked(store, clock, paise, reference):
    await store.fleet.record_visit(visit(clock), lambda view: keep(view, entries=(energy(clock, paise, reference),)))


async def test_a_clock_that_was_set_back_does_not_lengthen_the_time_in_debt(store, clock, tmp_path):
    await settle_in(store, tmp_path, opening="10.00")
    clock.forward(days=5)
    await booked(store, clock, -5_00, "1")
    before = clock.now
    clock.now -= timedelta(days=4)
    await booked(store, clock, -50_00, "2")
    view = await store.accounts.view(CONSUMER, before)
    assert view.facts.negative_since == before
    assert (await store.books.check()).ok


async def test_a_notice_of_a_clock_that_was_set_back_is_none_of_this_time_in_debt(store, clock, tmp_path):
    await settle_in(store, tmp_path, opening="10.00")
    clock.forward(days=5)
    await booked(store, clock, -5_00, "1")
    before = clock.now
    clock.now -= timedelta(days=4)
    told = notice(clock, "negative:1")
    await store.fleet.record_visit(
        visit(clock), lambda view: keep(view, entries=(energy(clock, -50_00, "2"),), notices=(told,))
    )
    view = await store.accounts.view(CONSUMER, before)
    assert (view.facts.notice_at, view.facts.notice_delivered_at) == (None, None)


async def test_a_message_does_not_arrive_before_it_was_written(store, clock, tmp_path):
    await settle_in(store, tmp_path, opening="-10.00")
    told = notice(clock, "negative:1")
    await store.fleet.record_visit(visit(clock), lambda view: keep(view, notices=(told,)))
    await store.accounts.notice_key_delivered(CONSUMER, "negative:1", clock.now - timedelta(days=2))
    (written,) = await store.accounts.notices(CONSUMER)
    assert written.delivered_at == clock.now


async def test_an_earlier_day_of_value_is_the_entrys_alone(store, clock, tmp_path):
    await settle_in(store, tmp_path, opening="-10.00")
    open_cut = await store.journal.request(cut(clock, origin=Origin.POLICY))
    clock.forward(minutes=30)
    value_day = clock.now - timedelta(days=3)
    policy = evolve(default_policy(), grace=timedelta(0))
    rules = Rules(lambda _: policy, lambda _: default_tariff(), default_texts())
    result = await store.accounts.recharge(
        CONSUMER, 500_00, "P-1", value_day, "desk", judge_recharge(rules, "P-1", 500_00)
    )
    assert (result.entry.at, result.entry.booked_at) == (value_day, clock.now)
    assert (result.command.target, result.command.requested_at) == (Target.CONNECTED, clock.now)
    assert (await store.journal.command(open_cut.id)).superseded_by == result.command.id
    assert {step.at for step in await store.journal.steps(open_cut.id)} == {open_cut.requested_at, clock.now}
    (told,) = await events_of(store, "account.recharged")
    assert told.at == clock.now
    assert (await store.accounts.notices(CONSUMER))[0].notice.at == clock.now
    assert (await store.journal.open_for(SERIAL))[0].id == result.command.id
