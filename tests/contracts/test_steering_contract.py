"""Rounds, suspended schedules and what was given up, as the collector and people share them through the store."""

from datetime import timedelta

import pytest
from attrs import evolve
from store_making import SERIAL, events_of, meter, settle_in, visit

from headend.commands.journal import RefusedByRule
from headend.scheduler.ports import Outcome
from headend.scheduler.steering import GivenUp, RoundProgress, RoundState
from headend.storage.errors import UnknownMeter
from headend.storage.rounds import UnknownRound


def progress(clock, **changes):
    return RoundProgress(**{"schedule": "daily", "slot": clock.now, "size": 10, "left": 10, **changes})


def gone(clock, number=1, **changes):
    fields = {
        "meter": meter(number).serial,
        "tasks": ("block_load",),
        "outcome": Outcome.UNREACHABLE,
        "first_cause": "no route",
        "failures": 6,
        "first_at": clock.now - timedelta(minutes=15),
        "at": clock.now,
    }
    return GivenUp(**{**fields, **changes})


async def test_a_round_keeps_what_a_person_made_of_it_over_a_restart(store, clock):
    assert await store.steering.begin_round("", progress(clock), clock.now) is RoundState.RUNNING
    (round_,) = await store.steering.rounds()
    await store.steering.steer(round_.id, RoundState.PAUSED, "op-1")
    await store.steering.note_rounds("", [progress(clock, left=4, done=5)], clock.forward(seconds=2))
    (paused,) = await store.steering.rounds()
    assert (paused.progress.state, paused.progress.done, paused.changed_by) == (RoundState.PAUSED, 5, "op-1")
    orders = await store.steering.orders("")
    assert orders.rounds == {paused.progress.key: RoundState.PAUSED}
    again = evolve(paused.progress, state=RoundState.RUNNING)
    assert await store.steering.begin_round("", again, clock.now) is RoundState.PAUSED


async def test_a_round_that_ended_is_not_steered_any_more(store, clock):
    await store.steering.begin_round("", progress(clock), clock.now)
    (round_,) = await store.steering.rounds()
    await store.steering.note_rounds("", [progress(clock, left=0, done=10, state=RoundState.DONE)], clock.now)
    assert await store.steering.rounds() == []
    with pytest.raises(RefusedByRule, match="it is done"):
        await store.steering.steer(round_.id, RoundState.PAUSED, "op-1")
    with pytest.raises(UnknownRound):
        await store.steering.steer(999, RoundState.PAUSED, "op-1")


async def test_the_shards_of_a_slot_are_one_round_to_people(store, clock):
    await store.steering.begin_round("1/3", progress(clock), clock.now)
    await store.steering.begin_round("2/3", progress(clock, left=4, done=5), clock.now)
    (round_,) = await store.steering.rounds()
    assert (round_.shards, round_.progress.size, round_.progress.done) == (2, 20, 5)
    await store.steering.steer(round_.id, RoundState.PAUSED, "op-1")
    states = [list((await store.steering.orders(shard)).rounds.values()) for shard in ("1/3", "2/3")]
    assert states == [[RoundState.PAUSED], [RoundState.PAUSED]]
    assert await store.steering.begin_round("3/3", progress(clock), clock.now) is RoundState.PAUSED, "one that is late"
    (round_,) = await store.steering.rounds()
    assert (round_.progress.state, round_.changed_by) == (RoundState.PAUSED, "op-1")


async def test_a_round_goes_on_when_the_fleet_is_divided_otherwise(store, clock):
    await store.steering.begin_round("", progress(clock, left=4, done=6), clock.now)
    await store.steering.divide(("1/2", "2/2"))
    assert await store.steering.rounds() == [], "nobody visits in it any more"
    for shard in ("1/2", "2/2"):
        await store.steering.begin_round(shard, progress(clock, size=5, left=2, done=3), clock.now)
    (round_,) = await store.steering.rounds()
    assert (round_.progress.size, round_.progress.done) == (10, 6)
    await store.steering.steer(round_.id, RoundState.PAUSED, "op-1")
    await store.steering.divide(("",))
    assert await store.steering.begin_round("", progress(clock), clock.now) is RoundState.PAUSED


async def test_a_suspended_schedule_is_told_with_who_did_it(store, clock):
    await store.steering.suspend("daily", "op-1")
    await store.steering.suspend("daily", "op-2")
    assert (await store.steering.orders("")).suspended == {"daily"}
    assert await store.steering.suspensions() == {"daily": (clock.now, "op-1")}
    assert await store.steering.resume("daily", "op-2")
    assert not await store.steering.resume("daily", "op-2")
    assert len(await events_of(store, "schedule.suspended")) == len(await events_of(store, "schedule.resumed")) == 1


async def test_what_is_given_up_keeps_its_first_cause_and_is_told_once(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    await store.steering.give_up([gone(clock)])
    later = clock.forward(hours=3)
    await store.steering.give_up([gone(clock, first_cause="another", first_at=later, failures=12, tasks=("daily",))])
    (entry,) = await store.steering.given_up()
    assert (entry.first_cause, entry.failures, entry.tasks) == ("no route", 12, ("daily",))
    assert len(await events_of(store, "collection.given_up")) == 1
    assert await store.steering.given_up_in("Dhanbad") == []
    assert len(await store.steering.given_up_in("Ranchi")) == 1
    await store.steering.took_up([SERIAL])
    assert await store.steering.given_up() == []


async def test_what_is_asked_for_again_is_given_out_once_and_stays_in_the_list(store, clock, tmp_path):
    await settle_in(store, tmp_path, count=2)
    await store.steering.give_up([gone(clock), gone(clock, 2)])
    assert await store.steering.requeue([SERIAL]) == 1
    assert [each.meter for each in (await store.steering.orders("")).requeued] == [SERIAL]
    assert (await store.steering.orders("")).requeued == ()
    assert await store.steering.requeue(None) == 2
    assert len(await store.steering.given_up()) == 2
    with pytest.raises(UnknownMeter):
        await store.steering.requeue(["nobody"])


async def test_a_meter_is_served_only_by_the_visit_that_did_the_schedules_work(store, clock, tmp_path):
    await settle_in(store, tmp_path, count=2)
    slot = clock.now
    await store.fleet.record_visit(visit(clock, served=("daily", "balance")), None)
    await store.fleet.record_visit(visit(clock, 2), None)
    assert await store.fleet.served_since("daily", slot) == {SERIAL}
    assert await store.fleet.served_since("other", slot) == set()
    clock.forward(days=1)
    assert await store.fleet.served_since("daily", clock.now) == set()


async def test_a_refused_key_is_an_event_of_its_own(store, clock, tmp_path):
    await settle_in(store, tmp_path)
    for _ in range(3):
        await store.fleet.record_visit(visit(clock, outcome=Outcome.REFUSED, error="another key"), None)
    assert [event.meter for event in await events_of(store, "security.authentication_failed")] == [SERIAL]
