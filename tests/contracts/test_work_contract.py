import json

import pytest
from store_making import CONSUMER, OFFICE, SERIAL, cut, events_of, proof, relay, restore, settle_in, visit

from headend.commands.journal import RefusedByRule
from headend.commands.model import Evidence, Origin, State
from headend.scheduler.overdue import Overdue
from headend.scheduler.ports import Outcome, VisitRecord
from headend.storage.errors import UnknownWork
from headend.storage.workitems import WorkKind


@pytest.fixture
async def late(store, tmp_path, clock):
    """A reconnect that two visits could not carry out, as it becomes overdue."""
    await settle_in(store, tmp_path)
    command = await store.journal.request(restore(clock, cause="recharge:P-1", origin=Origin.POLICY))
    for _ in range(2):
        clock.forward(minutes=5)
        await store.fleet.record_visit(visit(clock, outcome=Outcome.UNREACHABLE, error="no route to it"), None)
    clock.forward(minutes=5)
    return command


async def look(store, clock):
    await Overdue(store.journal, store.work.tell_overdue).look(clock.now)


async def test_supply_that_stays_off_becomes_work_for_the_office_with_what_was_tried(store, late, clock):
    await look(store, clock)
    (item,) = await store.work.items()
    assert (item.kind, item.office, item.meter, item.consumer_no) == (WorkKind.RECONNECT_LATE, OFFICE, SERIAL, CONSUMER)
    assert item.command == late.id
    assert ["requested" in line or "no route" in line for line in item.tried] == [True] * 3
    (event,) = await events_of(store, "work.opened")
    assert json.loads(event.payload)["tried"] == list(item.tried)


async def test_a_restart_opens_no_second_item(store, late, clock):
    for _ in range(3):
        await look(store, clock)
    assert len(await store.work.items()) == len(await events_of(store, "work.opened")) == 1


async def test_an_office_sees_its_own_work(store, late, clock):
    await look(store, clock)
    assert len(await store.work.items("Ranchi")) == len(await store.work.items(OFFICE)) == 1
    assert await store.work.items("Ranchi/Ranchi") == await store.work.items("Dhanbad") == []


async def test_a_person_closes_an_item_once(store, late, clock):
    await look(store, clock)
    (item,) = await store.work.items()
    closed = await store.work.close(item.id, "officer-2", "went there")
    assert (closed.closed_by, closed.note, closed.closed_at) == ("officer-2", "went there", clock.now)
    assert await store.work.items() == []
    assert await store.work.items(closed=True) == [closed]
    with pytest.raises(RefusedByRule, match="officer-2 already"):
        await store.work.close(item.id, "officer-1", "too")
    with pytest.raises(UnknownWork, match="77"):
        await store.work.close(77, "officer-1", "x")


async def test_what_is_carried_out_after_all_closes_itself_and_is_measured(store, late, clock):
    await look(store, clock)
    await store.journal.begin_sending(late.id, clock.now, None)
    clock.forward(minutes=5)
    await store.journal.settle(late.id, State.CONFIRMED, clock.now, proof(clock, connected=True))
    assert await store.work.items() == []
    ((item),) = await store.work.items(closed=True)
    assert (item.closed_by, "read back connected" in item.note) == ("headend", True)
    (event,) = await events_of(store, "reconnect.verified")
    assert json.loads(event.payload) == {"command": late.id, "cause": "recharge:P-1", "latency_ms": 20 * 60_000}
    found = await store.work.latency(late.requested_at)
    assert (found.count, found.p50.total_seconds(), found.missed) == (1, 1200, 1)
    assert (await store.work.latency(clock.forward(seconds=1))).count == 0


async def test_a_reconnect_that_the_meter_refuses_is_work_at_once(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    command = await store.journal.request(restore(clock))
    await store.journal.begin_sending(command.id, clock.now, None)
    off = relay(clock, connected=False)
    await store.journal.settle(
        command.id, State.REJECTED, clock.now, Evidence(off, off, sent=True, note="press button")
    )
    (item,) = await store.work.items()
    assert item.kind is WorkKind.RECONNECT_REJECTED
    assert "press button" in item.tried[-1]
    assert (await store.work.latency(command.requested_at, recharges_only=False)).count == 0


async def test_supply_that_is_seen_back_leaves_no_reconnect_to_work_on(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    command = await store.journal.request(restore(clock))
    await store.journal.begin_sending(command.id, clock.now, None)
    off = relay(clock, connected=False)
    await store.journal.settle(command.id, State.REJECTED, clock.now, Evidence(off, off, sent=True, note="button"))
    clock.forward(minutes=5)
    record = VisitRecord(command.meter, clock.now, clock.now, Outcome.DONE, None, relay=relay(clock, connected=True))
    await store.fleet.record_visit(record, None)
    assert await store.work.items() == []
    (item,) = await store.work.items(closed=True)
    assert item.note == "supply was seen connected"


async def test_an_outcome_that_nobody_knows_becomes_work_and_a_cut_that_waits_does_not(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=2)
    lost = await store.journal.request(cut(clock, 1))
    await store.journal.begin_sending(lost.id, clock.now, None)
    await store.journal.settle(lost.id, State.UNKNOWN, clock.now, Evidence(None, None, sent=True, note="answer lost"))
    await store.journal.request(cut(clock, 2))
    clock.forward(minutes=15)
    await look(store, clock)
    (item,) = await store.work.items()
    assert (item.kind, item.command) == (WorkKind.OUTCOME_UNKNOWN, lost.id)


async def test_other_reconnects_are_counted_when_asked_for(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    command = await store.journal.request(restore(clock))
    since = clock.now
    await store.journal.begin_sending(command.id, clock.now, None)
    clock.forward(seconds=2)
    await store.journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=True))
    assert (await store.work.latency(since)).count == 0
    assert (await store.work.latency(since, recharges_only=False)).count == 1
