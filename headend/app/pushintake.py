"""Connections and datagrams that bring pushes, each read to its end within limits of time."""

import asyncio
from typing import Final

import structlog
from attrs import define, field

from headend.app.pushing import Pushing
from headend.dlms.errors import RemoteError
from headend.dlms.wrapper import decode_datagram
from headend.errors import HeadendError
from headend.session.pushstream import PushStream
from headend.transport.errors import TransportError
from headend.transport.listener import Listener
from headend.transport.stream import Stream

#: Seconds without a word after which a connection is given up, and for one PDU from its first octet to its last.
SILENCE_S: Final = 300.0
ONE_PDU_S: Final = 30.0

_log = structlog.get_logger()


@define(eq=False)
class PushIntake:
    """Reads the streams of listeners until it is cancelled."""

    pushing: Pushing
    datagrams: bool = False
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)

    async def run(self, listener: Listener) -> None:
        """Read every stream of `listener`."""
        try:
            async for stream in listener:
                task = asyncio.create_task(self._serve(stream), name=f"pushes from {stream.place}")
                self._tasks.add(task)
                task.add_done_callback(self._served)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _served(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("reading pushes ended with a defect", error=f"{type(error).__name__}: {error}")

    async def _serve(self, stream: Stream) -> None:
        try:
            await (self._read_datagrams(stream) if self.datagrams else self._read_stream(stream))
        except (TransportError, RemoteError):
            self.pushing.counts["broken streams"] += 1
        except HeadendError as error:
            _log.error("pushes are lost: the store does not take them", error=str(error))
        finally:
            self.pushing.forget(stream.place)
            stream.close()

    async def _read_stream(self, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        pushes = PushStream()
        deadline = loop.time() + SILENCE_S
        while octets := await stream.read(deadline):
            was_pending = pushes.pending
            apdus = pushes.feed(octets)
            for apdu in apdus:
                if not await self.pushing.take(apdu, stream.place):
                    return
            if not pushes.pending:
                deadline = loop.time() + SILENCE_S
            elif apdus or not was_pending:
                deadline = loop.time() + ONE_PDU_S

    async def _read_datagrams(self, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        while octets := await stream.read(loop.time() + ONE_PDU_S):
            await self.pushing.take(decode_datagram(octets).apdu, stream.place)
