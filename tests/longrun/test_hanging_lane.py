"""One lane whose meters never answer: how much later everybody else is visited, in simulated time."""

from attrs import evolve
from longrun_house import House
from simulated_time import run

from headend.notify.pausing import pause
from headend.scheduler.collector import CollectorRules
from simulator.scenario import FaultSection, GroupSection, MeterSection, Scenario

OTHERS, BEHIND, ROUNDS = 48, 12, 8
HANGING = "feeder-9"
#: An answer takes 200 ms, so that a visit takes two seconds; twenty visits at once are three turns a round.
SLOW = FaultSection(delay=1.0, delay_seconds=0.2)
COLLECTION = {"VISITS_AT_ONCE": "24", "KEPT_FOR_RELAY": "4", "LANE_PERMITS": "2"}
SCHEDULE = """
[[schedules]]
name = "poll"
every = "1m"
tasks = ["clock", "relay", "registers", "balance"]
"""


def waits(folder, *, hangs):
    """Seconds from the begin of a round to the end of each visit outside the lane, and how the lane's visits ended."""
    lane = f"{OTHERS + 1}-{OTHERS + BEHIND}"
    scenario = Scenario(
        meters=MeterSection(opening_balance_paise=500_000),
        faults=SLOW,
        group=(GroupSection(meters=lane, faults=FaultSection(silence=1.0) if hangs else SLOW),),
    )

    async def main():
        async with Lanes(folder, OTHERS + BEHIND, scenario=scenario, every=None, extra=SCHEDULE) as house:
            await house.start()
            # It looks as often as the daemon's own, so that what it is late is what the daemon would be.
            house.collector.rules, house.collector.pause = CollectorRules(), pause
            house.collector.wake()
            await house.until(lambda: done(house), every=60)
            rows = await house.query(
                "SELECT m.lane, v.started / 1000000.0, v.finished / 1000000.0, v.outcome"
                " FROM visits v JOIN meters m ON m.id = v.meter"
            )
        waited = sorted(finished - started // 60 * 60 for lane, started, finished, _ in rows if lane != HANGING)
        return waited, [outcome for lane, _, _, outcome in rows if lane == HANGING]

    async def done(house):
        ((fewest,),) = await house.query(
            "SELECT min(n) FROM (SELECT count(*) AS n FROM visits v JOIN meters m ON m.id = v.meter"
            f" WHERE m.lane <> '{HANGING}' GROUP BY v.meter)"
        )
        return (fewest or 0) >= ROUNDS

    return run(main)


class Lanes(House):
    """The last meters share a lane, as behind a gateway."""

    def _write_files(self):
        for number in range(OTHERS + 1, OTHERS + BEHIND + 1):
            self.simulation.places[number] = evolve(self.simulation.places[number], lane=HANGING)
        super()._write_files()


def percentile(sorted_values, share):
    return sorted_values[min(int(len(sorted_values) * share), len(sorted_values) - 1)]


def test_a_lane_that_hangs_for_ever_makes_the_others_wait_less_than_a_fifth_longer(tmp_path, shown, monkeypatch):
    for key, value in COLLECTION.items():
        monkeypatch.setenv(f"HEADEND_COLLECTION_{key}", value)
    (tmp_path / "well").mkdir()
    (tmp_path / "ill").mkdir()
    well, answered = waits(tmp_path / "well", hangs=False)
    ill, unanswered = waits(tmp_path / "ill", hangs=True)
    assert set(answered) == {"done"}
    assert "done" not in unanswered
    assert len(unanswered) >= 5
    before, after = percentile(well, 0.99), percentile(ill, 0.99)
    shown(
        f"one lane of {BEHIND} meters hangs, {OTHERS} others, {ROUNDS} rounds: visited within"
        f" {percentile(well, 0.5):.2f} -> {percentile(ill, 0.5):.2f} s p50, {before:.2f} -> {after:.2f} s p99"
        f" ({100 * (after / before - 1):+.1f} %)"
    )
    assert after < 1.2 * before
