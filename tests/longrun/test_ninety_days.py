"""Months under faults: nobody is cut wrongly, and every paisa is where it belongs."""

import pytest
from campaign import POLICY, Campaign, scenario
from judgement import Judgement
from longrun_house import House
from simulated_time import run


def campaign(folder, *, meters, days, seed):
    async def main():
        async with House(folder, meters, seed=seed, scenario=scenario(meters), policy=POLICY, every="8h") as house:
            ran = Campaign(house, seed, days)
            await ran.run()
            return await Judgement(ran).verdict()

    return run(main)


def test_ten_days_of_forty_meters(in_memory, shown):
    wrong, figures = campaign(in_memory, meters=40, days=10, seed=11)
    shown(figures)
    assert wrong == []


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ninety_days_of_two_hundred_meters(in_memory, shown, seed):
    wrong, figures = campaign(in_memory, meters=200, days=90, seed=seed)
    shown(figures)
    assert wrong == []
