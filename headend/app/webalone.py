"""A process that serves console, portal and API and does nothing else; a daemon runs beside it on the same database."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from headend.app.serving import serving
from headend.app.setup import Setup
from headend.app.wiring import Headend, open_headend
from headend.errors import HeadendError
from headend.notify.pausing import pause
from headend.settings import Settings, SettingsError, load_settings
from headend.web.pages import prepare

#: How often it is looked whether the store still writes.
_LOOK_S: Final = 0.5
_STDIN: Final = 0

_log = structlog.get_logger()


class NotServed(HeadendError):  # noqa: N818  an answer, not a fault
    """The place can't be had; the log says why."""


async def run_web(settings: Settings, *, beside_daemon: bool) -> None:
    """Serve until SIGTERM or SIGINT, and beside a daemon until that ends. Raises SettingsError, NotServed."""
    listen = settings.document.web.listen
    if not listen:
        raise SettingsError(f"{settings.source}: web.listen: it is empty, so nothing is served; give HOST:PORT")
    async with open_headend(settings) as headend, serving(headend) as served:
        if served is None:
            raise NotServed(f"console, portal and API can't be served at {listen}")
        await asyncio.to_thread(prepare)
        stop = asyncio.Event()
        with _told(headend, settings, stop, beside_daemon=beside_daemon):
            while not stop.is_set() and headend.store.stopped is None:
                await pause(stop, _LOOK_S)
        if headend.store.stopped is not None:
            raise headend.store.stopped


@contextmanager
def _told(headend: Headend, settings: Settings, stop: asyncio.Event, *, beside_daemon: bool) -> Iterator[None]:
    """Signals, and the end of the daemon, which holds the other end of our standard input."""
    loop = asyncio.get_running_loop()

    def reload() -> None:
        try:
            headend.use(Setup.read(load_settings(str(settings.source))))
        except HeadendError as error:
            _log.error("configuration not reloaded", error=str(error))

    def look_at_daemon() -> None:
        if not os.read(_STDIN, 1):
            stop.set()

    handlers = {signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    if beside_daemon:
        loop.add_reader(_STDIN, look_at_daemon)
    try:
        yield
    finally:
        if beside_daemon:
            loop.remove_reader(_STDIN)
        for number in handlers:
            loop.remove_signal_handler(number)
