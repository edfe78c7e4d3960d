"""Rounds that people steer, work that is given up and taken up again, and gateways that are to blame."""

import asyncio
from datetime import timedelta

import pytest
from fake_fleet import Fleet, NobodyThere, meter
from virtual_time import now, run

from headend.scheduler.collector import CollectorRules
from headend.scheduler.inventory import Shard
from headend.scheduler.lanes import LaneRules
from headend.scheduler.plan import Schedule, due_slot, next_slot, slot_at
from headend.scheduler.ports import Outcome
from headend.scheduler.steering import Orders, RoundState, Unsteered
from headend.session.errors import AssociationRefused

HOURLY = Schedule("hourly", timedelta(hours=1), time_zone="UTC")
SLOW = LaneRules(process=2, kept=1)


class Desk(Unsteered):
    """Steering by a test: what it orders, and what the collector noted."""

    def __init__(self):
        super().__init__()
        self.wanted = Orders()
        self.noted = {}
        self.begun = []
        self.found = RoundState.RUNNING

    async def orders(self, shard, ours=None):
        orders, self.wanted = self.wanted, Orders(self.wanted.rounds, self.wanted.suspended)
        return orders

    async def begin_round(self, shard, progress, at):
        self.begun.append(progress)
        return self.found

    async def note_rounds(self, shard, rounds, at):
        self.noted |= {progress.key: progress for progress in rounds}


def steered(*meters, **options):
    fleet = Fleet(*meters, **options)
    desk = Desk()
    fleet.collector.steering = fleet.collector._agenda.steering = fleet.collector._giving_up.store = desk
    return fleet, desk


def test_a_paused_round_begins_no_visit_and_relay_work_goes_on():
    async def scenario():
        fleet, desk = steered(*(meter(number) for number in range(100)), schedules=[HOURLY], lanes=SLOW)
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(3)
        ((key, _),) = desk.noted.items()
        desk.wanted = Orders({key: RoundState.PAUSED})
        await asyncio.sleep(5)  # the order is seen, and what was handed out ends
        before = len(fleet.visits)
        fleet.journal.add("M0099")
        await asyncio.sleep(20)
        paused = len(fleet.visits), len(fleet.executor.runs)
        desk.wanted = Orders({key: RoundState.RUNNING})
        await asyncio.sleep(100)
        await fleet.end(task)
        return before, paused, desk.noted[key]

    before, paused, noted = run(scenario())
    assert before < 100
    assert paused == (before + 1, 1)
    assert (noted.state, noted.done, noted.left) == (RoundState.DONE, 100, 0)


def test_a_cancelled_round_ends_and_the_next_slot_begins():
    async def scenario():
        fleet, desk = steered(*(meter(number) for number in range(100)), schedules=[HOURLY], lanes=SLOW)
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(3)
        ((key, _),) = desk.noted.items()
        desk.wanted = Orders({key: RoundState.CANCELLED})
        await asyncio.sleep(3000)
        cancelled = len(fleet.visits)
        await asyncio.sleep(1000)
        await fleet.end(task)
        return cancelled, len(fleet.visits), desk

    cancelled, after, desk = run(scenario())
    assert cancelled < 100
    assert after == cancelled + 100
    assert [progress.state for progress in desk.noted.values()] == [RoundState.CANCELLED, RoundState.DONE]


@pytest.mark.parametrize("found", [RoundState.CANCELLED, RoundState.DONE, RoundState.PAUSED])
def test_a_round_that_a_person_stopped_is_not_begun_by_a_restart(found):
    async def scenario():
        fleet, desk = steered(meter(1), schedules=[HOURLY])
        desk.found = found
        await fleet.run_for(600)
        return fleet

    assert run(scenario()).visits == []


def test_a_suspended_schedule_has_no_slot_until_it_is_resumed():
    async def scenario():
        fleet, desk = steered(meter(1), schedules=[HOURLY])
        desk.wanted = Orders(suspended=frozenset({"hourly"}))
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(4000)
        suspended = len(fleet.visits)
        desk.wanted = Orders()
        await asyncio.sleep(10)
        await fleet.end(task)
        return suspended, len(fleet.visits)

    assert run(scenario()) == (0, 1)


def test_work_is_given_up_with_its_first_cause_and_done_when_the_meter_answers_again():
    daily = Schedule("daily", timedelta(days=1), tasks=("block_load",), time_zone="UTC")

    async def scenario():
        fleet, desk = steered(meter(1), schedules=[daily, HOURLY])
        fleet.errors["M0001", "open"] = NobodyThere("first")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(60)
        fleet.errors["M0001", "open"] = NobodyThere("later")
        await asyncio.sleep(3000)
        given_up = list(desk.gone)
        del fleet.errors["M0001", "open"]
        await asyncio.sleep(4000)
        await fleet.end(task)
        return given_up, desk.gone, fleet

    given_up, after, fleet = run(scenario())
    assert {(each.meter, each.first_cause) for each in given_up} == {("M0001", "first")}
    assert "block_load" in given_up[-1].tasks
    assert after == []
    assert [what for _, what, _ in fleet.asked].count("block_load") == 1


