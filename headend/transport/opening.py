"""Drives what must be said on a serial line before HDLC, at other rates and parities (IEC 62056-21 mode E)."""

import asyncio
from typing import TYPE_CHECKING, Protocol

from headend.transport.errors import ConnectionLost, DeadlinePassed
from headend.transport.line import LineSettings

if TYPE_CHECKING:  # pyserial is loaded only where a port is used
    from headend.transport.serial import SerialStream


class Opening(Protocol):
    """A conversation without a clock or a port of its own: take its steps, give it what comes, until `done`."""

    @property
    def done(self) -> bool:
        """Whether the line is ready."""

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the other side before `timeout`; None without end."""

    def next_step(self) -> bytes | float | LineSettings | None:
        """Octets to send, seconds to be quiet, settings to change to; None when it waits for the other side."""

    def feed(self, octets: bytes) -> None:
        """Take what came."""

    def timeout(self) -> None:
        """Nothing came for `patience` seconds."""


async def run_opening(stream: "SerialStream", opening: Opening, deadline: float | None = None) -> None:
    """Have `opening` its way on `stream`; DeadlinePassed, ConnectionLost, or what `opening` itself raises."""
    while True:
        while (step := opening.next_step()) is not None:
            await _take_step(stream, step)
        if opening.done:
            return
        await _listen(stream, opening, deadline)


async def _take_step(stream: "SerialStream", step: bytes | float | LineSettings) -> None:
    if isinstance(step, bytes):
        stream.write(step)
    elif isinstance(step, float):
        await asyncio.sleep(step)
    else:
        await stream.set_line(step)


async def _listen(stream: "SerialStream", opening: Opening, deadline: float | None) -> None:
    loop = asyncio.get_running_loop()
    patience = opening.patience
    until = deadline if patience is None else min(loop.time() + patience, deadline or float("inf"))
    try:
        octets = await stream.read(until)
    except DeadlinePassed:
        if deadline is not None and loop.time() >= deadline:
            raise
        opening.timeout()
        return
    if not octets:
        raise ConnectionLost(f"{stream.place}: the port was closed")
    opening.feed(octets)
