import os
from datetime import timedelta

from attrs import evolve
from store_making import START, clock_reading, cut, meter, restore, settle_in, visit

from headend.scheduler.figures import Failing, RoundStanding, Standing
from headend.scheduler.ports import Outcome
from headend.scheduler.spans import RECONNECT_BOUNDS, VISIT_BOUNDS, SpanCounter
from headend.storage.status import ProcessStatus


def standing():
    took, reconnects = SpanCounter(VISIT_BOUNDS), SpanCounter(RECONNECT_BOUNDS)
    took.add(0.2)
    return Standing(
        in_flight=3,
        waiting=4,
        put_off=5,
        oldest=START,
        rounds=(RoundStanding("daily", START, 100, 40),),
        failing=(Failing(meter().serial, Outcome.UNREACHABLE, 3, "no answer", START),),
        blocked_lanes=("gateway-7",),
        visits={"done": 12},
        commands={"confirmed": 1},
        reads=0,
        took=took.spans(),
        reconnects=reconnects.spans(),
    )


def status(**changes):
    told = ProcessStatus(
        worker=0,
        pid=os.getpid(),
        version="0.1.0",
        started=START,
        at=START,
        standing=standing(),
        failing=1,
        permits=256,
        kept=32,
        values=0,
        rows=0,
        loop_lag=0.001,
        busiest_lag=0.002,
        writing=0,
        shedding=False,
        keys=True,
        memory=1,
    )
    return evolve(told, **changes)


async def test_what_a_process_tells_is_read_back_as_it_was(store):
    await store.status.tell(status())
    await store.status.tell(status(worker=1, broker=False))
    assert await store.status.processes() == (status(), status(worker=1, broker=False))


async def test_a_process_is_known_by_what_it_told_last(store):
    await store.status.tell(status())
    await store.status.tell(status(at=START + timedelta(seconds=2)))
    assert [each.at for each in await store.status.processes()] == [START + timedelta(seconds=2)]


async def test_a_process_that_ends_is_forgotten_alone_and_a_new_daemon_forgets_all(store):
    for worker in range(3):
        await store.status.tell(status(worker=worker))
    await store.status.forget(1)
    assert [each.worker for each in await store.status.processes()] == [0, 2]
    await store.status.forget()
    assert await store.status.processes() == ()


async def test_what_another_version_told_is_left_out(store):
    await store.status.tell(status())
    await store._writer.run(
        lambda connection: connection.execute("INSERT INTO process_status VALUES (1, 0, '{\"worker\": 1}')")
    )
    assert [each.worker for each in await store.status.processes()] == [0]


async def test_the_house_counts_meters_clocks_and_open_commands(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=5)
    for number, deviation in ((1, 2.0), (2, -45.0), (3, 4000.0)):
        await store.fleet.record_visit(visit(clock, number, clock=clock_reading(clock, deviation)), None)
    asked = clock.now
    await store.journal.request(cut(clock, 1))
    clock.forward(minutes=1)
    await store.journal.request(restore(clock, 2))
    house = await store.status.house()
    assert (house.meters, house.read_within_day, house.never_read) == (5, 3, 2)
    assert house.clocks == (1, 1, 0, 0, 1)
    assert [(each.target, each.state, each.count) for each in house.commands] == [
        ("connected", "requested", 1),
        ("disconnected", "requested", 1),
    ]
    assert house.commands[1].oldest == asked
    clock.forward(days=2)
    assert (await store.status.house()).read_within_day == 0


async def test_the_outbox_tells_how_far_a_subscriber_is_behind_and_since_when(store, clock):
    await store.events.tell(clock.now, "one", payload={})
    clock.forward(hours=1)
    await store.events.tell(clock.now, "two", payload={})
    last = await store.events.last_number()
    (found,) = (await store.status.house(("mqtt",))).unpublished
    assert (found.subscriber, found.waiting) == ("mqtt", last)
    await store.events.set_cursor("mqtt", last - 1)
    (found,) = (await store.status.house(("mqtt",))).unpublished
    assert (found.waiting, found.oldest) == (1, clock.now)
    await store.events.set_cursor("mqtt", last)
    (found,) = (await store.status.house(("mqtt",))).unpublished
    assert (found.waiting, found.oldest) == (0, None)


async def test_committed_visits_count_their_values(store, tmp_path, clock):
    from store_making import reading, rows

    await settle_in(store, tmp_path)
    await store.fleet.record_visit(visit(clock, readings=(reading(clock),), profiles=(rows(START, 3),)), None)
    assert (store.fleet.values, store.fleet.profile_rows) == (1, 3)


async def test_the_sizes_of_the_files_are_told(store):
    size, log = store.status.octets()
    assert size > 0
    assert log > 0
