import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
import structlog
from attrs import evolve
from fake_fleet import Denied, FakeStore, Fleet, NobodyThere, meter, seconds
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import START, now, run

from headend.commands.model import State, Target
from headend.scheduler.collector import CollectorRules
from headend.scheduler.lanes import LaneRules
from headend.scheduler.plan import Schedule
from headend.scheduler.ports import Outcome
from headend.session.errors import AssociationRefused, SecurityBreach, WrongMeter

MINUTELY = Schedule("minutely", timedelta(minutes=1), time_zone="UTC")
HOURLY = Schedule("hourly", timedelta(hours=1), time_zone="UTC")


def test_every_meter_of_a_schedule_is_visited_once_a_slot():
    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(20)), schedules=[MINUTELY])
        await fleet.run_for(150)
        return fleet

    fleet = run(scenario())
    counts = Counter(fleet.visited())
    assert set(counts.values()) == {3}
    assert len(counts) == 20


def test_the_base_tasks_are_read_and_recorded_with_a_judge():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        await fleet.run_for(5)
        return fleet

    fleet = run(scenario())
    assert [what for _, what, _ in fleet.asked] == ["clock", "relay", "registers", "balance"]
    ((record, judge),) = fleet.store.records
    assert record.outcome is Outcome.DONE
    assert (record.balance, record.readings[0].name) == (12_345, "energy_import")
    assert judge is not None


def test_only_the_groups_of_a_schedule_are_visited():
    async def scenario():
        schedule = Schedule("some", timedelta(hours=1), groups=("feeder",), time_zone="UTC")
        fleet = Fleet(meter(1), meter(2, group="feeder"), schedules=[schedule])
        await fleet.run_for(5)
        return fleet

    assert run(scenario()).visited() == ["M0002"]


def test_jitter_spreads_a_slot_and_is_the_same_each_time():
    schedule = Schedule("spread", timedelta(hours=1), jitter=timedelta(minutes=30), time_zone="UTC")

    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(50)), schedules=[schedule])
        await fleet.run_for(2 * 3600 + 1900)
        return fleet

    fleet = run(scenario())
    starts = {}
    for serial, started, _ in fleet.visits:
        starts.setdefault(serial, []).append(seconds(started, START) % 3600)
    assert all(len(each) == 3 for each in starts.values())
    assert all(max(each) - min(each) < 0.5 for each in starts.values())
    assert max(each[0] for each in starts.values()) > 1500
    assert min(each[0] for each in starts.values()) < 300


def test_a_slot_goes_on_after_a_restart_and_is_not_begun_anew():
    meters = [meter(number) for number in range(30)]
    store = FakeStore(meters)

    async def scenario():
        first = Fleet(schedules=[HOURLY], store=store, lanes=LaneRules(process=3, kept=1))
        await first.run_for(2.2)
        second = Fleet(schedules=[HOURLY], store=store, lanes=LaneRules(process=3, kept=1))
        await second.run_for(60)
        return first, second

    first, second = run(scenario())
    counts = Counter(first.visited() + second.visited())
    assert 0 < len(first.visited()) < 30
    assert len(second.visited()) > 0
    assert set(counts.values()) == {1}
    assert len(counts) == 30


def test_a_slot_that_was_done_is_not_done_again_after_a_restart():
    store = FakeStore([meter(1)])

    async def scenario():
        await Fleet(schedules=[HOURLY], store=store).run_for(10)
        again = Fleet(schedules=[HOURLY], store=store)
        await again.run_for(10)
        return again

    assert run(scenario()).visits == []


def test_missed_slots_are_caught_up_by_one_round_only():
    store = FakeStore([meter(1)])

    async def scenario():
        await Fleet(schedules=[MINUTELY], store=store).run_for(10)
        await asyncio.sleep(3600)
        again = Fleet(schedules=[MINUTELY], store=store)
        await again.run_for(10)
        return again

    assert len(run(scenario()).visits) == 1


