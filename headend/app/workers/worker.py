"""A worker: a process of the daemon that visits one shard of the fleet, and does nothing else."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Final

import structlog
from attrs import define, field, frozen
from structlog.contextvars import bind_contextvars

from headend.app.monitoring import Monitor, monitored
from headend.app.monitoring_systemd import ServiceManager
from headend.app.reloading import Reloader
from headend.app.storewatch import ending_with_the_store
from headend.app.wiring import Headend, open_headend
from headend.app.workers.collectors import Collectors
from headend.app.workers.division import shard
from headend.app.workers.line import Heard, WorkersEnd
from headend.scheduler.engine import Fixed, Lease, Visiting, WorkEngine
from headend.settings import Settings

#: How often a worker says that its loop turns.
BEAT_S: Final = 1.0

#: prctl(2): the signal that this process gets when its parent dies.
_PDEATHSIG: Final = 1

_log = structlog.get_logger()


@frozen
class Place:
    """Which worker a process is, of how many; its token, its end of the line, and its parent."""

    number: int
    workers: int
    token: int
    line: int
    parent: int


async def run_worker(settings: Settings, place: Place) -> None:
    """Visit until SIGTERM, or until the parent is gone or has given the place to another."""
    die_with(place.parent)
    bind_contextvars(worker=place.number)
    line = await WorkersEnd.of(place.line)
    post = Post()
    # From the first moment: opening a large database may take a while.
    line.start(BEAT_S, post.take, die)
    try:
        async with open_headend(settings, token=place.token) as headend:
            await _serve(headend, settings, place, post)
    finally:
        await line.stop()


@define(eq=False)
class Post:
    """What the parent says, for the collectors once they are there."""

    headend: Headend | None = None
    collectors: Collectors | None = None
    _tasks: "set[asyncio.Task[None]]" = field(init=False, factory=set)
    _kept: list[Heard] = field(init=False, factory=list)

    def open(self, headend: Headend, collectors: Collectors) -> None:
        """The collectors are there: they are told what was said before."""
        self.headend, self.collectors = headend, collectors
        kept, self._kept = self._kept, []
        for heard in kept:
            self.take(heard)

    def take(self, heard: Heard) -> None:
        """A meter of ours has pushed."""
        if self.collectors is None:
            self._kept.append(heard)
            return
        task = asyncio.get_running_loop().create_task(self._pass_on(heard), name=f"heard {heard.meter}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, heard: Heard) -> None:
        if self.headend is None or self.collectors is None:
            return
        meter = await self.headend.store.fleet.meter(heard.meter)
        if meter is not None:
            self.collectors.heard(meter, heard.tasks)


async def _serve(headend: Headend, settings: Settings, place: Place, post: Post) -> None:
    collectors = Collectors(headend, keeps_house=False)
    engine = Fixed(Lease(shard(place.number, place.workers), place.token))

    def begin(lease: Lease) -> Visiting:
        work = collectors.begin(lease)
        post.open(headend, collectors)
        return work

    reloader = Reloader(headend, collectors, settings)
    async with AsyncExitStack() as rooms:
        rooms.enter_context(_signals(engine, reloader))
        await rooms.enter_async_context(ending_with_the_store(headend.store, engine.stop))
        monitor = Monitor(headend, collectors.standing, worker=place.number, manager=ServiceManager())
        await rooms.enter_async_context(monitored(monitor))
        _log.info("worker started", pid=os.getpid(), shard=f"{place.number}/{place.workers}", token=place.token)
        await engine.run(begin)
    _log.info("worker stopped", visits=dict(collectors.standing().visits))


def die_with(parent: int) -> None:
    """End with the parent, however it ends: who comes after it must find the meters unvisited."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        die()


def die() -> None:
    """End at once, as a power cut would: the database knows what to make of it."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _signals(engine: WorkEngine, reloader: Reloader) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: engine.stop, signal.SIGINT: engine.stop, signal.SIGHUP: reloader.reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
