"""The daemon: keeps the fleet visited, by itself or by workers, and events published, until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Final

import structlog

from headend.app.delivering import delivering
from headend.app.interchange_replies import replying
from headend.app.listening import listening
from headend.app.metrics_serving import watched
from headend.app.monitoring import Monitor, monitored
from headend.app.monitoring_retention import tidying
from headend.app.monitoring_systemd import ServiceManager, service_manager
from headend.app.reloading import Reloader
from headend.app.storewatch import ending_with_the_store
from headend.app.sweeping import sweeping
from headend.app.webprocess import faces
from headend.app.wiring import Headend, open_headend
from headend.app.workers.collectors import Collectors
from headend.app.workers.crew import Crew, crew_at_work
from headend.app.workers.division import PARENT, shard, shard_name, shard_names
from headend.notify.publisher import Publisher
from headend.scheduler.engine import Fixed, Lease
from headend.settings import Settings
from headend.storage.lock import DaemonLock

#: Seconds for what the broker has not acknowledged when we stop; the rest waits in the store.
LAST_WORDS_S: Final = 1.0

_log = structlog.get_logger()


async def run_daemon(settings: Settings, *, armed: bool, workers: int | None = None) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the configuration again. Raises AlreadyRunning and its like.

    With two `workers` or more (None: as [engine] says) these visit the fleet, and this process does all else.
    """
    count = settings.document.engine.workers if workers is None else workers
    with DaemonLock.acquire(settings.store_path) as lock:
        async with open_headend(settings, armed=armed) as headend:
            token = await _enrolled(headend, count)
            await _serve(headend, settings, token, count, lock)
            await headend.store.workers.end(token, "stopped")


async def _enrolled(headend: Headend, count: int) -> int:
    """Whoever was at work before is gone, since we hold the lock; our token, under which all is written from now on."""
    workers, host = headend.store.workers, socket.gethostname()
    await workers.end_all("the daemon was started anew", None if headend.store.url is None else host)
    token = await workers.begin(PARENT, host, os.getpid(), (shard_name(PARENT, count),))
    workers.work_under(token)
    await headend.store.steering.divide(shard_names(count))
    return token


async def _serve(headend: Headend, settings: Settings, token: int, count: int, lock: DaemonLock) -> None:
    await _say_started(headend, count)
    collectors = Collectors(headend)
    crew = Crew(headend, collectors, count, lock) if count > 1 else None
    engine = Fixed(Lease(shard(PARENT, count), token))
    reloader = Reloader(headend, collectors, settings)
    manager = service_manager()

    def stop() -> None:
        engine.stop()
        if crew is not None:
            crew.stop()

    async with AsyncExitStack() as rooms:
        rooms.enter_context(_signals(stop, reloader, manager))
        await rooms.enter_async_context(ending_with_the_store(headend.store, stop))
        broker = await rooms.enter_async_context(_publishing(headend))
        await rooms.enter_async_context(delivering(headend))
        await rooms.enter_async_context(listening(headend, collectors if crew is None else crew))
        web = await rooms.enter_async_context(faces(headend))
        reloader.beside.extend(each for each in (web, crew) if each is not None)
        await rooms.enter_async_context(replying(headend))
        await headend.store.status.forget()
        wanted = () if crew is None else crew.numbers
        monitor = Monitor(headend, collectors.standing, broker=broker, manager=manager, crew=wanted)
        await rooms.enter_async_context(monitored(monitor))
        await rooms.enter_async_context(watched(monitor))
        await rooms.enter_async_context(tidying(headend))
        await rooms.enter_async_context(sweeping(headend))
        await rooms.enter_async_context(crew_at_work(crew))
        manager.say("READY=1")
        await engine.run(collectors.begin)
    _log.info("stopped", visits=dict(collectors.standing().visits))


async def _say_started(headend: Headend, count: int) -> None:
    store = headend.store
    if store.restored_from is not None:
        _log.warning("this database was restored from a backup: disarmed", backup=store.restored_from.isoformat())
    switches = store.switches
    _log.info(
        "started",
        pid=os.getpid(),
        store=str(store.path),
        armed=await switches.armed(),
        kill_switch=await switches.kill_switch(),
        modes={office or "*": mode.value for office, mode in (await switches.modes()).items()},
        meters=len(await store.fleet.meters()),
        workers=count,
    )


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
def _signals(stop: Callable[[], None], reloader: Reloader, manager: ServiceManager) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def end() -> None:
        manager.say("STOPPING=1")
        stop()

    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reloader.reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
