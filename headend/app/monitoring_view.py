"""How the daemon stands, for people and programs beside it: everything is read from the database and the lock."""

import shutil
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from headend.app.opening import now
from headend.commands.latency import Latency
from headend.settings import Settings
from headend.storage.disk import Disk, Usage, disk_of
from headend.storage.lock import holder
from headend.storage.status import FRESH, House, ProcessStatus
from headend.storage.store import Store

#: The objectives of a reconnect are judged over so long.
OBJECTIVE_SPAN: Final = timedelta(days=1)


@frozen
class View:
    """The daemon and the house at one moment.

    `pid` holds the database: None when no daemon runs, 0 when it can't be named. `processes` told within 15 s;
    `silent` did not. `objective` is None when there was no reconnect to judge.
    """

    at: datetime
    pid: int | None
    processes: tuple[ProcessStatus, ...]
    silent: tuple[ProcessStatus, ...]
    house: House
    reconnects: Latency
    objective: bool | None
    database_bytes: int
    disk: Disk | None

    @property
    def running(self) -> bool:
        """Whether a daemon runs and answers."""
        return self.pid is not None and bool(self.processes)

    @property
    def state(self) -> str:
        """The daemon in a few words."""
        if self.pid is None:
            return "no daemon runs"
        if self.processes:
            return f"running, process {self.pid}"
        return f"process {self.pid} holds the database and tells nothing"


async def look(store: Store, settings: Settings, usage: Usage = shutil.disk_usage) -> View:
    """The daemon and the house now."""
    at = now()
    pid = holder(store.path)
    told = await store.status.processes() if pid is not None else ()
    reconnects = await store.work.latency(at - OBJECTIVE_SPAN, recharges_only=False)
    return View(
        at=at,
        pid=pid,
        processes=tuple(each for each in told if at - each.at <= FRESH),
        silent=tuple(each for each in told if at - each.at > FRESH),
        house=await store.status.house(("mqtt",) if settings.document.mqtt.url else ()),
        reconnects=reconnects,
        objective=_reached(reconnects),
        database_bytes=sum(store.status.octets()),
        disk=_disk(store, usage),
    )


def _reached(found: Latency) -> bool | None:
    if found.within_minute is None or found.within_five_minutes is None:
        return None
    return found.within_minute >= 0.95 and found.within_five_minutes >= 0.99


def _disk(store: Store, usage: Usage) -> Disk | None:
    try:
        return disk_of(store.path, usage)
    except OSError:
        return None
