"""What bringing a utility's consumers in costs: meters and consumers from CSV into the embedded store, durably.

Fleets of three sizes are imported in the same run, each into a store of its own: a dry run, the import, and the same
file again. A million is what the largest says, beside what the others would have said; the peak of memory is a
process's, so each size has one of its own.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _figures import Figure, Options, options, pin, report
from _stored import NOW, write_files
from attrs import asdict, frozen

from headend.storage import Store

MILLION = 1_000_000
#: Minutes of one core for a million consumers with their meters.
GOAL_MIN = 5


@frozen
class Cost:
    """Microseconds of CPU a line for each pass, and the peak in MiB."""

    count: int
    meters: float
    dry_run: float
    consumers: float
    again: float
    peak_mib: float


async def cost(count: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="headend-bench-") as name:
        folder = Path(name)
        meters, consumers = write_files(folder, count)
        store = await Store.open(folder / "bench.db", kek=None, now=lambda: NOW)
        spent = [await cpu(store.registry.import_meters(meters))]
        spent.append(await cpu(store.registry.import_consumers(consumers, dry_run=True)))
        spent.append(await cpu(store.registry.import_consumers(consumers)))
        spent.append(await cpu(store.registry.import_consumers(consumers)))
        assert (await store.books.check()).ok
        await store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(count, *(seconds / count * 1e6 for seconds in spent), peak)


async def cpu(work) -> float:
    start = time.process_time()
    await work
    return time.process_time() - start


def apart(count: int) -> Cost:
    """The cost of a size, measured by a process of its own."""
    command = [sys.executable, __file__, "--one", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(**json.loads(done.stdout))


def figures(given: Options):
    sizes = (2_500, 10_000, 40_000) if given.quick else (25_000, 100_000, 250_000)
    costs = [apart(count) for count in sizes]
    for each in costs:
        whole = each.meters + each.consumers
        yield Figure(f"meter and consumer imported, among {each.count:,}", whole, "µs")
    few, many = costs[0], costs[-1]
    yield Figure(
        f"consumer of a dry run, among {many.count:,}",
        many.dry_run,
        "µs",
        f"among {few.count:,}",
        many.dry_run / few.dry_run,
    )
    yield Figure(
        f"consumer imported again, among {many.count:,}",
        many.again,
        "µs",
        f"among {few.count:,}",
        many.again / few.again,
    )
    growth = (many.meters + many.consumers) / (few.meters + few.consumers)
    yield Figure("growth of the cost of a line", growth, "", f"among {few.count:,}", growth, "<= 1.5")
    minutes = [(each.meters + each.consumers) * MILLION / 6e7 for each in costs]
    yield Figure(
        f"a million, from {many.count:,} measured, CPU",
        minutes[-1],
        "min",
        "five minutes",
        minutes[-1] / GOAL_MIN,
        "<= 1",
    )
    yield Figure("  the least and the most that a size would say", max(minutes) - min(minutes), "min apart")
    memory = (many.peak_mib - few.peak_mib) / (many.count - few.count) * MILLION + few.peak_mib
    yield Figure(f"memory at the peak, {many.count:,}", many.peak_mib, "MiB")
    yield Figure("memory at the peak, a million by that growth", memory, "MiB")


def main():
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(asdict(asyncio.run(cost(int(sys.argv[2]))))))
        return
    pin()
    given = options()
    report(figures(given), as_json=given.json)


if __name__ == "__main__":
    main()
