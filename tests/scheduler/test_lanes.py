from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.scheduler.lanes import LaneRules, Lanes
from headend.scheduler.ports import Outcome

NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)


def test_collection_leaves_the_kept_permits_to_relay_work():
    lanes = Lanes(LaneRules(process=4, kept=1))
    taken = [lanes.take(f"m{number}", relay=False, now=NOW) for number in range(4)]
    assert taken == [True, True, True, False]
    assert lanes.take("m9", relay=True, now=NOW)
    assert not lanes.take("m8", relay=True, now=NOW)
    lanes.give_back("m9", relay=True)
    assert lanes.take("m8", relay=True, now=NOW)


def test_a_lane_with_several_permits_keeps_one_for_relay_work():
    lanes = Lanes(LaneRules(process=100, kept=10, lanes={"gw": 3}))
    assert [lanes.take("gw", relay=False, now=NOW) for _ in range(3)] == [True, True, False]
    assert lanes.take("gw", relay=True, now=NOW)
    assert not lanes.take("gw", relay=True, now=NOW)


def test_a_lane_with_one_permit_serves_one_at_a_time():
    lanes = Lanes(LaneRules())
    assert lanes.take("bus", relay=False, now=NOW)
    assert not lanes.take("bus", relay=True, now=NOW)
    lanes.give_back("bus", relay=False)
    assert lanes.take("bus", relay=True, now=NOW)


def test_a_shared_lane_in_which_nobody_answers_is_left_alone_longer_each_time():
    lanes = Lanes(LaneRules(lanes={"gw": 2}))
    for _ in range(2):
        lanes.heard("gw", Outcome.UNREACHABLE, shared=True, now=NOW)
    assert lanes.blocked(NOW) == []
    lanes.heard("gw", Outcome.UNREACHABLE, shared=True, now=NOW)
    assert lanes.blocked_until("gw") == NOW + timedelta(seconds=20)
    assert lanes.blocked(NOW) == ["gw"]
    assert not lanes.take("gw", relay=False, now=NOW)
    assert lanes.take("gw", relay=True, now=NOW), "somebody in the dark is worth a try"
    assert not lanes.take("gw", relay=True, now=NOW), "but one at a time"
    lanes.give_back("gw", relay=True)
    lanes.heard("gw", Outcome.UNREACHABLE, shared=True, now=NOW)
    assert lanes.blocked_until("gw") == NOW + timedelta(seconds=40)
    for _ in range(50):
        lanes.heard("gw", Outcome.UNREACHABLE, shared=True, now=NOW)
    assert lanes.blocked_until("gw") == NOW + timedelta(minutes=10)


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.REFUSED, Outcome.BUSY, Outcome.FAILED, Outcome.WRONG_METER])
def test_any_answer_shows_that_a_lane_is_alive(outcome):
    lanes = Lanes(LaneRules())
    for _ in range(3):
        lanes.heard("gw", Outcome.UNREACHABLE, shared=True, now=NOW)
    lanes.heard("gw", outcome, shared=True, now=NOW)
    assert lanes.blocked_until("gw") is None
    assert lanes.take("gw", relay=False, now=NOW)


def test_a_lane_opens_again_when_its_time_has_passed():
    lanes = Lanes(LaneRules())
    for _ in range(3):
        lanes.heard("gw", Outcome.UNREACHABLE, shared=True, now=NOW)
    assert lanes.take("gw", relay=False, now=NOW + timedelta(seconds=20))


def test_a_meter_of_its_own_blocks_nobody():
    lanes = Lanes(LaneRules())
    for _ in range(9):
        lanes.heard("meter:X1", Outcome.UNREACHABLE, shared=False, now=NOW)
    assert lanes.take("meter:X1", relay=False, now=NOW)


def test_a_quiet_lane_costs_no_memory():
    lanes = Lanes(LaneRules(process=10_000))
    for number in range(1000):
        assert lanes.take(f"m{number}", relay=False, now=NOW)
    for number in range(1000):
        lanes.give_back(f"m{number}", relay=False)
    assert lanes._lanes == {}


@pytest.mark.parametrize(
    "wrong",
    [{"process": 0}, {"per_lane": 0}, {"lanes": {"a": 0}}, {"process": 4, "kept": 4}, {"kept": -1}],
)
def test_permits_with_which_nothing_could_run_are_refused(wrong):
    with pytest.raises(ValueError):
        LaneRules(**wrong)


@given(
    st.integers(1, 8),
    st.integers(0, 4),
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=60),
)
def test_permits_are_never_exceeded_and_never_lost(process, kept, steps):
    rules = LaneRules(process=process, kept=min(kept, process - 1), per_lane=2, lanes={"a": 1, "b": 4})
    lanes, held = Lanes(rules), []
    for lane, relay, take in steps:
        if take:
            if lanes.take(lane, relay=relay, now=NOW):
                held.append((lane, relay))
        elif held:
            given_lane, given_relay = held.pop(0)
            lanes.give_back(given_lane, relay=given_relay)
        assert len(held) == lanes.running <= process
        assert sum(not relay for _, relay in held) <= process - rules.kept
        for name in "abc":
            assert sum(each == name for each, _ in held) <= rules.permits(name)
    for lane, relay in held:
        lanes.give_back(lane, relay=relay)
    assert (lanes.running, lanes.collecting, lanes._lanes) == (0, 0, {})
