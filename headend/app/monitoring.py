"""The daemon looks at itself: each process tells every few seconds how it stands, and answers those who watch it."""

import asyncio
import os
import resource
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog
from attrs import define, evolve, field, frozen

from headend.app.monitoring_systemd import ServiceManager, service_manager
from headend.app.wiring import Headend
from headend.errors import HeadendError
from headend.scheduler.figures import Standing
from headend.storage.disk import Usage, disk_of
from headend.storage.status import ProcessStatus

#: Of meters that fail and of lanes without answer so many are told by name; `failing` counts them all.
MOST_NAMED: Final = 50

_log = structlog.get_logger()


@frozen
class MonitoringRules:
    """Seconds between two tellings, two looks at the disk, and two measures of how late the loop is."""

    tell_s: float = 2.0
    disk_s: float = 10.0
    lag_s: float = 0.25
    #: The worst lag is that of the last one to two windows.
    window_s: float = 30.0


@define(eq=False)
class Lag:
    """How late the loop was: at the last measure, and at the worst of the present and the last window."""

    last: float = 0.0
    _now: float = 0.0
    _before: float = 0.0

    @property
    def worst(self) -> float:
        """The worst within the last one to two windows, in seconds."""
        return max(self._now, self._before)

    def add(self, seconds: float) -> None:
        """Take a measure."""
        self.last = max(seconds, 0.0)
        self._now = max(self._now, self.last)

    def turn(self) -> None:
        """A new window begins."""
        self._now, self._before = 0.0, self._now


@define(eq=False)
class Monitor:
    """One process of the daemon, seen from inside. `failure` is why the last telling could not be written."""

    headend: Headend
    standing: Callable[[], Standing]
    worker: int = 0
    broker: Callable[[], bool | None] = lambda: None
    usage: Usage = shutil.disk_usage
    manager: ServiceManager = field(factory=service_manager)
    #: The workers that this process has; each tells of itself.
    crew: tuple[int, ...] = ()
    rules: MonitoringRules = field(factory=MonitoringRules)
    failure: str | None = field(init=False, default=None)
    lag: Lag = field(init=False, factory=Lag)
    _started: datetime = field(init=False)

    def __attrs_post_init__(self) -> None:
        """From now on."""
        self._started = self.headend.clock.now()

    def status(self) -> ProcessStatus:
        """How this process stands now."""
        standing, store = self.standing(), self.headend.store
        named = evolve(
            standing, failing=standing.failing[:MOST_NAMED], blocked_lanes=standing.blocked_lanes[:MOST_NAMED]
        )
        lanes = self.headend.setup.lanes
        return ProcessStatus(
            worker=self.worker,
            pid=os.getpid(),
            version=version("headend"),
            started=self._started,
            at=self.headend.clock.now(),
            standing=named,
            failing=len(standing.failing),
            permits=lanes.process,
            kept=lanes.kept,
            values=store.fleet.values,
            rows=store.fleet.profile_rows,
            loop_lag=self.lag.last,
            busiest_lag=self.lag.worst,
            writing=store.status.writing(),
            shedding=self.headend.shedding.on,
            keys=store.keys.present,
            memory=_memory(),
            broker=self.broker(),
        )

    async def tell(self) -> None:
        """Write how this process stands; that it can be written is what readiness rests on."""
        try:
            await self.headend.store.status.tell(self.status())
        except HeadendError as error:
            self.failure = str(error)
        else:
            self.failure = None

    async def look_at_disk(self) -> None:
        """Give up profiles when the disk is nearly full, and take them up again; each time with an event row."""
        path = self.headend.store.path
        try:
            disk = await asyncio.to_thread(disk_of, path, self.usage)
        except OSError as error:
            _log.warning("the disk can't be asked how full it is", path=str(path.parent), error=str(error))
            return
        shedding = self.headend.shedding
        if not shedding.look(disk.share):
            return
        kind = "store.shedding" if shedding.on else "store.shedding_ended"
        figures = {"used_share": round(disk.share, 4), "free_bytes": disk.free, "begins_at": shedding.begin}
        _log.warning(kind, worker=self.worker, **figures)
        if self.worker == 0:
            with suppress(HeadendError):  # a disk that is full refuses this too; the log has it
                await self.headend.store.events.tell(self.headend.clock.now(), kind, payload=figures)

    def beat(self) -> None:
        """Tell the service manager that the loop turns."""
        self.manager.say("WATCHDOG=1")

    async def measure_lag(self) -> None:
        """Measure how late the loop is, for ever."""
        loop, every = asyncio.get_running_loop(), self.rules.lag_s
        window_ends = loop.time() + self.rules.window_s
        while True:
            before = loop.time()
            await asyncio.sleep(every)
            after = loop.time()
            self.lag.add(after - before - every)
            if after >= window_ends:
                self.lag.turn()
                window_ends = after + self.rules.window_s


@asynccontextmanager
async def monitored(monitor: Monitor) -> AsyncIterator[Monitor]:
    """The process tells how it stands while the block runs, and is forgotten afterwards."""
    rules, every = monitor.rules, monitor.manager.watchdog_s
    await monitor.look_at_disk()
    await monitor.tell()
    works = [
        monitor.measure_lag(),
        _every(rules.tell_s, monitor.tell),
        _every(rules.disk_s, monitor.look_at_disk),
    ]
    if every is not None:
        # Half the time that systemd gives, as sd_watchdog_enabled(3) advises.
        works.append(_every(every / 2, _at_once(monitor.beat)))
    tasks = [asyncio.create_task(work, name="monitoring") for work in works]
    try:
        yield monitor
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(HeadendError):
            await monitor.headend.store.status.forget(monitor.worker)


async def _every(seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  looking must never end what is looked at
            _log.error("the daemon could not look at itself", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(seconds)


def _at_once(work: Callable[[], None]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def run() -> None:
        work()

    return run


def _memory() -> int:
    """Resident octets of this process."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
