"""Scenarios in which something happens while the simulator runs."""

import asyncio
from pathlib import Path

import pytest

from simulator.clock import SimulatedTime
from simulator.events import Log
from simulator.fleet import Fleet
from simulator.happenings import happen, steps
from simulator.keyed import Nonces
from simulator.scenario import ScenarioError, read_scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation

SCENARIOS = Path(__file__).parents[2] / "config" / "scenarios"
START = 1_773_131_850_000


def fleet_of(path, count):
    scenario = read_scenario(path)
    return scenario, Fleet.create(count, 1, scenario, SimulatedTime(START, lambda: 0.0, 0.0).now)


def carried_out(path, count):
    """Everything that a scenario plans, at once: order and effect count, not the time."""
    scenario, fleet = fleet_of(path, count)
    server = MeterServer(Simulation(fleet, Nonces(1)))

    async def run():
        planned = steps(scenario, list(fleet.meters))
        await happen(server, planned, 1e9)
        # Power comes back by a timer of the loop, which with such a factor is due at once: behind it in the queue.
        end = asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, end.set)
        await end.wait()
        return planned

    return asyncio.run(run()), fleet.meters


def codes(meter, log):
    return [row.code for row in meter.events.rows.get(log, ())]


def test_an_outage_takes_its_feeder_and_nobody_else():
    planned, meters = carried_out(SCENARIOS / "feeder-outage.toml", 210)
    assert [step.at for step in planned] == sorted(step.at for step in planned)
    assert (planned[0].at, len(planned)) == (120_000, 200)
    assert codes(meters[0], Log.POWER) == codes(meters[199], Log.POWER) == [101, 102]
    assert codes(meters[200], Log.POWER) == []


def test_a_wave_of_tampers_leaves_occurrences_and_ends():
    _, meters = carried_out(SCENARIOS / "tamper-wave.toml", 50)
    assert codes(meters[0], Log.OTHER) == [201, 202]
    assert codes(meters[34], Log.NON_ROLLOVER) == [251]
    assert codes(meters[32], Log.CURRENT) == [65, 66]
    assert meters[49].events.tampers == 0
    assert meters[29].events.tampers == 3


def test_a_new_firmware_may_capture_in_another_period():
    _, meters = carried_out(SCENARIOS / "firmware-change.toml", 101)
    plans = [(meter.plan.firmware, meter.plan.block_period) for meter in meters]
    assert plans == [("2.1.0", 1800)] * 50 + [("2.1.0", 900)] * 50 + [("1.0.0", 1800)]
    assert codes(meters[0], Log.TRANSACTION) == [157]


def test_clocks_are_wrong_each_in_its_way():
    _, meters = carried_out(SCENARIOS / "clock-drift.toml", 60)
    ahead = [meter.clock.local(START) - meter.local(START) for meter in meters]
    assert (ahead[20], ahead[40], ahead[49], ahead[59]) == (35_000, 19_800_000, -90_000, 0)
    assert [meters[n].plan.drift_ppm for n in (0, 30)] == [2000, 50]


def test_slow_gateways_are_whole_gateways():
    scenario, fleet = fleet_of(SCENARIOS / "slow-gateways.toml", 100)
    faults = [fleet.faults(meter) for meter in fleet.meters]
    for gateway in range(10):
        behind = {None if each is None else (each.rates.delay, each.rates.silence) for each in faults[gateway::10]}
        assert behind == [{(1.0, 0.0)}, {(1.0, 0.0)}, {(0.0, 1.0)}, {None}][min(gateway, 3)]
    assert scenario.title == "Slow gateways"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[happening]]\nkind = "flood"\nmeters = "1"', "happening[0].kind"),
        ('[[happening]]\nkind = "outage"\nmeters = "0-3"', "happening[0].meters"),
        ('[[happening]]\nkind = "event"\nmeters = "1"\ncode = 999', "happening[0].code"),
        ('[[happening]]\nkind = "event"', "meters"),
    ],
)
def test_a_mistake_in_a_happening_is_named(tmp_path, text, named):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as refusal:
        read_scenario(path)
    assert named in str(refusal.value)


def test_a_meter_shows_ninety_days_unless_the_scenario_says_otherwise():
    _, fleet = fleet_of(SCENARIOS / "bad-network.toml", 3)
    assert fleet.meters[0].plan.block_depth == 90 * 48
    assert fleet.meters[0].plan.daily_depth == 90
