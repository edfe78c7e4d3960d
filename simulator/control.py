"""The control port: one JSON object a line in, one a line out, for tests and demonstrations.

Every request has `op`; those about one meter have `serial` (see `orders`). Every answer has `ok`, and `error`, a text,
when it is false. `{"op": "stats"}` gives the counts, `{"op": "meter", "serial": "10000001"}` one meter's state.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
from attrs import Factory, define

from simulator.carrying_out import Answer, carry_out, edge_state
from simulator.orders import Edges, Meters, OneMeterOrder, Order, Push, Shutdown, Stats
from simulator.pushing import Pusher
from simulator.server import MeterServer

_DECODER = msgspec.json.Decoder(Order)
#: A request is a short line; more without an end is no request.
_LONGEST_LINE = 1 << 16


@define(eq=False)
class Control:
    """Carries out orders; `stop` ends the simulator."""

    server: MeterServer
    stop: Callable[[], None]
    pusher: Pusher = Factory(lambda self: Pusher(self.server.simulation.nonces), takes_self=True)

    def answer(self, line: bytes) -> Answer:
        """The answer to one line."""
        try:
            order = _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            return _failed(str(error))
        match order:
            case Stats():
                return {"ok": True, **self.server.simulation.stats()}
            case Meters():
                return {"ok": True, "meters": self.places()}
            case Edges(serial):
                return self._edges(serial)
            case Shutdown():
                self.stop()
                return {"ok": True}
            case _:
                return self._about_meter(order)

    def places(self) -> list[Answer]:
        """Where each meter is."""
        places = self.server.simulation.places
        return [
            {
                "serial": meter.identity.serial,
                "host": places[meter.identity.number].host,
                "port": places[meter.identity.number].port,
                "server_sap": places[meter.identity.number].server_sap,
            }
            for meter in self.server.simulation.fleet.meters
        ]

    def _edges(self, serial: str | None) -> Answer:
        meters = self.server.simulation.fleet.meters
        asked = [meter for meter in meters if serial in (None, meter.identity.serial)]
        edges = [edge_state(meter, edge) for meter in asked for edge in meter.relay.edges]
        return {"ok": True, "edges": sorted(edges, key=lambda edge: edge["at"])}

    def _about_meter(self, order: OneMeterOrder | Push) -> Answer:
        meter = self.server.simulation.fleet.by_serial(order.serial)
        if meter is None:
            return _failed(f"no meter has the serial number {order.serial}")
        try:
            if isinstance(order, Push):
                return {"ok": True, "octets": self.pusher.push(meter, order)}
            return {"ok": True, **carry_out(self.server, meter, order)}
        except (OSError, ValueError) as error:
            return _failed(str(error))


async def serve_control(control: Control, host: str, port: int) -> asyncio.Server:
    """Listen for orders; OSError if the port is taken."""
    return await asyncio.get_running_loop().create_server(lambda: _ControlStream(control), host, port)


class _ControlStream(asyncio.Protocol):
    """One client of the control port: lines in, lines out."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports have another base class

    def data_received(self, data: bytes) -> None:
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._transport.write(msgspec.json.encode(self._control.answer(line)) + b"\n")
        if len(self._held) > _LONGEST_LINE:
            self._transport.close()


def _failed(reason: str) -> Answer:
    return {"ok": False, "error": reason}
