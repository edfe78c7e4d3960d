"""Several processes on one database: what one may write, what becomes of what it was doing, what holds over all."""

import asyncio
import json

import pytest
from store_making import START, cut, events_of, meter, proof, restore, settle_in, visit

from headend.commands.journal import Permit, Refusal, SentByAnother
from headend.commands.model import State
from headend.commands.topup import Shown
from headend.prepaid.caps import Caps
from headend.scheduler.ports import Outcome
from headend.scheduler.steering import GivenUp
from headend.storage import StorageError

TWO = Caps(per_hour=2, per_day=100, per_segment_hour=100)
ROOMY = Caps(per_hour=100, per_day=100, per_segment_hour=100)


@pytest.fixture
async def house(opened, tmp_path):
    """The daemon's own store, and a way to open a worker's: a process of its own, with a token of its own."""
    parent = await opened(armed=True, caps=ROOMY)
    await settle_in(parent, tmp_path, count=4)

    async def worker(number, caps=ROOMY, shards=None):
        token = await parent.workers.begin(
            number, "host", 1000 + number, (f"{number}/2",) if shards is None else shards
        )
        return await opened(token=token, caps=caps), token

    return parent, worker


async def sent(store, clock, number):
    command = await store.journal.request(cut(clock, number))
    permit = await store.journal.begin_sending(command.id, clock.now, None)
    assert isinstance(permit, Permit)
    return permit.command


async def test_under_a_token_that_has_ended_nothing_is_written(house, clock):
    parent, worker = house
    lost, token = await worker(1)
    command = await sent(lost, clock, 1)
    waiting = await parent.journal.request(cut(clock, 2))
    assert await parent.workers.bury(token, "it said nothing") == 1
    for writing in (
        lost.counters.reserve(meter().serial, "setting", 64),
        lost.journal.begin_sending(waiting.id, clock.now, None),
        lost.journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False)),
        lost.fleet.record_visit(visit(clock), None),
        lost.workers.take(token, "2/2"),
    ):
        with pytest.raises(StorageError, match="worker 1 writes nothing more under token"):
            await writing
    assert lost.stopped is not None, "so that the process ends"
    assert (await parent.journal.command(command.id)).state is State.UNKNOWN
    assert (await parent.journal.command(waiting.id)).state is State.REQUESTED
    (event,) = await events_of(parent, "worker.died")
    told = json.loads(event.payload)
    assert (told["worker"], told["unknown_commands"]) == (1, 1)


async def test_counters_that_a_lost_process_still_has_are_given_to_nobody_else(house):
    parent, worker = house
    lost, token = await worker(1)
    serial = meter().serial
    used = list(await lost.counters.reserve(serial, "setting", 64))
    await parent.workers.bury(token, "it said nothing")
    heir, _ = await worker(1)
    for store in (lost, heir, lost, heir):
        used += await store.counters.reserve(serial, "setting", 64)
    assert len(used) == len(set(used)) == 5 * 64
    late = set(await lost.counters.reserve(serial, "setting", 64))
    assert max(late) < min(await heir.counters.reserve(serial, "setting", 64)), "a meter refuses what it still has"


async def test_a_command_that_a_process_had_taken_over_is_not_settled_by_the_one_that_lost_it(house, clock):
    parent, worker = house
    lost, token = await worker(1)
    command = await sent(lost, clock, 1)
    await parent.workers.bury(token, "stopped for long")
    heir, _ = await worker(1)
    again = await heir.journal.settle(command.id, State.REQUESTED, clock.now, proof(clock, connected=True))
    assert again.state is State.REQUESTED
    assert isinstance(await heir.journal.begin_sending(command.id, clock.now, None), Permit)
    with pytest.raises(StorageError, match="writes nothing more"):
        await lost.journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    assert (await parent.journal.command(command.id)).state is State.SENDING
    steps = [step.after for step in await parent.journal.steps(command.id)]
    assert steps == [State.REQUESTED, State.SENDING, State.UNKNOWN, State.REQUESTED, State.SENDING]


