import asyncio
from datetime import timedelta

import pytest
from fake_fleet import Fleet, NobodyThere, meter
from virtual_time import now, run

from headend.scheduler.plan import Schedule
from headend.scheduler.ports import Outcome
from headend.session.errors import AssociationRefused

HOURLY = Schedule("hourly", timedelta(hours=1), time_zone="UTC")


def test_a_meter_that_is_heard_is_visited_at_once_with_what_was_put_off():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "open"] = NobodyThere("no call of it stands")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(1700)
        del fleet.errors["M0001", "open"]
        at = now()
        fleet.collector.heard(meter(1))
        await asyncio.sleep(10)
        await fleet.end(task)
        return at, fleet

    at, fleet = run(scenario())
    record, _ = fleet.store.records[-1]
    assert record.outcome is Outcome.DONE
    assert record.started - at < timedelta(seconds=1)
    assert fleet.standing.failing == ()
    assert fleet.standing.put_off == 0


def test_a_command_goes_before_what_was_put_off():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "open"] = NobodyThere("no call of it stands")
        fleet.journal.add("M0001")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(1700)
        del fleet.errors["M0001", "open"]
        fleet.collector.heard(meter(1))
        await asyncio.sleep(10)
        await fleet.end(task)
        return fleet

    fleet = run(scenario())
    ((serial, _, ran_at),) = fleet.executor.runs
    assert serial == "M0001"
    assert ran_at < min(at for _, what, at in fleet.asked if what == "registers")


def test_tasks_that_are_asked_for_are_done_though_nothing_was_due():
    async def scenario():
        fleet = Fleet(meter(1))
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(5)
        fleet.collector.heard(meter(1))
        await asyncio.sleep(5)
        assert fleet.visits == []
        fleet.collector.heard(meter(1), ("clock", "balance"))
        await asyncio.sleep(5)
        await fleet.end(task)
        return fleet

    assert [what for _, what, _ in run(scenario()).asked] == ["clock", "balance"]


@pytest.mark.parametrize("calls", [1, 50])
def test_a_meter_that_refuses_our_key_is_not_tried_more_often_for_calling(calls):
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "open"] = AssociationRefused("authentication refused by the meter")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(5)
        for _ in range(calls):
            fleet.collector.heard(meter(1))
            await asyncio.sleep(2)
        await fleet.end(task)
        return fleet

    assert len(run(scenario()).visits) == 1
