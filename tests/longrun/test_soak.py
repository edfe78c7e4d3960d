"""Days of collection under faults: every row is there, and nothing piles up in the process."""

import asyncio
from datetime import timedelta

import pytest
from simulated_time import START, run
from soak_house import Soak, SoakHouse, handles, last_midnight

#: So that a few hours see many nights' work.
HOURLY = """
[[schedules]]
name = "balance"
every = "15m"
tasks = ["clock", "relay", "registers", "balance"]
jitter = "10m"
[[schedules]]
name = "data"
every = "1h"
tasks = ["clock", "block_load", "daily", "events"]
jitter = "30m"
[[schedules]]
name = "instantaneous"
every = "2h"
tasks = ["clock", "instantaneous"]
"""


def soak(folder, show, *, meters, hours, schedules="", until=None):
    """Soak, hold what must hold, and show the figures."""

    async def main():
        outside = handles()
        async with SoakHouse(folder, meters, schedules=schedules) as house:
            ran = Soak(house, hours)
            await ran.run()
            await ran.calm(3)
            now = house.clocks.true()
            lacking, held = await ran.missing(until(now))
            assert lacking == {}
            stats, visits = house.simulation.stats(), dict(house.collector.figures.visits)
            assert (stats["counters_reused"], stats["duplicate_actuations"], stats["overlapping"]) == (0, 0, 0)
            assert (await house.store.check()).findings == ()
            pushes = dict(house.heard.pushing.counts)
        left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        first, last = ran.looks[len(ran.looks) // 4], ran.looks[-1]
        before, after, slope = ran.memory()
        share = stats["faults"] / stats["apdus"]
        show(
            f"soak of {meters} meters, {(now - START).total_seconds() / 3600:.0f} simulated hours, {visits} visits,"
            f" {stats['faults']} faults ({100 * share:.1f} % of {stats['apdus']} requests), {dict(ran.happened)}:"
            f" rows complete {held} of {held}; tasks {first[1].total()} -> {last[1].total()}, {len(left)} left;"
            f" file handles {first[2]} -> {last[2]}, {handles() - outside} left;"
            f" memory {before:.1f} -> {after:.1f} MiB,"
            f" {slope:+.3f} % an hour"
        )
        assert pushes["push.received"] + pushes["push.alert"] > 0
        assert last[1] <= first[1]
        assert last[2] <= first[2]
        assert left == []
        assert slope < 1

    run(main)


def test_six_hours_of_faults_leave_no_gap_no_task_no_handle_and_no_memory(tmp_path, shown):
    soak(tmp_path, shown, meters=16, hours=6, schedules=HOURLY, until=lambda now: now - timedelta(hours=2))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_three_days_of_faults_leave_no_gap_no_task_no_handle_and_no_memory(tmp_path, shown):
    soak(tmp_path, shown, meters=60, hours=72, until=last_midnight)
