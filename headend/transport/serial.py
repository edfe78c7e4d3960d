"""Serial ports and optical heads, through pyserial."""

import asyncio

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

    __slots__ = ("_transport",)

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._transport: SerialTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, SerialTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop, once."""
        self._transport = None
        self._lost(None if exc is None else ConnectionLost(f"{self.place}: {reason(exc)}"))

    def close(self) -> None:
        """Close the port after what was written has gone out."""
        self.detach()
        if self._transport is not None:
            self._transport.close()
        self._lost(None)

    async def set_line(self, line: LineSettings) -> None:
        """Change rate, data bits and parity once all that was written is out; ConnectionLost where the port is gone."""
        port = self._port()
        try:
            await self._loop.run_in_executor(None, port.flush)
            port.apply_settings(
                {"baudrate": line.baud, "bytesize": line.data_bits, "parity": _PARITIES[line.parity]},
            )
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"{self.place}: can't set {line.baud} baud: {reason(error)}") from error

    def _port(self) -> serial.Serial:
        if self._transport is None:
            raise ConnectionLost(f"{self.place}: the port is closed")
        return self._transport.serial

    def _send(self, octets: bytes) -> None:
        assert self._transport is not None
        self._transport.write(octets)

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()


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
    except (OSError, ValueError) as error:
        raise Unreachable(f"{place}: {reason(error)}") from error
    assert isinstance(stream, SerialStream)
    await asyncio.sleep(0)  # the port tells its stream in the loop's next turn
    return stream
