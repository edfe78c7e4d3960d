"""The parent of the workers and its parts: who visits what, and what is made of a process that ends or says nothing."""

import asyncio
import os
import socket
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest

from headend.app.health import health
from headend.app.workers import crew as crew_module
from headend.app.workers.collectors import summed
from headend.app.workers.crew import Crew, CrewRules
from headend.app.workers.division import PARENT, home_of, shard, shard_names
from headend.app.workers.line import Heard, ParentsEnd, WorkersEnd
from headend.meters.inventory import Meter
from headend.scheduler.engine import Fixed, Lease
from headend.scheduler.figures import Figures, Standing
from headend.scheduler.inventory import Shard

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def meter(number, lane="", address="tcp://127.0.0.1:4059"):
    return Meter(f"HED{number:07}", f"LDN{number:08}", "is15959-single-phase", address, lane=lane)


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_each_meter_has_one_home_and_the_shards_are_of_one_size(workers):
    fleet = [meter(number) for number in range(4000)]
    shards = [shard(number, workers) for number in range(workers + 1)]
    homes = Counter()
    for each in fleet:
        (home,) = [part.name for part in shards if part.holds(each)]
        homes[home] += 1
    assert homes.keys() == set(shard_names(workers)) - {f"0/{workers}"}
    assert max(homes.values()) < 1.2 * min(homes.values())


def test_a_lane_is_visited_by_one_worker_and_what_calls_us_by_the_parent():
    gateway = {home_of(meter(number, lane="gw7"), 5) for number in range(500)}
    assert len(gateway) == 1
    assert home_of(meter(1, address="dial-in:by SIM 4711"), 5) == PARENT
    assert shard(0, 1) == Shard(), "alone it visits everything"
    assert shard_names(1) == ("",)


def test_one_that_dies_again_and_again_is_started_after_growing_pauses():
    rules = CrewRules()
    assert [rules.wait(early) for early in range(1, 7)] == [0.0, 0.0, 1.0, 2.0, 4.0, 8.0]
    assert rules.wait(200) == 60.0


def test_figures_of_several_shards_are_one_standing():
    def standing(visits):
        figures = Figures()
        figures.visits.update(done=visits)
        figures.took.add(0.2)
        spans = figures.took.spans(), figures.reconnects.spans()
        return Standing(1, 2, 3, NOW, (), (), (f"gw{visits}",), dict(figures.visits), {"confirmed": 1}, 4, *spans)

    both = summed([standing(5), standing(7)])
    assert (both.visits, both.commands, both.reads) == ({"done": 12}, {"confirmed": 2}, 8)
    assert (both.in_flight, both.waiting, both.blocked_lanes) == (2, 4, ("gw5", "gw7"))
    assert both.took.count == 2
    assert summed([]).oldest is None


def test_a_worker_that_never_told_makes_the_daemon_not_ready():
    told = [check for check in health((), NOW, None, (1, 2)).checks if check.name == "processes_alive"]
    assert [(check.ok, check.detail) for check in told] == [(False, "silent: worker 1, 2")]


async def test_a_push_is_passed_on_and_each_end_notices_that_the_other_is_gone():
    ours, theirs = socket.socketpair()
    parent, worker = await ParentsEnd.of(ours), await WorkersEnd.of(theirs.detach())
    heard, gone = asyncio.Queue(), asyncio.Event()
    beats = asyncio.Semaphore(0)
    worker.start(0.001, heard.put_nowait, gone.set)
    listening = asyncio.create_task(parent.listen(beats.release))
    parent.say(Heard("HED1", ("events",)))
    assert await heard.get() == Heard("HED1", ("events",))
    await beats.acquire()
    await worker.stop()
    await listening
    parent.close()
    ours, theirs = socket.socketpair()
    worker = await WorkersEnd.of(theirs.detach())
    worker.start(0.001, heard.put_nowait, gone.set)
    ours.close()
    await gone.wait()
    await worker.stop()


