"""The parent of the workers: starts them, hears that they live, and replaces each that dies or hangs."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from attrs import define, field, frozen

from headend.app.wiring import Headend
from headend.app.workers.collectors import Collectors
from headend.app.workers.division import PARENT, home_of, shard_name
from headend.app.workers.line import Heard, ParentsEnd
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.notify.pausing import Pause, pause
from headend.storage.lock import DaemonLock

#: What is for the service's main process alone.
_OURS: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

#: Meters of a worker that is not there whose pushes wait for it; each costs some hundred octets.
MOST_WAITING: Final = 20_000

_log = structlog.get_logger()


@frozen
class CrewRules:
    """Seconds: after which a worker that says nothing is replaced, and how long it may take to start.

    One that died is replaced at once; when it lived less than `settled`, again and again, pauses grow up to `longest`.
    """

    silent: float = 15.0
    start: float = 60.0
    look: float = 0.5
    settled: float = 30.0
    first: float = 1.0
    longest: float = 60.0
    stop: float = 9.0

    def wait(self, early: int) -> float:
        """The pause before the next start, after so many early deaths in a row: none after the first two."""
        return 0.0 if early < 3 else min(self.first * 2.0 ** (early - 3), self.longest)


@define(eq=False)
class Member:
    """One worker process."""

    number: int
    token: int
    process: "subprocess.Popen[bytes]"
    line: ParentsEnd
    #: Seconds for which it said nothing while we looked; below zero while it starts.
    silent: float

    def beat(self) -> None:
        """It lives."""
        self.silent = 0.0

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


@define(eq=False)
class Crew:
    """Keeps workers 1 to `count` at work on the shards of the fleet. `lock` is held by each of them too."""

    headend: Headend
    own: Collectors
    count: int
    lock: DaemonLock
    rules: CrewRules = field(factory=CrewRules)
    pause: Pause = pause
    _members: dict[int, Member] = field(init=False, factory=dict)
    #: What was heard from meters whose worker is just being replaced, by worker and meter.
    _waiting: dict[int, dict[str, Heard]] = field(init=False, factory=dict)
    _keepers: list["asyncio.Task[None]"] = field(init=False, factory=list)
    _stopping: asyncio.Event = field(init=False, factory=asyncio.Event)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The workers that there should be."""
        return tuple(range(1, self.count + 1))

    def start(self) -> None:
        """Start them all."""
        self._keepers = [asyncio.create_task(self._keep(number), name=f"worker {number}") for number in self.numbers]

    def stop(self) -> None:
        """Tell them to end, as we do."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def reload(self) -> None:
        """Tell them to read the configuration again."""
        self._signal(signal.SIGHUP)

    async def ended(self) -> None:
        """Wait until all have ended; what takes too long is killed, which the journal survives."""
        self.stop()
        if not self._keepers:
            return
        _, late = await asyncio.wait(self._keepers, timeout=self.rules.stop)
        if late:
            _log.warning("workers did not end in time", count=len(late))
            self._signal(signal.SIGKILL)
            await asyncio.wait(late)

    def heard(self, meter: Meter, tasks: tuple[str, ...] = ()) -> None:
        """The meter called or pushed: who visits it is told."""
        home = home_of(meter, self.count)
        if home == PARENT:
            self.own.heard(meter, tasks)
        elif (member := self._members.get(home)) is not None:
            member.line.say(Heard(meter.serial, tasks))
        else:
            self._keep_for(home, Heard(meter.serial, tasks))

    def _keep_for(self, home: int, heard: Heard) -> None:
        waiting = self._waiting.setdefault(home, {})
        earlier = waiting.get(heard.meter, Heard(heard.meter))
        if heard.meter in waiting or len(waiting) < MOST_WAITING:
            waiting[heard.meter] = Heard(heard.meter, tuple(dict.fromkeys((*earlier.tasks, *heard.tasks))))

    def _signal(self, number: signal.Signals) -> None:
        for member in self._members.values():
            member.signal(number)

    async def _keep(self, number: int) -> None:
        loop, early = asyncio.get_running_loop(), 0
        while not self._stopping.is_set():
            begun = loop.time()
            try:
                why = await self._life(number)
            except (HeadendError, OSError) as error:
                why = f"it could not be started: {error}"
            if self._stopping.is_set():
                return
            early = 0 if loop.time() - begun >= self.rules.settled else early + 1
            wait = self.rules.wait(early)
            _log.error("a worker is replaced", number=number, why=why, seconds=wait)
            await self.pause(self._stopping, wait)

    async def _life(self, number: int) -> str:
        """One worker from its start to its end; why it ended."""
        member = await self._started(number)
        self._members[number] = member
        for heard in self._waiting.pop(number, {}).values():
            member.line.say(heard)
        if self._stopping.is_set():
            member.signal(signal.SIGTERM)
        try:
            why = await self._watched(member)
        finally:
            del self._members[number]
            member.line.close()
        if why:
            # From here on it may write nothing more, whatever becomes of the signal.
            await self._buried(member, why)
            member.signal(signal.SIGKILL)
            await asyncio.to_thread(member.process.wait)
            return why
        why = _end_of(await asyncio.to_thread(member.process.wait))
        await self._buried(member, why)
        return why

    async def _started(self, number: int) -> Member:
        workers, rules = self.headend.store.workers, self.rules
        token = await workers.begin(number, socket.gethostname(), 0, (shard_name(number, self.count),))
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._process(number, token, theirs)
        except BaseException:
            ours.close()
            await workers.end(token, "it could not be started")
            raise
        try:
            await workers.is_process(token, process.pid)
            line = await ParentsEnd.of(ours)
        except BaseException:
            ours.close()
            process.kill()
            await asyncio.to_thread(process.wait)
            raise
        return Member(number, token, process, line, silent=rules.silent - rules.start)

    def _process(self, number: int, token: int, line: socket.socket) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "headend", "workers", "serve", str(number), str(self.count)]
        command += ["--token", str(token), "--line", str(line.fileno()), "--parent", str(os.getpid())]
        command += ["--config", str(self.headend.setup.settings.source)]
        # A group of its own: Ctrl-C at the terminal ends us, and we end it.
        return subprocess.Popen(  # noqa: S603  our own program
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=(line.fileno(), self.lock.handle),
            process_group=0,
            env={name: value for name, value in os.environ.items() if name not in _OURS},
        )

    async def _watched(self, member: Member) -> str:
        """Until it is gone; why it has to go, empty when it went."""
        listening = asyncio.create_task(member.line.listen(member.beat), name=f"worker {member.number} heard")
        try:
            while not listening.done():
                await asyncio.wait((listening,), timeout=self.rules.look)
                # Counted in looks: had we been stopped ourselves, it would not be the worker's silence.
                member.silent += self.rules.look
                if member.silent >= self.rules.silent and not listening.done():
                    return f"it said nothing for {self.rules.silent:g} s"
            return ""
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _buried(self, member: Member, why: str) -> None:
        """Free what it held. Without this nobody takes its place, so it is tried until the store takes it."""
        workers = self.headend.store.workers
        while self.headend.store.stopped is None:
            try:
                if self._stopping.is_set():
                    await workers.end(member.token, "stopped")
                elif unknown := await workers.bury(member.token, why):
                    _log.warning("commands of unknown outcome", number=member.number, count=unknown)
            except HeadendError as error:
                _log.error("the end of a worker can't be written", number=member.number, error=str(error))
                if self._stopping.is_set():
                    return
                await self.pause(self._stopping, self.rules.first)
            else:
                return


@asynccontextmanager
async def crew_at_work(crew: Crew | None) -> AsyncIterator[None]:
    """The workers are at work while the block runs; None where this process is the only one."""
    if crew is None:
        yield
        return
    crew.start()
    try:
        yield
    finally:
        await crew.ended()


def _end_of(code: int) -> str:
    return f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"
