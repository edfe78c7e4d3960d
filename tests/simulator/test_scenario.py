from pathlib import Path

import pytest

from simulator.captures import Periodic
from simulator.clock import Deviation
from simulator.fleet import Fleet
from simulator.scenario import Scenario, ScenarioError, number_ranges, read_scenario

SCENARIOS = Path(__file__).parents[2] / "config" / "scenarios"
START = 1_773_131_850_000


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "scenario.toml"
        path.write_text(text)
        return read_scenario(path)

    return read


def fleet(scenario, count=20):
    return Fleet.create(count, 1, scenario, lambda: START)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_each_scenario_that_comes_with_the_simulator_can_be_used(path):
    assert len(fleet(read_scenario(path), 100).meters) == 100


def test_the_demonstration_has_two_consumers_about_to_run_out():
    meters = fleet(read_scenario(SCENARIOS / "demo.toml")).meters
    poor = [meter for meter in meters if meter.balance < 10_000]
    assert [meter.identity.number for meter in poor] == [3, 11]
    for meter in poor:
        local = meter.local(START)
        assert meter.balance == 5
        # The next 10 Wh of the register come within 15 s, and with them a negative balance.
        assert meter.consumption.energy(local + 15_000) // 10_000 > meter.consumption.energy(local) // 10_000
        assert meter.prepaid.balance(meter.consumption.energy(local + 15_000)) < 0
        assert meter.relay.control_mode == 4
    assert {meter.plan.deviation for meter in meters} == {Deviation.STANDARD, Deviation.INVERTED}


def test_an_empty_scenario_is_a_plain_fleet(read):
    assert read("") == Scenario()


def test_later_groups_are_laid_over_earlier_ones_and_the_general_section(read):
    scenario = read("""
        [meters]
        load_watts = 100
        tariff_paise_per_kwh = 700
        [[group]]
        meters = "2-4"
        [group.settings]
        load_watts = 200
        payment_mode = "postpaid"
        [[group]]
        meters = "3,9"
        protected = "medical equipment"
        [group.settings]
        load_watts = 300
        """)
    meters = fleet(scenario, 10).meters
    assert [meter.plan.watts for meter in meters] == [100, 200, 300, 200, 100, 100, 100, 100, 300, 100]
    assert [meter.plan.payment_mode for meter in meters[:5]] == [1, 0, 0, 0, 1]
    assert {meter.plan.tariff for meter in meters} == {700}
    assert [fleet(scenario, 10).protected(meter) for meter in meters[1:4]] == ["", "medical equipment", ""]


def test_the_depth_of_history_is_given_in_days(read):
    meter = fleet(read("[meters]\nhistory_days = 30\nblock_period_seconds = 900"), 1).meters[0]
    assert (meter.plan.daily_depth, meter.plan.block_depth) == (30, 30 * 96)


def test_clocks_may_be_wrong_from_the_start(read):
    meter = fleet(read("[meters]\nclock_offset_seconds = -90\nclock_deviation = 'inverted'"), 1).meters[0]
    assert meter.clock.local(START) - meter.local(START) == -90_000
    assert meter.plan.deviation is Deviation.INVERTED


def test_a_drifting_clock_starts_right(read):
    meter = fleet(read("[meters]\nclock_drift_ppm = 1000"), 1).meters[0]
    assert meter.clock.local(START) == meter.local(START)
    assert meter.clock.local(START + 1_000_000) - meter.local(START + 1_000_000) == 1000


def test_a_drifting_clock_has_its_history(read):
    scenario = read("[meters]\nclock_drift_ppm = 200\nclock_offset_seconds = 5\nhistory_days = 10")
    meter = fleet(scenario, 1).meters[0]
    held = Periodic.until(meter.clock, START, 1_800_000, meter.plan.block_depth)
    assert len(held) == 480
    assert held.entries(480, 480)[0].stamp == (meter.local(START) + 5000) // 1_800_000 * 1_800_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[meters]\nload_wats = 5", r"key meters\.load_wats: no such key"),
        ("colour = 1", r"key colour: no such key"),
        ("[meters]\nload_watts = 'much'", r"key meters\.load_watts: expected `int`, got `str`"),
        ("[meters]\ncontrol_mode = 7", r"key meters\.control_mode: expected `int` <= 6"),
        ("[meters]\nclock_deviation = 'east'", r"key meters\.clock_deviation: invalid enum value 'east'"),
        ("[faults]\ndrop = 1.5", r"key faults\.drop: expected `float` <= 1\.0"),
        ("[time]\nfactor = 0.0", r"key time\.factor: expected `float` > 0\.0"),
        ("[time]\nstart = 2026-01-01T00:00:00", r"key time\.start: a zone is missing"),
        ("maker = 'simulated'", r"key maker: expected `str` matching regex"),
        ("[[group]]\nprotected = 'x'", r"key group\[0\]: object missing required field `meters`"),
        ("[[group]]\nmeters = 'all'", r"key group\[0\]\.meters: expected `str` matching regex"),
        ("[[group]]\nmeters = '5-2'", r"key group\[0\]\.meters: 5-2 names no meters"),
        ("[[group]]\nmeters = '0'", r"key group\[0\]\.meters: 0-0 names no meters"),
        ("[meters", r"not valid TOML"),
    ],
)
def test_a_mistake_is_named_by_file_key_and_reason(read, text, message):
    with pytest.raises(ScenarioError, match=rf"scenario\.toml: .*{message}") as caught:
        read(text)
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ScenarioError, match=r"missing\.toml: No such file"):
        read_scenario(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("text", "ranges"), [("7", ((7, 7),)), ("3-9", ((3, 9),)), ("1,4-6,8", ((1, 1), (4, 6), (8, 8)))]
)
def test_numbers_are_written_as_ranges(text, ranges):
    assert number_ranges(text) == ranges
