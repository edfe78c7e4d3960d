import asyncio
import socket
from contextlib import suppress
from typing import cast
from weakref import WeakKeyDictionary

from headend.transport.address import Address
from headend.transport.deadlines import Patience
from headend.transport.errors import ConnectionLost, Unreachable
from headend.transport.names import is_address, names_of
from headend.transport.reasons import reason
from headend.transport.stream import Stream

#: One receive takes at most this much; what libuv suggests.
_RECEIVE_SIZE = 1 << 16

#: Seconds of silence before the first probe, between probes, and how many may go unanswered: a gateway that is gone is
#: noticed within two minutes, and a firewall in between keeps its state.
_KEEPALIVE_IDLE, _KEEPALIVE_INTERVAL, _KEEPALIVE_PROBES = 60, 15, 4

_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()


def _receive_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """The one buffer of `loop`: a loop fills it and hands it over before it receives again, so all streams share it.

    It saves stock asyncio's new 256 KiB per receive, and each idle connection a buffer.
    """
    buffer = _buffers.get(loop)
    if buffer is None:
        buffer = _buffers[loop] = memoryview(bytearray(_RECEIVE_SIZE))
    return buffer


class TcpConnection(Stream):
    """A TCP connection; it is its own protocol, one layer less on the hot way. How it receives, its two kinds say."""

    __slots__ = ("_transport",)

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop, once."""
        self._transport = None
        self._lost(None if exc is None else ConnectionLost(f"{self.place}: {reason(exc)}"))

    def write(self, octets: bytes) -> None:
        """Send `octets`, without waiting; ConnectionLost where the connection is over."""
        if octets and not self._ended and self._transport is not None:  # `_send` without the call: once a round trip
            self._transport.write(octets)
        else:
            super().write(octets)

    def keep_alive(self) -> None:
        """Let the system probe the connection while it is silent."""
        if self._transport is not None:
            keep_alive(self._transport)

    def close(self) -> None:
        """End the connection after what was written has gone out; no callback is called any more."""
        self.detach()
        if self._transport is not None:
            self._transport.close()
        self._lost(None)

    def abort(self) -> None:
        """End the connection at once, without sending what is still to go out."""
        self.detach()
        if self._transport is not None:
            self._transport.abort()
        self._lost(None)

    def _send(self, octets: bytes) -> None:
        assert self._transport is not None
        self._transport.write(octets)

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()


class TcpStream(TcpConnection, asyncio.BufferedProtocol):
    """On any loop: stock asyncio would map 256 KiB for each receive otherwise, and unmap it again."""

    __slots__ = ("_buffer",)

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._buffer = _receive_buffer(self._loop)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's hint
        """Called by the loop before each receive."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the loop after each receive."""
        octets = bytes(self._buffer[:nbytes])
        if self._on_data is not None:
            self._on_data(octets)
        else:
            self._received(octets)


class _Turn:
    """What all connections received in one turn of their loop, handed over in a row.

    Each passage through the kernel leaves the interpreter cold: to receive from all first, then to work for all, and
    then to send (as uvloop does by itself), keeps it warm. No connection has more than one receive in a turn.
    """

    __slots__ = ("_loop", "_received")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._received: list[tuple[DirectTcpStream, bytes]] = []

    def add(self, stream: "DirectTcpStream", octets: bytes) -> None:
        if not self._received:
            self._loop.call_soon(self._hand_over)
        self._received.append((stream, octets))

    def _hand_over(self) -> None:
        received, self._received = self._received, []
        for stream, octets in received:
            try:
                stream.deliver(octets)
            except Exception as error:  # noqa: BLE001  one connection's mistake must not take from the others
                self._loop.call_exception_handler({"message": f"{stream.place}: not handled", "exception": error})


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turn] = WeakKeyDictionary()


def _turn_of(loop: asyncio.AbstractEventLoop) -> _Turn:
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = _Turn(loop)
    return turn


class DirectTcpStream(TcpConnection, asyncio.Protocol):
    """On uvloop, which has such a buffer itself: one call less for each receive."""

    __slots__ = ("_received_in_turn",)

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._received_in_turn = _turn_of(self._loop).add

    def data_received(self, data: bytes) -> None:
        """Called by the loop after each receive."""
        self._received_in_turn(self, data)

    def deliver(self, octets: bytes) -> None:
        """What was received, later in the same turn."""
        if self._on_data is not None:
            self._on_data(octets)
        else:
            self._received(octets)


async def connect_tcp(address: Address, deadline: float | None = None) -> TcpConnection:
    """A connection to `address`; Unreachable with the place and the reason where there is none before `deadline`."""
    loop = asyncio.get_running_loop()
    place = address.place.removeprefix("tcp://")
    try:
        if is_address(address.host):
            return await _connected(loop, place, address.host, address.port, deadline)
        hosts = await names_of(loop).addresses(address.host, deadline)
        for host in hosts[:-1]:
            with suppress(OSError):
                return await _connected(loop, place, host, address.port, deadline)
        return await _connected(loop, place, hosts[-1], address.port, deadline)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{place}: {reason(error)}") from error


async def _connected(
    loop: asyncio.AbstractEventLoop, place: str, host: str, port: int, deadline: float | None
) -> TcpConnection:
    stream = DirectTcpStream(place) if type(loop).__module__ == "uvloop" else TcpStream(place)
    with Patience(deadline):
        await loop.create_connection(lambda: stream, host, port)
    return stream


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Let the system probe a silent connection.

    Only for those that are kept: it takes ten system calls, 10 us, and a visit of its own ends at its deadline anyhow.
    """
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