async def test_what_another_process_is_sending_is_left_alone(house, clock):
    parent, worker = house
    first, _ = await worker(1)
    second, token = await worker(2)
    one, two = await sent(first, clock, 1), await sent(second, clock, 2)
    assert await first.journal.interrupted(clock.now) == 0, "both live"
    with pytest.raises(SentByAnother, match="worker 1, process 1001"):
        await second.journal.settle(one.id, State.UNKNOWN, clock.now, proof(clock, connected=True))
    await parent.workers.bury(token, "killed")
    states = [(await parent.journal.command(each.id)).state for each in (one, two)]
    assert states == [State.SENDING, State.UNKNOWN]
    done = await first.journal.settle(one.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    assert done.state is State.CONFIRMED


async def test_what_was_sent_by_hand_is_unknown_to_the_next_process(house, clock):
    parent, worker = house
    command = await sent(parent, clock, 1)
    first, _ = await worker(1)
    assert await first.journal.interrupted(clock.now) == 1
    assert (await parent.journal.command(command.id)).state is State.UNKNOWN


async def test_a_top_up_that_another_process_is_sending_is_left_alone(opened, tmp_path, clock):
    from headend.prepaid.model import BalanceSource

    parent = await opened(armed=True)
    await settle_in(parent, tmp_path, source=BalanceSource.METER)
    await parent.accounts.recharge(meter().consumer_no, 50_000, "P-1", clock.now, "desk", None)
    tokens = [await parent.workers.begin(number, "host", 1000 + number) for number in (1, 2)]
    first, second = [await opened(token=token) for token in tokens]
    (topup,) = await first.topups.open_for(meter().serial)
    before = Shown(clock.now, 0, 0, None)
    assert (await first.topups.begin(topup.id, before, clock.now)).state is State.SENDING
    with pytest.raises(SentByAnother):
        await second.topups.settle(topup.id, State.UNKNOWN, "lost", clock.now)
    await parent.workers.bury(tokens[0], "killed")
    assert (await second.topups.settle(topup.id, State.UNKNOWN, "lost", clock.now)).state is State.UNKNOWN


async def test_whoever_takes_a_shard_ends_the_process_that_had_it(house):
    parent, worker = house
    first, one = await worker(1, shards=("1/8", "2/8"))
    second, two = await worker(2, shards=("3/8",))
    await second.workers.take(two, "1/8")
    (left,) = await parent.workers.live()
    assert (left.token, left.shards) == (two, ("1/8", "3/8"))
    with pytest.raises(StorageError, match="shard 1/8 was taken over"):
        await first.workers.take(one, "4/8")
    await second.workers.give_back(two, "1/8")
    await worker(1, shards=("1/8",))
    assert [row.shards for row in await parent.workers.live()] == [("1/8",), ("3/8",)]


async def test_all_that_lived_are_told_as_ended_by_the_next_daemon(house):
    parent, worker = house
    await worker(1)
    await worker(2)
    assert await parent.workers.end_all("the daemon was started anew") == 2
    assert await parent.workers.live() == []
    assert [(row.worker, row.why) for row in await parent.workers.listing()] == [
        (2, "the daemon was started anew"),
        (1, "the daemon was started anew"),
    ]


async def test_a_read_is_taken_by_whose_meter_it_is_and_put_back_when_that_one_dies(house):
    parent, worker = house
    first, one = await worker(1)
    second, _ = await worker(2)
    asked = await parent.fleet.ask_read(meter(1).serial)

    def has_first(other):
        return other.serial == meter(1).serial

    assert await second.fleet.new_read_requests(lambda other: not has_first(other)) == []
    assert [each.id for each in await first.fleet.new_read_requests(has_first)] == [asked]
    assert await first.fleet.new_read_requests(has_first) == []
    await parent.workers.bury(one, "killed")
    heir, _ = await worker(1)
    assert [each.id for each in await heir.fleet.new_read_requests(has_first)] == [asked]


async def test_work_that_was_asked_for_again_goes_to_whose_meter_it_is(house, clock):
    parent, worker = house
    first, _ = await worker(1)
    given = GivenUp(meter(2).serial, ("daily",), Outcome.UNREACHABLE, "no route", 6, clock.now, clock.now)
    await parent.steering.give_up([given])
    await parent.steering.requeue(None)
    assert (await first.steering.orders("1/2", lambda other: other.serial == meter(1).serial)).requeued == ()
    found = (await first.steering.orders("1/2", lambda other: other.serial == meter(2).serial)).requeued
    assert [each.meter for each in found] == [meter(2).serial]


async def test_caps_the_kill_switch_and_the_one_open_command_hold_over_all_processes(house, clock):
    parent, worker = house
    first, _ = await worker(1, TWO)
    second, _ = await worker(2, TWO)
    both = await asyncio.gather(*(store.journal.request(cut(clock, 1)) for store in (first, second)))
    assert both[0].id == both[1].id
    asked = [await parent.journal.request(cut(clock, number)) for number in (2, 3, 4)]
    await parent.journal.cancel(both[0].id, clock.now, "test", "room for the others")
    begun = await asyncio.gather(
        *(
            store.journal.begin_sending(command.id, clock.now, None)
            for store, command in zip((first, second, first), asked, strict=True)
        )
    )
    assert sorted(type(each).__name__ for each in begun) == ["Permit", "Permit", "Refusal"]
    await parent.switches.set_kill_switch(on=True, by="officer")
    command = await parent.journal.request(restore(clock, 1))
    assert isinstance(await second.journal.begin_sending(command.id, clock.now, None), Permit)
    (over,) = [command for command, answer in zip(asked, begun, strict=True) if isinstance(answer, Refusal)]
    assert (await parent.journal.command(over.id)).state is State.QUARANTINED


async def test_a_slot_runs_once_in_each_shard_and_goes_on_when_the_fleet_is_divided_otherwise(house):
    parent, worker = house
    first, _ = await worker(1)
    second, _ = await worker(2)
    assert await first.fleet.claim_slot("block#1/2", START)
    assert await second.fleet.claim_slot("block#2/2", START)
    assert not await first.fleet.claim_slot("block#1/2", START)
    assert not await parent.fleet.claim_slot("block", START), "its meters were visited in this slot"
    assert not await parent.fleet.claim_slot("block#1/3", START)
    assert await parent.fleet.claim_slot("blockade", START)
