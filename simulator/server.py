"""The meters' TCP servers on asyncio: a thin shell that moves octets between sockets and links, and acts out faults."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from headend.dlms.errors import RemoteError
from simulator.faults import Fault, Moment, garbled
from simulator.keyed import SERVED
from simulator.link import Link, Reaction
from simulator.listening import BACKLOG, listening_socket
from simulator.meter import Meter
from simulator.simulation import Simulation
from simulator.sites import Place, Site, loopback_address, number_at
from simulator.stream import WrapperSplitter

#: How long an HDLC line stays quiet before a damaged frame is given up, in seconds: a few frames at 9600 baud.
_LINE_TIMEOUT = 0.5


class MeterServer:
    """All listening sockets of a simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._servers: list[asyncio.Server] = []
        self._streams: dict[int, set[MeterStream]] = {}

    async def listen(self, sites: Sequence[Site]) -> None:
        """Listen at every site; ListenError if one is taken, then none is left open."""
        try:
            for site in sites:
                await self._listen_at(site)
        except BaseException:
            await self.close()
            raise

    async def listen_by_address(self, port: int) -> None:
        """One socket for all of 127.0.0.0/8: the address that is called names the meter. ListenError if it is taken."""
        meters = self.simulation.fleet.meters
        site = Site("0.0.0.0", port, {})  # noqa: S104 - addresses outside 127.0.0.0/8 name no meter
        opened = await self._open(site, lambda: MeterStream(self, None))
        for meter in meters:
            number = meter.identity.number
            self.simulation.places[number] = Place(loopback_address(number), opened, 1, "")

    async def close(self) -> None:
        """Stop listening and end all connections."""
        for server in self._servers:
            server.close()
        for streams in list(self._streams.values()):
            for stream in list(streams):
                stream.abort()
        self._servers.clear()

    def reboot(self, meter: Meter, seconds: float) -> None:
        """End the meter's connections and take none for `seconds`; it logs the failure and the return of power."""
        loop = asyncio.get_running_loop()
        number = meter.identity.number
        self.simulation.rebooting[number] = loop.time() + seconds
        meter.power_failed()
        loop.call_later(seconds, meter.power_restored)
        for stream in list(self._streams.get(number, ())):
            stream.abort()

    def is_rebooting(self, meter: Meter) -> bool:
        """Whether the meter takes no connection just now."""
        until = self.simulation.rebooting.get(meter.identity.number)
        return until is not None and asyncio.get_running_loop().time() < until

    def attach(self, meter: Meter, stream: "MeterStream") -> None:
        """`stream` now carries something for `meter`; counted where another one still does."""
        streams = self._streams.setdefault(meter.identity.number, set())
        if any(other is not stream and not other.is_closing() for other in streams):
            self.simulation.traffic.overlapping += 1
        streams.add(stream)

    def detach(self, meter: Meter, stream: "MeterStream") -> None:
        """`stream` is over for `meter`."""
        streams = self._streams.get(meter.identity.number)
        if streams is not None:
            streams.discard(stream)
            if not streams:
                del self._streams[meter.identity.number]

    async def _listen_at(self, site: Site) -> None:
        port = await self._open(site, lambda: MeterStream(self, site))
        for server_sap, meter in site.meters.items():
            self.simulation.places[meter.identity.number] = Place(site.host, port, server_sap, site.gateway)

    async def _open(self, site: Site, protocol: Callable[[], "MeterStream"]) -> int:
        listening = listening_socket(site)
        server = await asyncio.get_running_loop().create_server(protocol, sock=listening, backlog=BACKLOG)
        self._servers.append(server)
        return int(listening.getsockname()[1])


