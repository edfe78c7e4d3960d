"""The house itself: that time jumps, that nothing else is pretended."""

import asyncio
import time

from longrun_house import House
from simulated_time import START, run

from simulator.faults import Fault
from simulator.scenario import MeterSection, Scenario

OVERDRAWN = Scenario(meters=MeterSection(opening_balance_paise=-5000))


def test_a_month_passes_in_a_moment():
    async def main():
        await asyncio.sleep(30 * 86_400)
        return asyncio.get_running_loop().time()

    assert run(main) == 30 * 86_400


def test_time_stands_while_a_thread_works():
    async def main():
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.to_thread(time.sleep, 0.05)
        passed = loop.time()
        timer.cancel()
        return passed

    assert run(main) == 0.0


def test_a_home_below_zero_is_cut_over_real_sockets_and_restored_by_money(tmp_path):
    async def main():
        async with House(tmp_path, 3, scenario=OVERDRAWN) as house:
            await house.start()
            await house.until(lambda: len(house.cut_off()) == 3)
            assert house.clocks.true() > START
            for number, meter in enumerate(house.fleet.meters):
                await house.pay(meter, 50_000, f"P{number}")
            await house.until(lambda: house.cut_off() == [])
            await house.until(lambda: _all_confirmed(house))
            stats = house.simulation.stats()
            assert (stats["relay_edges"], stats["duplicate_actuations"], stats["counters_reused"]) == (6, 0, 0)

    run(main)


async def _all_confirmed(house):
    return {command.state.value for command in await house.commands()} == {"confirmed"}


def test_a_process_that_is_gone_writes_nothing_more_and_the_next_one_goes_on(tmp_path):
    async def main():
        async with House(tmp_path, 2, scenario=OVERDRAWN) as house:
            first, second = house.fleet.meters
            house.script(first, Fault.SILENCE)
            house.script(second, Fault.LOSE_ACTION_ANSWER)
            await house.start()
            await house.until(lambda: house.edges(second) == [False])
            before = await house.query("SELECT count(*) FROM command_steps")
            await house.abandon()
            await asyncio.sleep(3600)
            await house.start()
            assert before <= await house.query("SELECT count(*) FROM command_steps")
            await house.until(lambda: len(house.cut_off()) == 2)
            await house.until(lambda: _all_confirmed(house))
            assert [house.edges(meter) for meter in (first, second)] == [[False], [False]]
            assert (await house.store.check()).findings == ()

    run(main)