def test_a_slot_too_late_to_catch_up_is_left_out():
    late = Schedule("late", timedelta(hours=6), time_zone="UTC", catch_up=timedelta(minutes=30))

    async def scenario():
        fleet = Fleet(meter(1), schedules=[late])
        await fleet.run_for(60)
        return fleet

    assert run(scenario()).visits == []


def test_an_overloaded_fleet_is_visited_in_turn():
    async def scenario():
        fleet = Fleet(
            *(meter(number) for number in range(200)), schedules=[MINUTELY], lanes=LaneRules(process=1, kept=0)
        )
        await fleet.run_for(150)
        return fleet

    fleet = run(scenario())
    counts = Counter(fleet.visited())
    assert len(counts) == 200
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_reconnect_goes_first_in_the_middle_of_a_round():
    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(100)), schedules=[HOURLY], lanes=LaneRules(process=4, kept=1))
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(2.05)
        assert fleet.open_now["process"] == 3, "the round uses all that is not kept"
        fleet.journal.add("M0099")
        fleet.collector.wake()
        asked = now()
        await asyncio.sleep(3)
        await fleet.end(task)
        ((serial, _, at),) = fleet.executor.runs
        return serial, seconds(at, asked)

    serial, latency = run(scenario())
    assert serial == "M0099"
    # To connect and to execute: a permit is kept free, so it waits for no visit of the round.
    assert latency == pytest.approx(0.1 + 0.3, abs=0.01)


def test_without_a_free_permit_a_reconnect_is_the_next_to_start():
    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(100)), schedules=[HOURLY], lanes=LaneRules(process=1, kept=0))
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(2.05)
        fleet.store.ask("M0050")
        fleet.journal.add("M0098", Target.DISCONNECTED)
        fleet.journal.add("M0099")
        fleet.collector.wake()
        before = len(fleet.visits)
        await asyncio.sleep(5)
        await fleet.end(task)
        return fleet.visited()[before + 1 : before + 4]

    assert run(scenario()) == ["M0099", "M0098", "M0050"]


def test_a_command_of_another_process_is_found_without_being_told():
    async def scenario():
        fleet = Fleet(meter(1))
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(5)
        fleet.journal.add("M0001")
        asked = now()
        await asyncio.sleep(2)
        await fleet.end(task)
        return seconds(fleet.executor.runs[0][2], asked)

    assert run(scenario()) <= 0.2 + 0.1 + 0.3 + 0.01


def test_a_reconnect_is_sent_before_anything_is_read():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.journal.add("M0001")
        await fleet.run_for(5)
        return fleet

    fleet = run(scenario())
    (_, _, sent_at) = fleet.executor.runs[0]
    assert all(at >= sent_at for _, _, at in fleet.asked)


@pytest.mark.parametrize("state", [State.REQUESTED, State.UNKNOWN])
def test_a_disconnect_rests_on_what_was_just_read_and_written(state):
    async def scenario():
        fleet = Fleet(meter(1))
        fleet.journal.add("M0001", Target.DISCONNECTED, state)
        await fleet.run_for(5)
        return fleet, fleet.executor.runs[0][2]

    fleet, sent_at = run(scenario())
    before = [what for _, what, at in fleet.asked if seconds(at, sent_at) < -0.3]
    assert before == ["clock", "relay", "registers", "balance"]
    assert fleet.store.records[0][0].finished < sent_at


def test_a_command_for_a_meter_in_visit_runs_in_that_visit():
    async def scenario():
        profiles = Schedule(
            "daily", timedelta(hours=1), tasks=("clock", "block_load", "daily", "billing"), time_zone="UTC"
        )
        fleet = Fleet(meter(1), schedules=[profiles])
        fleet.takes = 2.0
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(5)  # the second read is under way
        fleet.journal.add("M0001")
        fleet.collector.wake()
        await asyncio.sleep(20)
        await fleet.end(task)
        return fleet

    fleet = run(scenario())
    assert len(fleet.visits) == 1
    ((_, _, at),) = fleet.executor.runs
    assert seconds(at, START) < 7