class MeterStream(asyncio.Protocol):
    """One TCP connection: to one meter, or to a gateway with many. `site` None: the address called names the meter."""

    def __init__(self, server: MeterServer, site: Site | None) -> None:
        self._server = server
        self._simulation = server.simulation
        self._site = site
        self._splitter = WrapperSplitter()
        self._links: dict[tuple[int, int], Link] = {}
        self._transport: asyncio.Transport
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless the meter refuses or reboots."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports have another base class
        traffic = self._simulation.traffic
        traffic.connections += 1
        traffic.open += 1
        if self._site is None:
            self._site = self._addressed_site(transport.get_extra_info("sockname"))
        if self._site is None or self._is_refused(self._site):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it ended makes no difference here
        """End the associations."""
        self._simulation.traffic.open -= 1
        if self._timer is not None:
            self._timer.cancel()
        for link in self._links.values():
            link.end()
            self._server.detach(link.meter, self)
        self._links.clear()

    def data_received(self, data: bytes) -> None:
        """Octets of any length."""
        traffic = self._simulation.traffic
        traffic.octets_in += len(data)
        if self._simulation.framing == "hdlc":
            self._take_line(data)
            return
        try:
            pdus = self._splitter.feed(data)
        except RemoteError:
            self.abort()
            return
        for source, destination, pdu in pdus:
            link = self._link(source, destination)
            if link is not None and not self._transport.is_closing():
                traffic.apdus += 1
                self._act(link, link.feed_pdu(pdu, source))

    def is_closing(self) -> bool:
        """Whether the connection is over, or is about to be."""
        return self._transport.is_closing()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _addressed_site(self, sockname: tuple[str, int]) -> Site | None:
        host, port = sockname[:2]
        meters = self._simulation.fleet.meters
        number = number_at(host)
        return Site(host, port, {1: meters[number - 1]}) if 1 <= number <= len(meters) else None

    def _is_refused(self, site: Site) -> bool:
        if len(site.meters) > 1:
            return False
        meter = site.meters[1]
        faults = self._simulation.fleet.faults(meter)
        refused = faults is not None and faults.strike(Moment.CONNECT) is not None
        return refused or self._server.is_rebooting(meter)

    def _link(self, client_sap: int, server_sap: int) -> Link | None:
        link = self._links.get((client_sap, server_sap))
        if link is not None:
            return link
        assert self._site is not None
        meter = self._site.meters.get(server_sap)
        if meter is None or client_sap not in SERVED or self._server.is_rebooting(meter):
            return None
        return self._keep((client_sap, server_sap), self._simulation.link(meter, client_sap, server_sap))

    def _keep(self, key: tuple[int, int], link: Link) -> Link:
        self._links[key] = link
        self._server.attach(link.meter, self)
        return link

    def _take_line(self, data: bytes) -> None:
        assert self._site is not None
        server_sap, meter = next(iter(self._site.meters.items()))
        key = (0, server_sap)
        link = self._links.get(key) or self._keep(key, self._simulation.line(meter, server_sap))
        served = link.requests
        self._act(link, link.feed(data))
        self._simulation.traffic.apdus += link.requests - served
        self._watch(link)

    def _watch(self, link: Link) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_LINE_TIMEOUT, self._quiet, link)

    def _quiet(self, link: Link) -> None:
        self._timer = None
        self._act(link, link.timeout())

    def _act(self, link: Link, reaction: Reaction) -> None:
        self._simulation.traffic.octets_out += len(reaction.output)
        if reaction.fault is None:
            self._send(reaction.output)
        else:
            self._act_out(link, reaction.fault, reaction.output)
        if reaction.broken:
            self._transport.close()

    def _act_out(self, link: Link, fault: Fault, output: bytes) -> None:
        assert link.faults is not None
        match fault:
            case Fault.DELAY | Fault.LATE:
                self._send_later(link.faults.seconds(fault), output)
            case Fault.SPLIT:
                self._drip(output)
            case Fault.GARBLE:
                self._send(garbled(output, link.faults.below))
            case Fault.REBOOT:
                self._server.reboot(link.meter, link.faults.seconds(fault))
            case Fault.LOSE_ANSWER | Fault.LOSE_ACTION_ANSWER:
                self._transport.close()
            case Fault.DROP | Fault.REFUSE:
                self.abort()
            case Fault.SILENCE:
                pass

    def _send(self, output: bytes) -> None:
        if not output:
            return
        if self._free_at > asyncio.get_running_loop().time():
            self._send_later(0.0, output)
        else:
            self._write(output)

    def _send_later(self, seconds: float, output: bytes) -> None:
        # What was held back goes out before what comes after it, as on any stream.
        loop = asyncio.get_running_loop()
        self._free_at = max(self._free_at, loop.time()) + seconds
        loop.call_at(self._free_at, self._write, output)

    def _drip(self, output: bytes) -> None:
        # One octet a turn of the loop: a transport joins what is written within one turn.
        if not output or self._transport.is_closing():
            return
        self._transport.write(output[:1])
        asyncio.get_running_loop().call_soon(self._drip, output[1:])

    def _write(self, output: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(output)
