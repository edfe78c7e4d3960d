"""What a visit reads in one question is what the account is viewed as, question by question."""

from datetime import timedelta

import pytest
from attrs import evolve
from store_making import (
    CONSUMER,
    SERIAL,
    clock_reading,
    cut,
    energy,
    events_of,
    keep,
    notice,
    reading,
    relay,
    rows,
    settle_in,
    visit,
)

from headend.notify.model import NoticeKind
from headend.prepaid.model import BalanceSource, EnergyMark, Mode, NewEntry
from headend.storage import UnknownMeter
from headend.storage.standing import standing_of, view_of
from headend.storage.views import account_of_meter, view


async def both(store, serial, now):
    """The account of a meter as the short way sees it and as the long one does, and whether the short one is taken."""

    def query(connection):
        standing = standing_of(connection, serial, now)
        stored = account_of_meter(connection, standing.meter.id)
        assert standing.account == stored
        return view_of(connection, standing, standing.account, now), view(connection, stored, now), standing.plain

    return await store.fleet._readers.run(query)


async def same(store, clock, serial=SERIAL):
    short, long, plain = await both(store, serial, clock.now)
    assert plain
    assert short == long
    return short


async def test_an_account_that_was_never_visited(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    found = await same(store, clock)
    assert found.facts.balance == 10_000
    assert found.mark is None


async def test_an_account_that_was_charged_told_and_is_in_debt(store, clock, tmp_path):
    await settle_in(store, tmp_path)

    def judge(account):
        mark = EnergyMark(SERIAL, 5_000, clock.now, 3, 4, "2026-03", 1_000)
        told = (notice(clock, "n1"), notice(clock, "n2", NoticeKind.LOW_BALANCE))
        return keep(account, entries=(energy(clock, -30_000, "e1"),), mark=mark, notices=told)

    learned = {"readings": (reading(clock),), "relay": relay(clock, connected=False), "clock": clock_reading(clock)}
    await store.fleet.record_visit(visit(clock, **learned), judge)
    for _ in range(3):
        clock.forward(days=20)
        found = await same(store, clock)
        assert found.facts.balance == -20_000
        assert found.facts.negative_since is not None
        assert {told.key for told in found.notices} == {"n1", "n2"}
        assert found.facts.notice_at is not None
    clock.now -= timedelta(days=59)
    assert (await same(store, clock)).daily_use == 30_000


async def test_an_account_that_the_meter_keeps(store, clock, tmp_path):
    await settle_in(store, tmp_path, source=BalanceSource.METER, opening="")
    await store.fleet.record_visit(visit(clock, balance=-700, balance_at=clock.now), keep)
    found = await same(store, clock)
    assert found.facts.balance == -700
    assert found.facts.negative_since == clock.now


@pytest.mark.parametrize("office", ["", "Ranchi", "Ranchi/Ranchi East", "Ranchi/Ranchi East/Kokar", "Ranchi/Ranchi W"])
async def test_the_mode_of_the_nearest_office_and_the_switches(store, clock, tmp_path, office):
    await settle_in(store, tmp_path, mode=Mode.NOTIFY)
    await store.switches.set_mode(office, Mode.PROPOSE, by="test")
    await store.switches.set_kill_switch(on=True, by="test")
    found = await same(store, clock)
    assert found.facts.mode is (Mode.NOTIFY if office == "Ranchi/Ranchi W" else Mode.PROPOSE)
    assert found.facts.kill_switch


async def test_what_officers_added_to_the_calendar(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    await store.console.closures.add("Ranchi", clock.now.date() + timedelta(days=1), "a festival", "officer")
    assert (await same(store, clock)).closures


async def test_the_caps_count_cuts_at_other_meters(store, clock, tmp_path):
    await settle_in(store, tmp_path, count=2)
    await store.journal.request(cut(clock, 2))
    short, _, _ = await both(store, SERIAL, clock.now)
    assert await same(store, clock) == short
    assert short.facts.cuts_last_day == 1


async def test_an_account_with_a_command_is_viewed_question_by_question(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    await store.journal.request(cut(clock))
    _, long, plain = await both(store, SERIAL, clock.now)
    assert not plain
    views = []
    await store.fleet.record_visit(visit(clock, readings=(reading(clock),)), lambda it: views.append(it) or keep(it))
    assert views[0].facts.open_command == long.facts.open_command
    assert views[0].facts.open_command is not None


async def test_nobody_is_an_unknown_meter(store, clock):
    with pytest.raises(UnknownMeter):
        await both(store, "NOBODY", clock.now)


async def test_an_entry_whose_reference_is_taken_is_booked_no_second_time(store, clock, tmp_path):
    await settle_in(store, tmp_path)

    def judge(*entries):
        return lambda account: keep(account, entries=entries)

    one, other = energy(clock, -100, "e1"), energy(clock, -50, "e2")
    await store.fleet.record_visit(visit(clock, readings=(reading(clock),)), judge(one))
    clock.forward(minutes=15)
    await store.fleet.record_visit(visit(clock, readings=(reading(clock),)), judge(one, other))
    assert (await same(store, clock)).facts.balance == 10_000 - 150
    clash: NewEntry = evolve(one, amount=-900)
    await store.fleet.record_visit(visit(clock, readings=(reading(clock),)), judge(clash))
    assert (await same(store, clock)).facts.balance == 10_000 - 150
    assert len(await events_of(store, "ledger.conflict")) == 1
    assert (await store.books.check()).ok


async def test_a_row_that_comes_again_is_no_conflict_and_one_that_differs_is(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    await store.fleet.record_visit(visit(clock, profiles=(rows(clock.now, 3),)), None)
    await store.fleet.record_visit(visit(clock, profiles=(rows(clock.now, 5),)), None)
    assert await events_of(store, "reading.conflict") == []
    await store.fleet.record_visit(visit(clock, profiles=(rows(clock.now, 2, first=7),)), None)
    assert len(await events_of(store, "reading.conflict")) == 2
    kept = await store.fleet.rows(SERIAL, "block_load", clock.now, clock.now + timedelta(days=1))
    assert [row.values[0] for row in kept[0].rows] == [23000, 23001, 23002, 23003, 23004]


async def test_a_visit_that_learned_little_leaves_the_rest_as_it_was(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    learned = {"readings": (reading(clock),), "relay": relay(clock, connected=True), "clock": clock_reading(clock, 7.0)}
    await store.fleet.record_visit(visit(clock, **learned), keep)
    before = (await same(store, clock)).facts
    clock.forward(minutes=15)
    await store.fleet.record_visit(visit(clock), None)
    after = (await same(store, clock)).facts
    assert evolve(after, now=before.now) == before
    assert after.clock_deviation == 7.0
    assert after.relay_connected
    assert before.account.consumer_no == CONSUMER