def test_a_command_after_the_last_look_gets_a_visit_of_its_own():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        task = asyncio.create_task(fleet.collector.run())
        while not fleet.visits:
            await asyncio.sleep(0.01)
            if fleet.store.records and not fleet.journal.open and not fleet.executor.runs:
                fleet.journal.add("M0001")
        await asyncio.sleep(2)
        await fleet.end(task)
        return fleet

    fleet = run(scenario())
    assert len(fleet.executor.runs) == 1


@settings(max_examples=15, deadline=None)
@given(
    process=st.integers(1, 6),
    gateways=st.integers(1, 3),
    permits=st.integers(1, 3),
    commands=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 200)), max_size=8),
)
def test_no_lane_and_no_process_is_ever_over_its_permits_and_no_meter_visited_twice_at_once(
    process, gateways, permits, commands
):
    meters = [meter(number, lane=f"gw{number % gateways}" if number % 2 else "") for number in range(24)]
    lanes = LaneRules(process=process, kept=min(1, process - 1), lanes={f"gw{n}": permits for n in range(gateways)})

    async def scenario():
        fleet = Fleet(*meters, schedules=[MINUTELY], lanes=lanes)
        task = asyncio.create_task(fleet.collector.run())
        for number, tenths in sorted(commands, key=lambda each: each[1]):
            await asyncio.sleep(max(0.0, tenths / 10 - seconds(now(), START)))
            fleet.journal.add(f"M{number:04}")
            fleet.collector.wake()
        await asyncio.sleep(100)
        await fleet.end(task)
        return fleet

    fleet = run(scenario())
    assert fleet.most_at_once["process"] <= process
    for each in meters:
        assert fleet.most_at_once[each.serial] <= 1
        assert fleet.most_at_once[each.lane_name] <= lanes.permits(each.lane_name)
    assert len(set(fleet.visited())) == 24
    assert not fleet.journal.open


def test_a_meter_that_does_not_answer_is_left_alone_longer_each_time():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[MINUTELY])
        fleet.errors["M0001", "open"] = NobodyThere("no answer")
        await fleet.run_for(1800)
        return fleet

    fleet = run(scenario())
    starts = [seconds(started, START) for _, started, _ in fleet.visits]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert 4 <= len(starts) <= 8
    assert gaps == sorted(gaps)
    (failing,) = fleet.standing.failing
    assert (failing.meter, failing.first_error) == ("M0001", "no answer")
    assert all(record.outcome is Outcome.UNREACHABLE for record, _ in fleet.store.records)


@pytest.mark.parametrize(
    "error", [AssociationRefused("authentication refused by the meter"), WrongMeter("M0001", "ABC", "XYZ")]
)
def test_a_wrong_key_or_meter_is_not_tried_again_for_hours(error):
    async def scenario():
        fleet = Fleet(meter(1), schedules=[MINUTELY])
        fleet.errors["M0001", "open"] = error
        await fleet.run_for(4 * 3600)
        return fleet

    assert len(run(scenario()).visits) == 1


def test_an_answer_that_was_damaged_under_way_is_no_wrong_key_and_is_asked_for_again_soon():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "balance"] = SecurityBreach("the authentication tag is wrong")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(10)
        del fleet.errors["M0001", "balance"]
        await asyncio.sleep(60)
        await fleet.end(task)
        return fleet

    outcomes = [record.outcome for record, _ in run(scenario()).store.records]
    assert outcomes == [Outcome.FAILED, Outcome.DONE]


def test_a_meter_that_recovers_is_collected_at_once_and_its_record_is_clean():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "open"] = NobodyThere("no answer")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(10)
        del fleet.errors["M0001", "open"]
        await asyncio.sleep(60)
        await fleet.end(task)
        return fleet

    fleet = run(scenario())
    assert [record.outcome for record, _ in fleet.store.records] == [Outcome.UNREACHABLE, Outcome.DONE]
    assert fleet.standing.failing == ()


