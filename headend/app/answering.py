"""Answers meters that dial in: who is it, is it expected, and then its connection is there for visits."""

import asyncio
from collections import Counter
from typing import Final, Protocol

import structlog
from attrs import Factory, define, field

from headend.app.inventory import Inventory
from headend.app.wiring import dials_in
from headend.dlms.push import Allowance, Allowances
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.session.callers import ask_who
from headend.session.directory import Claim, Unknown
from headend.session.switchboard import Switchboard
from headend.transport.listener import Listener
from headend.transport.stream import Stream

#: Callers that are asked who they are at once; the others wait in the listener.
ASKED_AT_ONCE: Final = 256
#: Calls of one address that may come to nothing before it is hung up on unasked. A carrier's address stands for many
#: meters: calls that are expected cost nothing, and one stranger among them does not use this up.
VAIN_CALLS: Final = Allowance(rate=5.0, burst=200)
#: Lines in the log about callers that were refused; the counts tell of the rest.
TOLD: Final = Allowance(rate=0.2, burst=20)

_log = structlog.get_logger()


class Scheduler(Protocol):
    """What hears that a meter is there."""

    def heard(self, meter: Meter, tasks: tuple[str, ...] = ()) -> None:
        """Do at once what is due at the meter, and these tasks."""
        ...


@define(eq=False)
class Answering:
    """Takes calls until it is cancelled. `refused` counts callers by the reason, `calls` those that were let in."""

    inventory: Inventory
    switchboard: Switchboard
    scheduler: Scheduler
    refused: Counter[str] = field(factory=Counter)
    calls: int = 0
    _vain: Allowances = field(init=False, factory=lambda: Allowances(VAIN_CALLS))
    _told: Allowances = field(init=False, factory=lambda: Allowances(TOLD))
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)
    _room: asyncio.Semaphore = field(init=False, default=Factory(lambda: asyncio.Semaphore(ASKED_AT_ONCE)))

    async def run(self, listener: Listener) -> None:
        """Answer every caller of `listener`."""
        try:
            async for stream in listener:
                await self._room.acquire()
                task = asyncio.create_task(self._answer(stream), name=f"call from {stream.place}")
                self._tasks.add(task)
                task.add_done_callback(self._answered)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _answered(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a call ended with a defect", error=f"{type(error).__name__}: {error}")

    async def _answer(self, stream: Stream) -> None:
        host = stream.place.rpartition(":")[0]
        now = asyncio.get_running_loop().time()
        if not self._vain.has(host, now):
            self.refused["too many vain calls"] += 1
            stream.close()
            return
        try:
            claim = await ask_who(stream)
            meter = await self._expected(claim)
        except HeadendError as error:
            stream.close()
            self._refuse(host, error)
            return
        except BaseException:
            stream.close()
            raise
        if stream.ended:
            self.refused["hung up"] += 1
            return
        self.calls += 1
        self.switchboard.plug_in(meter.serial, stream)
        _log.info("meter called", meter=meter.serial, peer=stream.place)
        self.scheduler.heard(meter)

    async def _expected(self, claim: Claim) -> Meter:
        """The meter that is claimed, if it is one that calls us."""
        directory = await self.inventory.current()
        try:
            meter = directory.find(claim)
        except Unknown:
            meter = (await self.inventory.again()).find(claim)
        if not dials_in(meter):
            raise Unknown(f"meter {meter.serial} is not one that calls us: its address is {meter.address}")
        return meter

    def _refuse(self, host: str, error: HeadendError) -> None:
        now = asyncio.get_running_loop().time()
        self.refused["unknown" if isinstance(error, Unknown) else "no answer"] += 1
        self._vain.take(host, now)
        if self._told.take("callers", now):
            _log.warning("caller refused", peer=host, error=str(error))
