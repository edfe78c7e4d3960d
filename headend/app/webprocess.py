"""Console, portal and API in a process of their own, started, watched and ended by the daemon.

Pages and visits then share no interpreter: beside a collection round in the same process a page took ten times as long,
since each row that it reads gives the interpreter away. What the two have to tell each other is in the database.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from attrs import define, field

from headend.app.serving import place, serving
from headend.app.wiring import Headend
from headend.notify.pausing import Pause, pause

#: The option by which the other process knows that its life hangs on ours.
BESIDE: Final = "--beside-daemon"
#: Seconds until a process that ended is started again, doubled up to the longest; one that lived long begins anew.
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 60.0
#: Seconds for answers under way, then it is killed: it holds nothing that a rollback does not clear up.
_END_S: Final = 6.0

_log = structlog.get_logger()


@define(eq=False)
class WebProcess:
    """A process that is started again whenever it ends, until `stop`."""

    command: tuple[str, ...]
    pause: Pause = pause
    _process: Process | None = field(init=False, default=None)
    _stopping: asyncio.Event = field(init=False, factory=asyncio.Event)

    @property
    def pid(self) -> int | None:
        """Its number while it runs."""
        return None if self._process is None else self._process.pid

    async def keep(self) -> None:
        """Start it, and again when it ends; returns once it has ended after `stop`."""
        loop, wait = asyncio.get_running_loop(), _FIRST_S
        while not self._stopping.is_set():
            begun = loop.time()
            try:
                # Its own session: Ctrl-C at the terminal ends us, and we end it.
                self._process = await asyncio.create_subprocess_exec(*self.command, stdin=PIPE, start_new_session=True)
            except OSError as error:
                _log.error("console, portal and API could not be started", error=str(error))
            else:
                await self._until_it_ends(self._process)
            if self._stopping.is_set():
                return
            wait = _FIRST_S if loop.time() - begun > _LONGEST_S else wait
            _log.error("console, portal and API are not served; they are started again", seconds=wait)
            await self.pause(self._stopping, wait)
            wait = min(wait * 2, _LONGEST_S)

    def reload(self) -> None:
        """Let it read the configuration again."""
        self._signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it."""
        self._stopping.set()

    async def _until_it_ends(self, process: Process) -> None:
        ended = asyncio.create_task(process.wait(), name="web process ended")
        told = asyncio.create_task(self._stopping.wait(), name="web process told")
        await asyncio.wait((ended, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not ended.done():
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait((ended,), timeout=_END_S)
        if not ended.done():
            self._signal(signal.SIGKILL)
        await ended
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


@asynccontextmanager
async def faces(headend: Headend) -> AsyncIterator[WebProcess | None]:
    """The faces are served while the block runs, as `[web]` says; a fault there holds up no meter.

    Gives the process, None where they are served by ourselves or not at all. Raises SettingsError for a section
    [web] that can't be used.
    """
    section = headend.setup.settings.document.web
    if not section.listen:
        yield None
    elif not section.own_process:
        async with serving(headend):
            yield None
    else:
        place(headend)
        process = WebProcess(_command(headend))
        task = asyncio.create_task(process.keep(), name="web process")
        try:
            yield process
        finally:
            process.stop()
            await task


def _command(headend: Headend) -> tuple[str, ...]:
    return (sys.executable, "-m", "headend", "web", BESIDE, "--config", str(headend.setup.settings.source))
