"""Serial ports and optical heads, through pyserial."""

import asyncio
import errno
import os
import termios

import serial
from serial_asyncio_fast import SerialTransport, create_serial_connection

from headend.transport.address import Address
from headend.transport.errors import ConnectionLost, Unreachable
from headend.transport.line import LineSettings
from headend.transport.reasons import reason
from headend.transport.stream import Stream

_PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


class SerialStream(Stream, asyncio.Protocol):
    """A serial port."""

    __slots__ = ("_even_parity", "_gone", "_transport")

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._transport: SerialTransport | None = None
        self._gone = self._loop.create_future()
        #: Seven bits and even parity are put into eight bits here, since the port can't.
        self._even_parity = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, SerialTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._received(bytes(octet & 0x7F for octet in data) if self._even_parity else data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop, once."""
        self._transport = None
        if not self._gone.done():
            self._gone.set_result(None)
        self._lost(None if exc is None else ConnectionLost(f"{self.place}: {_loss(exc)}"))

    def close(self) -> None:
        """Close the port after what was written has gone out."""
        self.detach()
        if self._transport is not None:
            self._transport.close()
        self._lost(None)

    async def wait_closed(self) -> None:
        """After `close`: until another program may open the port."""
        await asyncio.shield(self._gone)

    async def set_line(self, line: LineSettings) -> None:
        """Change rate, data bits and parity once all that was written is out; ConnectionLost where the port is gone."""
        port = self._port()
        try:
            await self._loop.run_in_executor(None, port.flush)
            self._even_parity = not _set(port, line)
        except (OSError, ValueError, termios.error) as error:
            raise ConnectionLost(f"{self.place}: can't set {line.baud} baud: {reason(error)}") from error

    def _port(self) -> serial.Serial:
        if self._transport is None:
            raise ConnectionLost(f"{self.place}: the port is closed")
        return self._transport.serial

    def _send(self, octets: bytes) -> None:
        assert self._transport is not None
        if self._even_parity:
            octets = bytes(octet | (octet.bit_count() & 1) << 7 for octet in octets)
        self._transport.write(octets)

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()


def _loss(error: Exception) -> str:
    """Why a port was lost; pyserial finds a port that is gone by reading nothing, and gives no number for it."""
    return reason(error if getattr(error, "errno", None) else OSError(errno.EIO, ""))


def _set(port: serial.Serial, line: LineSettings) -> bool:
    """Set `port` to `line`; False where seven bits and even parity have to be put into eight bits by its user.

    A port that knows eight bits alone says EINVAL. On the line both come to the same. A pseudo-terminal has no line,
    and what lies behind it expects plain octets.
    """
    settings = {"baudrate": line.baud, "bytesize": line.data_bits, "parity": _PARITIES[line.parity]}
    try:
        port.apply_settings(settings)
    except (ValueError, termios.error):
        if (line.data_bits, line.parity) != (7, "even"):
            raise
        port.apply_settings(settings | {"bytesize": 8, "parity": serial.PARITY_NONE})
        return os.path.realpath(str(port.port)).startswith("/dev/pts/")
    return True


async def connect_serial(address: Address) -> SerialStream:
    """The serial port of `address`, open and ours alone; Unreachable with the reason where it can't be opened."""
    loop = asyncio.get_running_loop()
    place = address.device
    try:
        _, stream = await create_serial_connection(
            loop,
            lambda: SerialStream(place),
            address.device,
            baudrate=address.baud,
            parity=_PARITIES[address.parity],
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as error:
        raise Unreachable(f"{place}: {reason(error)}") from error
    assert isinstance(stream, SerialStream)
    await asyncio.sleep(0)  # the port tells its stream in the loop's next turn
    return stream