def test_a_reconnect_to_a_meter_that_is_away_is_tried_for_ever_and_soon():
    async def scenario():
        fleet = Fleet(meter(1))
        fleet.errors["M0001", "open"] = NobodyThere("no answer")
        fleet.journal.add("M0001")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(3600)
        tries = len(fleet.visits)
        del fleet.errors["M0001", "open"]
        await asyncio.sleep(301)
        await fleet.end(task)
        return tries, fleet

    tries, fleet = run(scenario())
    assert 15 <= tries <= 30
    assert len(fleet.executor.runs) == 1


def test_a_command_that_stays_unknown_does_not_spin():
    async def scenario():
        fleet = Fleet(meter(1))
        fleet.executor.ends["M0001"] = State.UNKNOWN
        fleet.journal.add("M0001", Target.DISCONNECTED)
        await fleet.run_for(600)
        return fleet

    assert 3 <= len(run(scenario()).visits) <= 15


def test_a_dead_gateway_does_not_cost_its_meters_one_by_one():
    async def scenario():
        meters = [meter(number, lane="gw") for number in range(200)] + [meter(900)]
        fleet = Fleet(*meters, schedules=[HOURLY], lanes=LaneRules(process=8, kept=2, lanes={"gw": 4}))
        for number in range(200):
            fleet.errors[f"M{number:04}", "open"] = NobodyThere("gateway down")
        await fleet.run_for(120)
        return fleet

    fleet = run(scenario())
    assert "M0900" in fleet.visited()
    assert len(fleet.visits) < 40
    assert fleet.standing.blocked_lanes == ("gw",)


def test_one_meter_that_hangs_does_not_hold_the_others():
    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(20)), schedules=[HOURLY], rules=CollectorRules(visit_s=50))
        opened = fleet.open_session

        def open_session(of):
            return _hanging(opened(of)) if of.serial == "M0003" else opened(of)

        fleet.collector.open_session = open_session
        await fleet.run_for(60)
        return fleet

    fleet = run(scenario())
    done = {record.meter for record, _ in fleet.store.records if record.outcome is Outcome.DONE}
    assert done == {f"M{number:04}" for number in range(20)} - {"M0003"}
    (hung,) = [record for record, _ in fleet.store.records if record.meter == "M0003"]
    assert (hung.outcome, hung.error) == (Outcome.EXPIRED, "no answer in time")


class _hanging:  # noqa: N801  used like a function
    def __init__(self, session):
        self._session = session

    async def __aenter__(self):
        await asyncio.sleep(10**6)

    async def __aexit__(self, *_):
        raise AssertionError("it was never entered")


def test_reads_by_hand_are_answered_before_routine_work():
    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(60)), schedules=[HOURLY], lanes=LaneRules(process=2, kept=1))
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(3)
        registers = fleet.store.ask("M0050")
        profile = fleet.store.ask("M0051", "block_load")
        nobody = fleet.store.ask("M9999")
        await asyncio.sleep(4)
        answered = dict(fleet.store.answers)
        await fleet.end(task)
        return answered, registers, profile, nobody

    answered, registers, profile, nobody = run(scenario())
    assert '"energy_import"' in answered[registers].body
    assert '"balance_paise":12345' in answered[registers].body
    assert '"values":["7"]' in answered[profile].body
    assert (answered[nobody].exit_code, answered[nobody].body) == (2, None)


def test_a_read_that_fails_is_answered_with_the_error_and_its_exit_code():
    async def scenario():
        fleet = Fleet(meter(1), meter(2))
        fleet.errors["M0001", "open"] = NobodyThere("no answer")
        fleet.errors["M0002", "block_load"] = Denied("object undefined")
        first, second = fleet.store.ask("M0001"), fleet.store.ask("M0002", "block_load")
        await fleet.run_for(5)
        return fleet.store.answers[first], fleet.store.answers[second]

    away, denied = run(scenario())
    assert (away.error, away.exit_code) == ("no answer", 3)
    assert (denied.error, denied.exit_code) == ("object undefined", 1)


