"""Meters that call the head-end, and serve it over their own call; they call again when it ends."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

from headend.errors import HeadendError
from simulator.meter import Meter
from simulator.server import MeterServer, MeterStream
from simulator.sites import Place, Site

#: Seconds between two calls of a meter whose call did not come about, or ended.
CALL_AGAIN: Final = 0.5
#: Calls that are being made at once, of all meters.
_AT_ONCE: Final = 100
_LARGEST_PORT: Final = 0xFFFF


class PlaceError(HeadendError):
    """A place to call that is none; the text says how to write it."""

    exit_code = 2


def parse_place(text: str) -> tuple[str, int]:
    """`127.0.0.1:4060` as host and port; PlaceError."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) <= _LARGEST_PORT:
        raise PlaceError(f"--dial-in {text}: write it like 127.0.0.1:4060")
    return host.removeprefix("[").removesuffix("]"), int(port)


class Dialling:
    """Keeps one call of each meter up, but for those that are rebooting."""

    def __init__(self, server: MeterServer, host: str, port: int) -> None:
        self._server = server
        self._host = host
        self._port = port
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let every meter call from now on."""
        simulation = self._server.simulation
        for meter in simulation.fleet.meters:
            simulation.places[meter.identity.number] = Place(self._host, self._port, 1, "")
            self._tasks.append(asyncio.create_task(self._keep_calling(meter)))

    async def stop(self) -> None:
        """Hang up, all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_calling(self, meter: Meter) -> None:
        while True:
            if not self._server.is_rebooting(meter):
                with suppress(OSError):
                    await self._call(meter)
            await asyncio.sleep(CALL_AGAIN)

    async def _call(self, meter: Meter) -> None:
        loop = asyncio.get_running_loop()
        async with self._room:
            make = partial(_Call, self._server, meter, Site(self._host, self._port, {1: meter}))
            _, stream = await loop.create_connection(make, self._host, self._port)
        try:
            await stream.over
        finally:
            stream.abort()


class _Call(MeterStream):
    """A connection that the meter made; what comes over it is served as on one that was made to it."""

    def __init__(self, server: MeterServer, meter: Meter, site: Site) -> None:
        super().__init__(server, site)
        self._meter = meter
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From here on a reboot of the meter ends the call."""
        self._server.attach(self._meter, self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the associations, and tell who keeps the call up."""
        super().connection_lost(exc)
        self._server.detach(self._meter, self)
        if not self.over.done():
            self.over.set_result(None)
