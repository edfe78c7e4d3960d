"""A day of a fleet: what the whole daily visit costs the head-end, and what a million of them would.

python3 run.py bench fleet [--quick] [--json]

A visit here: TCP connect, HLS-GMAC, identity, clock, relay, five registers, balance, 48 rows of block load, the daily
row, what was logged since, ciphered release; decoded, judged by policy and committed durably. The replay sends and
awaits the very octets of such a visit by uvloop callbacks and decodes nothing. Head-end and replaying client on one
core, simulator and replaying server on the other. With --quick a few hundred visits; without, 50,000 over five days of
10,000 meters.
"""

import asyncio
import logging
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import structlog
import uvloop
from _day import Site, stand_in
from _figures import Figure, options, report
from _replay import replay, replay_server
from _rounds import Round, one_round, record
from attrs import define

#: Meters of the fleet, those of them that are visited, and on how many days that is measured.
FLEETS = ((1_000, 1_000, 1), (10_000, 2_000, 1), (50_000, 10_000, 5))
QUICK = ((200, 200, 1), (1_000, 300, 1))
MILLION = 1_000_000
#: Values of a row of the block load, without its clock.
_VALUES = 7
_HELD = 400


@define
class Fleet:
    """What was measured of a fleet."""

    meters: int
    round: Round
    bare: float
    round_trips: int
    octets: float
    idle: float
    open: float


def say(text):
    """Progress, for people."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def measure(meters, visited, days):
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        site = Site(Path(name), meters, visited, theirs)
        await site.prepare()
        if ours is not None:
            os.sched_setaffinity(0, {ours})
        try:
            return await _measure(site, days)
        finally:
            os.sched_setaffinity(0, cores)


async def _measure(site, days):
    total, bares = Round(), []
    for day in range(days + 1):
        async with site.meters_on(day):
            async with site.head_end() as headend:
                await site.agree_on_time(headend)
                if day == 0:
                    await stand_in(headend)
                steps = await record(site, headend) if day else []
                round_ = await one_round(headend, site.visited)
            cost, wall = round_.cost * 1e3, round_.wall / round_.visits * 1e3
            say(f"fleet of {site.meters}, day {day}: {cost:.2f} ms of CPU a visit, {wall:.1f} of wall")
            held = await _held(site) if day == days else ()
        if day:  # the first one makes the rows that a day adds to
            total.add(round_)
            bares.append(await _bare(steps, site.cpu))
            say(f"bare replay {bares[-1] * 1e6:.0f} µs")
    octets = _octets_a_value(site.folder / "headend.db")
    return Fleet(site.meters, total, sum(bares) / len(bares), len(steps), octets, *held)


async def _bare(steps, cpu):
    """Seconds of CPU a replay, under the same load as the round before it."""
    with replay_server(steps, cpu) as port:
        await replay(steps, port, 200, 50)
        return min([await replay(steps, port, 1000, 50) for _ in range(3)])


async def _held(site):
    script, visits = Path(__file__).with_name("_held.py"), min(_HELD, site.visited - 50)
    command = (sys.executable, str(script), str(site.folder), str(visits))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    idle, opened = output.split()
    return float(idle), float(opened)


def _octets_a_value(path):
    """Octets of the block load's table, its index being the table itself, by each of its values."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (table,) = connection.execute("SELECT rows_table FROM shapes WHERE profile = 'block_load'").fetchone()
    (rows,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    (octets,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = ?", (table,)).fetchone()
    connection.close()
    return octets / (rows * _VALUES)


def figures(fleets):
    first, last = fleets[0], fleets[-1]
    cost, error = last.round.cost, last.round.error
    low, high = last.round.spread
    yield Figure("visits a second of head-end CPU", 1 / cost, "visits/s", "1,000", 1 / cost / 1000, ">= 1")
    yield Figure(
        f"head-end CPU a visit of {last.round_trips} round trips",
        cost * 1e6,
        "µs",
        "a bare uvloop replay of the same octets",
        cost / last.bare,
        "<= 3",
    )
    yield Figure("bare replay", last.bare * 1e6, "µs")
    yield Figure(f"{last.round.visits} visits, from (tenth of the pieces)", low * 1e6, "µs")
    yield Figure("to (nine tenths)", high * 1e6, "µs")
    minutes = cost * MILLION / 60
    yield Figure(
        "a million meters' day, CPU on 2 cores, extrapolated", minutes / 2, "min", "20 min", minutes / 40, "<= 1"
    )
    yield Figure("the same, standard error", error * MILLION / 120, "min")
    yield Figure(
        "the same, wall with the simulator beside it", last.round.wall / last.round.visits * MILLION / 60, "min"
    )
    for fleet in fleets[1:]:
        name = f"cost of a visit, fleet of {fleet.meters}, replays apart"
        # Each beside its own replay: what else the machine does meanwhile falls out.
        growth = (fleet.round.cost / fleet.bare) / (first.round.cost / first.bare)
        yield Figure(name, fleet.round.cost * 1e6, "µs", f"a fleet of {first.meters}", growth, "<= 1.1")
    yield Figure("memory of an idle meter", last.idle, "KiB", "2 KiB", last.idle / 2, "<= 1")
    yield Figure("memory of an open visit", last.open, "KiB", "40 KiB", last.open / 40, "<= 1")
    yield Figure("stored octets a value of the block load", last.octets, "octets", "8 octets", last.octets / 8, "<= 1")


def main():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    given = options()
    fleets = [uvloop.run(measure(*fleet)) for fleet in (QUICK if given.quick else FLEETS)]
    report(figures(fleets), as_json=given.json)


if __name__ == "__main__":
    main()