def test_a_refused_key_is_given_up_at_once_and_tried_again_when_a_person_asks():
    async def scenario():
        fleet, desk = steered(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "open"] = AssociationRefused("another key")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(30)
        given_up = list(desk.gone)
        del fleet.errors["M0001", "open"]
        desk.wanted = Orders(requeued=tuple(given_up))
        await asyncio.sleep(30)
        await fleet.end(task)
        return given_up, desk.gone, fleet

    given_up, after, fleet = run(scenario())
    assert [(each.meter, each.outcome) for each in given_up] == [("M0001", Outcome.REFUSED)]
    assert after == []
    assert len(fleet.visits) == 2


def test_a_dead_gateway_is_tried_by_one_visit_at_a_time_and_its_meters_are_not_blamed():
    meters = [meter(number, lane="gw") for number in range(50)]

    async def scenario():
        fleet, desk = steered(*meters, schedules=[HOURLY], lanes=LaneRules(process=16, kept=2, lanes={"gw": 8}))
        for each in meters:
            fleet.errors[each.serial, "open"] = NobodyThere("gateway down")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(1800)
        tried = len(fleet.visits)
        blamed = len(fleet.collector.standing().failing)
        fleet.errors.clear()
        await asyncio.sleep(700)  # the longest pause of a lane, and then all of it
        await fleet.end(task)
        return tried, blamed, desk, fleet

    tried, blamed, desk, fleet = run(scenario())
    # Those that were under way when it broke, and then one for each pause: 20 s, doubled up to ten minutes.
    assert tried <= 8 + 8
    assert blamed <= 8
    assert desk.gone == []
    assert {record.meter for record, _ in fleet.store.records if record.outcome is Outcome.DONE} == {
        each.serial for each in meters
    }
    assert fleet.standing.failing == ()


def test_a_lane_that_hangs_for_ever_takes_its_own_permits_and_nothing_else():
    stuck = [meter(number, lane="gw") for number in range(100, 200)]
    others = [meter(number) for number in range(100)]
    minutely = Schedule("minutely", timedelta(minutes=1), time_zone="UTC")

    async def others_visits(*, hanging):
        fleet = Fleet(
            *others, *stuck, schedules=[minutely], lanes=LaneRules(process=16, kept=4), rules=CollectorRules(stop_s=1.0)
        )
        opened = fleet.open_session

        def open_session(of):
            return _Hanging() if hanging and of.lane == "gw" else opened(of)

        fleet.collector.open_session = open_session
        await fleet.run_for(600)
        return [serial for serial in fleet.visited() if serial < "M0100"]

    async def scenario():
        return await others_visits(hanging=False), await others_visits(hanging=True)

    alone, beside = run(scenario())
    assert len(beside) >= len(alone) == 1000


class _Hanging:
    async def __aenter__(self):
        await asyncio.sleep(3600)

    async def __aexit__(self, *_):
        pass


def test_a_shard_visits_its_lanes_and_nothing_else():
    meters = [meter(number, lane=f"gw{number % 2}") for number in range(20)]

    async def scenario():
        fleet = Fleet(*meters, schedules=[HOURLY])
        shard = Shard("one", lambda meter: meter.lane_name == "gw1")
        fleet.collector.shard = fleet.collector._inventory.shard = shard
        fleet.collector._agenda.shard = shard.name
        fleet.journal.add("M0000")
        fleet.journal.add("M0001")
        await fleet.run_for(60)
        return fleet

    fleet = run(scenario())
    assert set(fleet.visited()) == {f"M{number:04}" for number in range(1, 20, 2)}
    assert [serial for serial, _, _ in fleet.executor.runs] == ["M0001"]
    assert {name for name, _ in fleet.store.claimed} == {"hourly#one"}


def test_the_same_slots_come_by_cron_and_by_interval():
    async def scenario():
        return now()

    at = run(scenario())
    cron = Schedule("c", cron="0 * * * *")
    half_past = Schedule("h", cron="30 0 1 * *")
    for minutes in range(0, 3000, 7):
        moment = at + timedelta(minutes=minutes, microseconds=5)
        assert slot_at(cron, moment) <= moment < next_slot(cron, moment)
        assert next_slot(cron, moment) - slot_at(cron, moment) == timedelta(hours=1)
    assert slot_at(half_past, at).astimezone(half_past.zone).strftime("%d %H:%M") == "01 00:30"
    assert slot_at(cron, at.replace(minute=30, second=0)) == at.replace(minute=30, second=0)


def test_a_suspended_or_closed_schedule_has_no_due_slot():
    at = slot_at(HOURLY, run(_moment()))
    assert due_slot(HOURLY, at) == at
    assert due_slot(Schedule("s", timedelta(hours=1), suspended=True), at) is None


async def _moment():
    return now()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"every": None}, "either every or cron"),
        ({"cron": "0 * * * *"}, "either every or cron"),
        ({"every": None, "cron": "0 0 31 2 *"}, "cron"),
        ({"every": None, "cron": "0 0 0 0"}, "five fields"),
        ({"priority": 10}, "priority"),
    ],
)
def test_a_schedule_that_can_not_be_is_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        Schedule(**{"name": "x", "every": timedelta(hours=1), **changes})


def test_selectors_narrow_each_other():
    near = meter(1, lane="gw-1")
    assert Schedule("l", timedelta(hours=1), lanes=("gw-*",)).covers(near)
    assert not Schedule("l", timedelta(hours=1), lanes=("gw-*",), groups=("x",)).covers(near)
    assert not Schedule("m", timedelta(hours=1), models=("other",)).covers(near)
    assert not Schedule("o", timedelta(hours=1), offices=("Ranchi",)).covers(near)