def test_one_refused_object_does_not_cost_the_rest_of_the_visit():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "registers"] = Denied("object undefined")
        await fleet.run_for(5)
        return fleet

    ((record, _),) = run(scenario()).store.records
    assert record.outcome is Outcome.DONE
    assert record.error == "object undefined"
    assert record.balance == 12_345


def test_what_was_read_before_a_connection_broke_is_kept():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "balance"] = NobodyThere("connection lost")
        await fleet.run_for(5)
        return fleet

    ((record, judge),) = run(scenario()).store.records
    assert (record.outcome, record.error) == (Outcome.UNREACHABLE, "connection lost")
    assert record.clock is not None
    assert record.readings
    assert judge is not None


def test_a_learned_system_title_is_pinned_once():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.titles["M0001"] = b"ABC\x00\x00\x00\x00\x01"
        await fleet.run_for(5)
        return fleet

    assert run(scenario()).store.pinned == {"M0001": b"ABC\x00\x00\x00\x00\x01"}


def test_stopping_lets_visits_end_and_starts_no_more():
    async def scenario():
        fleet = Fleet(*(meter(number) for number in range(50)), schedules=[HOURLY], lanes=LaneRules(process=4, kept=1))
        await fleet.run_for(1.05)
        return fleet

    fleet = run(scenario())
    assert fleet.open_now["process"] == 0
    assert len(fleet.store.records) == len(fleet.visits)
    assert len(fleet.visits) < 20


def test_stopping_cancels_what_does_not_end_in_time_and_answers_its_reads():
    async def scenario():
        fleet = Fleet(meter(1), meter(2), rules=CollectorRules(stop_s=8), lanes=LaneRules(process=1, kept=0))
        fleet.takes = 100.0
        first, second = fleet.store.ask("M0001"), fleet.store.ask("M0002")
        await fleet.run_for(2)
        return seconds(now(), START), fleet, first, second

    took, fleet, _, second = run(scenario())
    assert took == pytest.approx(10, abs=0.5)
    assert fleet.open_now["process"] == 0
    assert "stopped" in fleet.store.answers[second].error


def test_what_was_being_sent_before_a_restart_becomes_unknown_before_any_visit():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.journal.sending = 2
        await fleet.run_for(1)
        return fleet

    fleet = run(scenario())
    assert (fleet.journal.interruptions, fleet.journal.sending) == (1, 0)


def test_a_store_that_cannot_write_does_not_end_the_loop():
    async def scenario():
        fleet = Fleet(meter(1), meter(2), schedules=[MINUTELY])
        fleet.store.failing = Denied("disk full")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(30)
        fleet.store.failing = None
        await asyncio.sleep(120)
        await fleet.end(task)
        return fleet

    assert len(run(scenario()).store.records) >= 2


def test_a_defect_in_one_visit_does_not_stop_the_fleet():
    async def scenario():
        fleet = Fleet(meter(1), meter(2), schedules=[HOURLY])
        fleet.errors["M0001", "clock"] = RuntimeError("a defect")
        await fleet.run_for(5)
        return fleet

    fleet = run(scenario())
    assert [record.meter for record, _ in fleet.store.records] == ["M0002"]
    assert fleet.standing.failing[0].first_error == "RuntimeError: a defect"


def test_meters_and_schedules_are_read_again_on_reload():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(5)
        fleet.store.inventory["M0002"] = meter(2)
        fleet.collector.reload([MINUTELY])
        await asyncio.sleep(30)
        await fleet.end(task)
        return fleet

    assert Counter(run(scenario()).visited()) == {"M0001": 2, "M0002": 1}