async def test_the_engine_of_one_machine_visits_its_shard_until_it_is_stopped():
    class Work:
        def __init__(self, lease):
            self.lease, self.stopped = lease, asyncio.Event()

        async def run(self):
            await self.stopped.wait()

        def stop(self):
            self.stopped.set()

    begun = []
    engine = Fixed(Lease(Shard("1/2"), 7))
    running = asyncio.create_task(engine.run(lambda lease: begun.append(Work(lease)) or begun[-1]))
    await asyncio.sleep(0)
    assert (begun[0].lease.shard.name, begun[0].lease.token) == ("1/2", 7)
    engine.stop()
    await running
    await engine.run(lambda _: pytest.fail("it was stopped"))


class Register:
    """The part of the store that the parent writes to."""

    def __init__(self):
        self.ended, self.token = [], 0
        self.workers, self.stopped = self, None

    async def begin(self, worker, host, pid, shards):
        self.token += 1
        return self.token

    async def is_process(self, token, pid):
        pass

    async def bury(self, token, why):
        self.ended.append((token, why))
        return 0

    async def end(self, token, why):
        self.ended.append((token, why))
        return 0


class House:
    def __init__(self):
        self.store = Register()


@pytest.fixture
def kept(monkeypatch):
    """A crew of one whose process is the given program; the pauses that it makes, which pass at once."""

    def make(program, rules, lives=2):
        pauses, house = [], House()

        async def pause(event, seconds):
            pauses.append(seconds)
            if len(pauses) == lives:
                event.set()

        def process(self, number, token, line):
            return subprocess.Popen([sys.executable, "-c", program, str(line.fileno())], pass_fds=(line.fileno(),))

        monkeypatch.setattr(crew_module.Crew, "_process", process)
        return Crew(house, None, 1, None, rules, pause), house.store, pauses

    return make


async def test_a_worker_that_ends_is_buried_and_replaced(kept):
    crew, register, pauses = kept("raise SystemExit(3)", CrewRules(), lives=3)
    await crew._keep(1)
    assert register.ended == [(token, "it ended with exit code 3") for token in (1, 2, 3)]
    assert pauses == [0.0, 0.0, 1.0]


async def test_a_worker_that_says_nothing_is_fenced_and_killed(kept):
    program = "import time; time.sleep(600)"
    crew, register, _ = kept(program, CrewRules(silent=0.02, start=0.02, look=0.01), lives=1)
    await crew._keep(1)
    assert register.ended == [(1, "it said nothing for 0.02 s")]
    assert not crew._members


@pytest.fixture
def heard(monkeypatch):
    """Set when a worker was heard for the first time."""
    event, beat = asyncio.Event(), crew_module.Member.beat

    def beats(member):
        beat(member)
        event.set()

    monkeypatch.setattr(crew_module.Member, "beat", beats)
    return event


async def test_a_worker_that_beats_is_left_alone_until_we_stop(kept, heard):
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"
        "while True: os.write(int(sys.argv[1]), b'.'); time.sleep(0.01)"
    )
    crew, register, pauses = kept(program, CrewRules(silent=20.0, start=60.0, look=0.01))
    crew.start()
    await heard.wait()
    await crew.ended()
    assert (register.ended, pauses) == ([(1, "stopped")], [])


async def test_what_takes_too_long_to_end_is_killed(kept, heard):
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.write(int(sys.argv[1]), b'.')\n"
        "time.sleep(600)"
    )
    crew, register, _ = kept(program, CrewRules(silent=60.0, look=0.01, stop=0.05))
    crew.start()
    await heard.wait()
    pid = crew._members[1].process.pid
    await crew.ended()
    assert register.ended == [(1, "stopped")]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_push_waits_for_a_worker_that_is_being_replaced(kept, heard):
    program = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"
        "line = int(sys.argv[1])\n"
        "told = b''\n"
        "while told.count(b'\\n') < 2: told += os.read(line, 4096)\n"
        'assert told == b\'{"meter":"HED0000001","tasks":["events","daily"]}\\n'
        '{"meter":"HED0000002","tasks":[]}\\n\'\n'
        "os.write(line, b'.')\n"
        "time.sleep(600)"
    )
    crew, _, _ = kept(program, CrewRules(silent=60.0, look=0.01))
    crew.count = 1
    for number, tasks in ((1, ("events",)), (2, ()), (1, ("daily", "events"))):
        crew.heard(meter(number), tasks)
    crew.start()
    await heard.wait()
    await crew.ended()
