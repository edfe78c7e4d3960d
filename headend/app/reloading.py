"""SIGHUP: the configuration is read again, whole or not at all."""

import asyncio
from typing import Protocol

import structlog
from attrs import define, field

from headend.app.setup import Setup
from headend.app.wiring import Headend, use_policy
from headend.app.workers.collectors import Collectors
from headend.errors import HeadendError
from headend.settings import Settings, load_settings

_log = structlog.get_logger()


class Reads(Protocol):
    """A process beside this one that reads the same file."""

    def reload(self) -> None:
        """Read the configuration again."""
        ...


@define(eq=False)
class Reloader:
    """Reads the configuration again; what can't be changed while running is told. `beside` do the same then."""

    headend: Headend
    collectors: Collectors
    settings: Settings
    beside: list[Reads] = field(factory=list)
    _noting: set[asyncio.Task[None]] = field(init=False, factory=set)

    def reload(self) -> None:
        """Use the configuration as it is now, or, with a fault in any of it, go on as before."""
        try:
            settings = load_settings(str(self.settings.source))
            setup = Setup.read(settings)
        except HeadendError as error:
            _log.error("configuration not reloaded", error=str(error))
            return
        self._tell_what_waits(settings)
        self.headend.use(setup)
        self.collectors.reload(setup.schedules)
        self.settings = settings
        for each in self.beside:
            each.reload()
        noting = asyncio.get_running_loop().create_task(use_policy(self.headend.store, setup), name="policy in force")
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)
        _log.info("configuration reloaded", schedules=[schedule.name for schedule in setup.schedules])

    def _tell_what_waits(self, settings: Settings) -> None:
        before, after = self.settings.document, settings.document
        if settings.store_path != self.settings.store_path:
            _log.warning("store.path changes with the next start")
        if after.listen != before.listen:
            _log.warning("the section [listen] changes with the next start")
        if after.engine != before.engine:
            _log.warning("the section [engine] changes with the next start")
        if (after.notices, after.channels) != (before.notices, before.channels):
            _log.warning("the sections [notices] and [[channels]] change with the next start")