def test_a_read_that_is_asked_for_during_a_visit_is_answered_in_the_next():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.takes = 2.0
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(3)
        first, second = fleet.store.ask("M0001"), fleet.store.ask("M0001", "block_load")
        await asyncio.sleep(40)
        await fleet.end(task)
        return fleet, first, second

    fleet, first, second = run(scenario())
    assert fleet.visited() == ["M0001", "M0001"]
    assert fleet.most_at_once["M0001"] == 1
    assert fleet.store.answers[first].exit_code == fleet.store.answers[second].exit_code == 0


def test_a_session_that_breaks_while_it_is_closed_has_done_its_work():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.errors["M0001", "close"] = NobodyThere("gone before the release")
        await fleet.run_for(5)
        return fleet

    fleet = run(scenario())
    assert [record.outcome for record, _ in fleet.store.records] == [Outcome.DONE]
    assert fleet.standing.failing == ()


def test_a_slot_waits_for_a_store_that_can_be_written():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[HOURLY])
        fleet.store.failing = Denied("disk full")
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(30)
        with structlog.testing.capture_logs() as logs:
            await asyncio.sleep(30)
        fleet.store.failing = None
        await asyncio.sleep(10)
        await fleet.end(task)
        return fleet, logs

    fleet, logs = run(scenario())
    assert fleet.visited() == ["M0001"]
    assert logs == [], "the same trouble is told once"


def test_a_reload_without_schedules_reads_the_inventory_only():
    async def scenario():
        fleet = Fleet(meter(1), schedules=[MINUTELY])
        task = asyncio.create_task(fleet.collector.run())
        await asyncio.sleep(5)
        fleet.store.inventory["M0002"] = meter(2)
        fleet.collector.reload()
        await asyncio.sleep(60)
        await fleet.end(task)
        return fleet

    assert Counter(run(scenario()).visited()) == {"M0001": 2, "M0002": 1}


def test_running_until_idle_ends_by_itself():
    async def scenario():
        fleet = Fleet(meter(1), meter(2))
        fleet.journal.add("M0001")
        request = fleet.store.ask("M0002")
        await fleet.collector.run_until_idle()
        return fleet, request, seconds(now(), START)

    fleet, request, took = run(scenario())
    assert len(fleet.executor.runs) == 1
    assert fleet.store.answers[request].exit_code == 0
    assert took < 3


def test_the_figures_add_up():
    async def scenario():
        fleet = Fleet(meter(1), meter(2), schedules=[HOURLY])
        fleet.errors["M0002", "open"] = NobodyThere("no answer")
        fleet.journal.add("M0001")
        fleet.store.ask("M0001")
        await fleet.run_for(10)
        return fleet.collector.standing()

    standing = run(scenario())
    assert standing.visits["unreachable"] == 1
    assert standing.visits["done"] >= 1
    assert standing.commands == {"confirmed": 1}
    assert standing.reads == 1
    assert (standing.in_flight, standing.waiting, standing.put_off) == (0, 0, 1)


@pytest.mark.parametrize(
    ("target", "state", "told"),
    [
        (Target.CONNECTED, State.REQUESTED, True),
        (Target.CONNECTED, State.UNKNOWN, True),
        (Target.DISCONNECTED, State.UNKNOWN, True),
        (Target.DISCONNECTED, State.REQUESTED, False),
    ],
)
def test_a_person_is_told_once_of_what_stays_open_for_a_quarter_of_an_hour(target, state, told):
    async def scenario():
        fleet, calls = Fleet(meter(1)), []

        async def tell(command):
            calls.append((command.id, seconds(now(), START)))

        fleet.collector = evolve(fleet.collector, tell_overdue=tell)
        fleet.errors["M0001", "open"] = NobodyThere("no answer")
        fleet.journal.add("M0001", target, state)
        await fleet.run_for(3600)
        return calls

    calls = run(scenario())
    assert len(calls) == told
    assert all(900 <= at <= 931 for _, at in calls)
