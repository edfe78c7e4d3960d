from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.faults import Fault, MeterFaults, Moment, Scripted, garbled, harmless
from simulator.scenario import FaultSection


def faults(seed=1, **rates):
    return MeterFaults(FaultSection(**rates), seed)


def test_without_rates_or_script_nothing_strikes():
    line = faults()
    assert {line.strike(moment) for moment in Moment for _ in range(100)} == {None}
    assert harmless(line.rates)


def test_a_script_strikes_as_often_as_it_says_and_then_no_more():
    line = faults()
    line.script.append(Scripted(Fault.DROP, 2))
    assert [line.strike(Moment.GET) for _ in range(4)] == [Fault.DROP, Fault.DROP, None, None]
    assert line.struck == 2


def test_a_script_waits_for_its_moment():
    line = faults()
    line.script.append(Scripted(Fault.DROP, 1, Moment.SET))
    assert line.strike(Moment.GET) is None
    assert line.strike(Moment.SET) is Fault.DROP


def test_a_lost_action_answer_waits_for_an_action_whatever_the_script_says():
    line = faults()
    line.script.append(Scripted(Fault.LOSE_ACTION_ANSWER, 1, Moment.GET))
    assert line.strike(Moment.GET) is None
    assert line.strike(Moment.ACTION) is Fault.LOSE_ACTION_ANSWER


def test_refusal_strikes_connections_and_nothing_else_does():
    line = faults()
    line.script.extend([Scripted(Fault.DROP), Scripted(Fault.REFUSE)])
    assert line.strike(Moment.CONNECT) is Fault.REFUSE
    assert line.strike(Moment.CONNECT) is None


def test_scripts_of_different_moments_do_not_wait_for_each_other():
    line = faults()
    line.script.extend([Scripted(Fault.SPLIT, 1, Moment.ACTION), Scripted(Fault.GARBLE, 1, Moment.GET)])
    assert line.strike(Moment.GET) is Fault.GARBLE
    assert line.strike(Moment.ACTION) is Fault.SPLIT


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_strikes_at_about_its_rate(fault):
    moment = {Fault.REFUSE: Moment.CONNECT, Fault.LOSE_ACTION_ANSWER: Moment.ACTION}.get(fault, Moment.GET)
    line = faults(**{fault.value: 0.1})
    struck = Counter(line.strike(moment) for _ in range(10_000))
    assert set(struck) == {None, fault}
    assert 850 < struck[fault] < 1150


def test_the_same_seed_gives_the_same_faults():
    def course(seed):
        line = faults(seed, drop=0.2, split=0.2)
        return [line.strike(Moment.GET) for _ in range(200)]

    assert course(5) == course(5) != course(6)


def test_faults_that_take_time_take_what_the_scenario_says():
    line = faults(delay_seconds=1.5, late_seconds=60.0, reboot_seconds=3.0)
    assert [line.seconds(fault) for fault in (Fault.DELAY, Fault.LATE, Fault.REBOOT)] == [1.5, 60.0, 3.0]


@given(st.binary(min_size=1, max_size=64), st.integers(0, 511))
def test_garbling_turns_over_exactly_one_bit(octets, chance):
    damaged = garbled(octets, lambda limit: chance % limit)
    assert len(damaged) == len(octets)
    difference = int.from_bytes(damaged, "big") ^ int.from_bytes(octets, "big")
    assert difference.bit_count() == 1
