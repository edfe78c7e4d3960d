"""What the port of [metrics] answers: figures, health and readiness, from the database and from this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog
from attrs import define, field

from headend.app.health import Health, health
from headend.app.metrics import CONTENT_TYPE, Snapshot, render
from headend.app.metrics_http import Reply, answering
from headend.app.monitoring import Monitor
from headend.app.places import host_and_port
from headend.storage.disk import disk_of
from headend.storage.status import House, ProcessStatus

#: The house is counted at most so often (s), however many ask: with a million meters it takes a moment.
HOUSE_S: Final = 5.0

_JSON: Final = "application/json"

_log = structlog.get_logger()


@define(eq=False)
class Watched:
    """What is shown of a daemon; `monitor` is the process that answers, whose own word is newer than what it wrote."""

    monitor: Monitor
    _house: House | None = field(init=False, default=None)
    _counted: float = field(init=False, default=0.0)
    _counting: asyncio.Lock = field(init=False, factory=asyncio.Lock)

    async def metrics(self) -> Reply:
        """The figures."""
        store = self.monitor.headend.store
        processes = await self._processes()
        try:
            disk = await asyncio.to_thread(disk_of, store.path, self.monitor.usage)
        except OSError:
            disk = None
        snapshot = Snapshot(
            at=self.monitor.headend.clock.now(),
            processes=processes,
            house=await self._in_numbers(),
            octets=store.status.octets(),
            disk=disk,
            health=self._health(processes),
        )
        return Reply(200, CONTENT_TYPE, await asyncio.to_thread(render, snapshot))

    async def alive(self) -> Reply:
        """That this answers is the answer; `worst_lag_s` tells how late it came at worst."""
        status = self.monitor.status()
        body = {"status": "alive", "pid": status.pid, "version": status.version, "started": status.started}
        return _json(200, body | {"worst_lag_s": round(status.busiest_lag, 3)})

    async def ready(self) -> Reply:
        """Whether all is well, check by check; 503 when it is not."""
        found = self._health(await self._processes())
        checks = {check.name: {"ok": check.ok, "detail": check.detail} for check in found.checks}
        return _json(200 if found.ready else 503, {"status": "ready" if found.ready else "not ready", "checks": checks})

    async def _processes(self) -> tuple[ProcessStatus, ...]:
        mine = self.monitor.status()
        others = await self.monitor.headend.store.status.processes()
        return (mine, *(each for each in others if each.worker != mine.worker))

    def _health(self, processes: tuple[ProcessStatus, ...]) -> Health:
        return health(processes, self.monitor.headend.clock.now(), self.monitor.failure, self.monitor.crew)

    async def _in_numbers(self) -> House:
        async with self._counting:
            now = asyncio.get_running_loop().time()
            if self._house is None or now - self._counted >= HOUSE_S:
                headend = self.monitor.headend
                subscribers = ("mqtt",) if headend.setup.mqtt is not None else ()
                self._house = await headend.store.status.house(subscribers)
                self._counted = now
            return self._house


@asynccontextmanager
async def watched(monitor: Monitor) -> AsyncIterator[int | None]:
    """Whoever watches is answered while the block runs, where [metrics] names a place: the port, or None."""
    place = monitor.headend.setup.settings.document.metrics.listen
    if place is None:
        yield None
        return
    shown = Watched(monitor)
    routes = {"/metrics": shown.metrics, "/healthz": shown.alive, "/readyz": shown.ready}
    async with answering(*host_and_port("listen", place, section="metrics"), routes) as port:
        _log.info("answering", metrics=port)
        yield port


def _json(status: int, body: object) -> Reply:
    return Reply(status, _JSON, msgspec.json.encode(body) + b"\n")
