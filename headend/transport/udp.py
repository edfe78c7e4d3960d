"""Wrapper PDUs in UDP datagrams: each read gives one datagram, each write sends one."""

import asyncio
from collections import OrderedDict
from typing import cast

from headend.transport.address import Address
from headend.transport.errors import ConnectionLost, TransportError, Unreachable
from headend.transport.listener import Limits, Listener
from headend.transport.names import is_address, names_of
from headend.transport.reasons import reason
from headend.transport.stream import MOST_HELD, Stream

#: The most a UDP datagram carries over IPv4.
LARGEST_DATAGRAM = 65507

_Host = tuple[str, int]


class UdpStream(Stream):
    """Datagrams to and from one address."""

    __slots__ = ("_remote", "_transport", "dropped")

    def __init__(
        self, place: str, transport: asyncio.DatagramTransport | None = None, remote: _Host | None = None
    ) -> None:
        super().__init__(place)
        #: Datagrams thrown away because nobody read them.
        self.dropped = 0
        self._transport = transport
        self._remote = remote

    def close(self) -> None:
        """Stop; a datagram has no end to tell the other side about."""
        self.detach()
        transport, self._transport = self._transport, None
        if transport is not None and self._remote is None:  # a listener's socket is not this stream's to close
            transport.close()
        self._lost(None)

    def _send(self, octets: bytes) -> None:
        if len(octets) > LARGEST_DATAGRAM:
            raise TransportError(f"{self.place}: {len(octets)} octets don't fit into one datagram ({LARGEST_DATAGRAM})")
        assert self._transport is not None
        self._transport.sendto(octets, self._remote)

    def _take_datagram(self, octets: bytes) -> None:
        if self._held + len(octets) > MOST_HELD:
            self.dropped += 1
        elif octets and not self._ended:
            self._received(octets)

    def _pause_reading(self) -> None:
        """Nothing to do: what is too much is dropped."""

    def _resume_reading(self) -> None:
        """Nothing to do."""


class _ConnectedStream(UdpStream, asyncio.DatagramProtocol):
    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # stock asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: _Host) -> None:  # noqa: ARG002 - the socket is connected to it
        self._take_datagram(bytes(data))

    def error_received(self, exc: Exception) -> None:
        self._fail(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc)

    def _fail(self, exc: Exception | None) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        self._lost(None if exc is None else ConnectionLost(f"{self.place}: {reason(exc)}"))


async def connect_udp(address: Address, deadline: float | None = None) -> UdpStream:
    """A socket that speaks with `address` alone; Unreachable where the name can't be found or has no route."""
    loop = asyncio.get_running_loop()
    place = address.place.removeprefix("udp://")
    try:
        host = address.host if is_address(address.host) else (await names_of(loop).addresses(address.host, deadline))[0]
        remote = (host, address.port)
        async with asyncio.timeout_at(deadline):
            _, stream = await loop.create_datagram_endpoint(lambda: _ConnectedStream(place), remote_addr=remote)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{place}: {reason(error)}") from error
    return stream


class UdpListener(Listener, asyncio.DatagramProtocol):
    """Meters that push over UDP: one stream for each address that sends, until `limits.total` of them are known.

    Senders are anyone's claim, and nothing tells when one is done: the stream heard least recently gives way to a
    new one.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__("", limits)
        self._streams: OrderedDict[_Host, UdpStream] = OrderedDict()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also where the system chose it."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # stock asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[str, int, int, int]) -> None:
        """Called by the loop."""
        remote = (addr[0], addr[1])
        stream = self._streams.get(remote)
        if stream is None or stream.ended:
            self._forget(remote)
            stream = self._admit(remote)
        if stream is not None:
            self._streams.move_to_end(remote)
            stream._take_datagram(bytes(data))  # noqa: SLF001 - this listener is the stream's socket

    def close(self) -> None:
        """Give the port back; all its streams end, since they share its socket."""
        if self._transport is not None:
            self._transport.close()
        for stream in self._streams.values():
            stream.close()
        super().close()

    def _admit(self, remote: _Host) -> UdpStream | None:
        for known in [known for known, stream in self._streams.items() if stream.ended][: self.limits.waiting]:
            self._forget(known)
        if len(self._streams) >= self.limits.total:
            self._forget(next(iter(self._streams)))
        stream = UdpStream(f"{remote[0]}:{remote[1]}", self._transport, remote)
        if not self.offer(stream, remote[0]):
            return None
        self._streams[remote] = stream
        return stream

    def _forget(self, remote: _Host) -> None:
        stream = self._streams.pop(remote, None)
        if stream is not None:
            stream._lost(None)  # noqa: SLF001
            self.left(remote[0])


async def listen_udp(host: str, port: int, limits: Limits | None = None) -> UdpListener:
    """A listener on `host` and `port` (0: the system chooses); Unreachable where it can't be."""
    loop = asyncio.get_running_loop()
    listener = UdpListener(limits or Limits())
    try:
        await loop.create_datagram_endpoint(lambda: listener, local_addr=(host, port))
    except (OSError, OverflowError) as error:
        raise Unreachable(f"can't listen on {host}:{port}: {reason(error)}") from error
    listener.place = f"{host}:{listener.port}"
    return listener
