"""The daemon: one process that keeps the fleet visited and events published until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Final

import structlog
from attrs import define, field

from headend.app.delivering import delivering
from headend.app.interchange_replies import replying
from headend.app.listening import listening
from headend.app.metrics_serving import watched
from headend.app.monitoring import Monitor, monitored
from headend.app.monitoring_retention import tidying
from headend.app.monitoring_systemd import ServiceManager, service_manager
from headend.app.setup import Setup
from headend.app.sweeping import sweeping
from headend.app.webprocess import WebProcess, faces
from headend.app.wiring import Headend, open_headend, use_policy
from headend.errors import HeadendError
from headend.notify.pausing import pause
from headend.notify.publisher import Publisher
from headend.scheduler.collector import Collector
from headend.settings import Settings, load_settings
from headend.storage.lock import DaemonLock
from headend.storage.store import Store

#: Seconds for what the broker has not acknowledged when we stop; the rest waits in the store.
LAST_WORDS_S: Final = 1.0

#: How often it is looked whether the store still writes.
LOOK_S: Final = 0.5

_log = structlog.get_logger()


async def run_daemon(settings: Settings, *, armed: bool) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the configuration again. Raises AlreadyRunning and its like."""
    with DaemonLock.acquire(settings.store_path):
        async with open_headend(settings, armed=armed) as headend:
            await _serve(headend, settings)


async def _serve(headend: Headend, settings: Settings) -> None:
    if headend.store.restored_from is not None:
        _log.warning(
            "this database was restored from a backup: disarmed", backup=headend.store.restored_from.isoformat()
        )
    switches = headend.store.switches
    _log.info(
        "started",
        pid=os.getpid(),
        store=str(headend.store.path),
        armed=await switches.armed(),
        kill_switch=await switches.kill_switch(),
        modes={office or "*": mode.value for office, mode in (await switches.modes()).items()},
        meters=len(await headend.store.fleet.meters()),
    )
    collector = headend.collector()
    reloader = Reloader(headend, collector, settings)
    manager = service_manager()
    async with AsyncExitStack() as rooms:
        rooms.enter_context(_signals(collector, reloader, manager))
        await rooms.enter_async_context(_ending_with_the_store(headend.store, collector))
        broker = await rooms.enter_async_context(_publishing(headend))
        await rooms.enter_async_context(delivering(headend))
        await rooms.enter_async_context(listening(headend, collector))
        reloader.web = await rooms.enter_async_context(faces(headend))
        await rooms.enter_async_context(replying(headend))
        await headend.store.status.forget()
        monitor = Monitor(headend, collector.standing, broker=broker, manager=manager)
        await rooms.enter_async_context(monitored(monitor))
        await rooms.enter_async_context(watched(monitor))
        await rooms.enter_async_context(tidying(headend))
        await rooms.enter_async_context(sweeping(headend))
        manager.say("READY=1")
        await collector.run()
    _log.info("stopped", visits=dict(collector.figures.visits))


@asynccontextmanager
async def _ending_with_the_store(store: Store, collector: Collector) -> AsyncIterator[None]:
    """A store that writes no more ends the daemon: only a fresh start reads back what the disk holds.

    Raises the store's StorageError once everything else has ended.
    """
    ended = asyncio.Event()

    async def watch() -> None:
        while store.stopped is None and not ended.is_set():
            await pause(ended, LOOK_S)
        if store.stopped is not None:
            collector.stop()

    task = asyncio.create_task(watch(), name="store watched")
    try:
        yield
    finally:
        ended.set()
        await task
    if store.stopped is not None:
        raise store.stopped


@define(eq=False)
class Reloader:
    """Reads the configuration again; what can't be changed while running is told."""

    headend: Headend
    collector: Collector
    settings: Settings
    #: What serves the faces in a process of its own, and reads the same file.
    web: WebProcess | None = None
    _noting: set[asyncio.Task[None]] = field(init=False, factory=set)

    def reload(self) -> None:
        """Use the configuration as it is now, or, with a fault in any of it, go on as before."""
        try:
            settings = load_settings(str(self.settings.source))
            setup = Setup.read(settings)
        except HeadendError as error:
            _log.error("configuration not reloaded", error=str(error))
            return
        if settings.store_path != self.settings.store_path:
            _log.warning("store.path changes with the next start")
        if settings.document.listen != self.settings.document.listen:
            _log.warning("the section [listen] changes with the next start")
        if _ways(settings) != _ways(self.settings):
            _log.warning("the sections [notices] and [[channels]] change with the next start")
        self.headend.use(setup)
        self.collector.ports = self.headend.ports()
        self.collector.reload(setup.schedules)
        self.settings = settings
        if self.web is not None:
            self.web.reload()
        noting = asyncio.get_running_loop().create_task(use_policy(self.headend.store, setup), name="policy in force")
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)
        _log.info("configuration reloaded", schedules=[schedule.name for schedule in setup.schedules])


def _ways(settings: Settings) -> tuple[object, object]:
    return settings.document.notices, settings.document.channels


@asynccontextmanager
async def _publishing(headend: Headend) -> AsyncIterator[Callable[[], bool | None]]:
    """Events go to the broker while the block runs, where one is configured; a broker that is away holds nothing up.

    Gives what tells whether the broker is there; None where none is configured.
    """
    if headend.setup.mqtt is None:
        yield lambda: None
        return
    publisher = Publisher(headend.store.events, headend.setup.mqtt)
    task = asyncio.create_task(publisher.run(), name="publisher")
    try:
        yield lambda: publisher.connected
    finally:
        publisher.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(task, LAST_WORDS_S)


@contextmanager
def _signals(collector: Collector, reloader: Reloader, manager: ServiceManager) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        manager.say("STOPPING=1")
        collector.stop()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reloader.reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
