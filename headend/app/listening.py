"""Ports on which meters reach us: calls for visits, and pushes."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from attrs import define, field

from headend.app.answering import Answering, Scheduler
from headend.app.inventory import Inventory
from headend.app.places import host_and_port
from headend.app.pushing import Pushing
from headend.app.pushintake import PushIntake
from headend.app.wiring import Headend
from headend.errors import HeadendError
from headend.settings import ListenSection
from headend.transport.listener import Limits, Listener, TcpListener, listen_tcp
from headend.transport.udp import UdpListener, listen_udp

#: APDUs that came over calls between visits and wait to be taken; what exceeds this is dropped and counted.
MOST_WAITING: Final = 1024
#: Senders of datagrams that are told apart: each costs a stream and a task.
MOST_SENDERS: Final = 2000

_log = structlog.get_logger()


@define(eq=False)
class Listening:
    """Everything that listens; `ports` by key of the section [listen]."""

    headend: Headend
    answering: Answering
    pushing: Pushing
    ports: dict[str, int] = field(init=False, factory=dict)
    _listeners: list[Listener] = field(init=False, factory=list)
    _tasks: list[asyncio.Task[None]] = field(init=False, factory=list)
    _waiting: "asyncio.Queue[tuple[str, bytes, str]]" = field(
        init=False, factory=lambda: asyncio.Queue(maxsize=MOST_WAITING)
    )

    @classmethod
    def of(cls, headend: Headend, scheduler: Scheduler) -> "Listening":
        """What the configuration of `headend` asks for, not started yet."""
        inventory = Inventory(headend.store.fleet.meters, asyncio.get_running_loop().time)
        answering = Answering(inventory, headend.switchboard, scheduler)
        pushing = Pushing(
            store=headend.store,
            inventory=inventory,
            scheduler=scheduler,
            model_of=headend.model,
            now=headend.clock.now,
            takes_plain=headend.setup.settings.document.listen.plain_push,
        )
        return cls(headend, answering, pushing)

    async def start(self, section: ListenSection) -> None:
        """Listen where the section says. Raises SettingsError, and Unreachable for a place that can't be had."""
        limits = Limits(per_host=section.connections_per_host)
        if section.dial_in is not None:
            self.headend.switchboard.on_push = self._hear
            self._run(self._take_heard(), "pushes over calls")
            listener = await listen_tcp(*host_and_port("dial_in", section.dial_in), limits)
            self._listen("dial_in", listener, self.answering.run(listener))
        if section.push is not None:
            listener = await listen_tcp(*host_and_port("push", section.push), limits)
            self._listen("push", listener, PushIntake(self.pushing).run(listener))
        if section.push_udp is not None:
            senders = Limits(total=MOST_SENDERS, per_host=section.connections_per_host)
            datagrams = await listen_udp(*host_and_port("push_udp", section.push_udp), senders)
            self._listen("push_udp", datagrams, PushIntake(self.pushing, datagrams=True).run(datagrams))

    async def stop(self) -> None:
        """Give the ports back, hang up on everybody."""
        for listener in self._listeners:
            listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.headend.switchboard.close()

    def figures(self) -> dict[str, Any]:
        """What came in, by what became of it."""
        return {
            "calls": self.answering.calls,
            "calls_refused": dict(self.answering.refused),
            "pushes": dict(self.pushing.counts),
        }

    def _listen(self, key: str, listener: TcpListener | UdpListener, serving: Coroutine[Any, Any, None]) -> None:
        self._listeners.append(listener)
        self.ports[key] = listener.port
        self._run(serving, key)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _hear(self, serial: str, apdu: bytes, place: str) -> None:
        if self._waiting.full():
            self.pushing.counts["dropped"] += 1
        else:
            self._waiting.put_nowait((serial, apdu, place))

    async def _take_heard(self) -> None:
        while True:
            serial, apdu, place = await self._waiting.get()
            try:
                await self.pushing.take(apdu, place, serial)
            except HeadendError as error:
                _log.error("a push is lost: the store does not take it", meter=serial, error=str(error))


@asynccontextmanager
async def listening(headend: Headend, scheduler: Scheduler) -> AsyncIterator[Listening]:
    """Meters reach us while the block runs, where the configuration has places for it."""
    running = Listening.of(headend, scheduler)
    try:
        await running.start(headend.setup.settings.document.listen)
        if running.ports:
            _log.info("listening", **running.ports)
        yield running
    finally:
        await running.stop()
        if running.ports:
            _log.info("listened", **running.figures())
