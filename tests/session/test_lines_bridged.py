"""Whole visits over UDP and over a serial line that mode E opens: a bridge carries them to a simulated meter."""

import asyncio
import os
import termios
import tty

import pytest
from attrs import evolve
from test_lines import Site, site  # noqa: F401 - the fixture

from headend.dlms.mode_e import ModeEServer


class UdpBridge(asyncio.DatagramProtocol):
    """Datagrams to a meter's stream, and each PDU of the stream as a datagram."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.client = addr
        self.writer.write(data)

    async def run(self):
        while True:
            head = await self.reader.readexactly(8)
            body = await self.reader.readexactly(int.from_bytes(head[6:], "big"))
            self.transport.sendto(head + body, self.client)


@pytest.mark.parametrize("site", [{}], ids=["wrapper"], indirect=True)
async def test_a_visit_goes_over_udp(site):  # noqa: F811 - the fixture
    meter = site.meter()
    bridge = UdpBridge(*await asyncio.open_connection(*_place(meter)))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: bridge, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    carrying = asyncio.create_task(bridge.run())
    try:
        await read_all_kinds(site, evolve(meter, address=f"udp://127.0.0.1:{port}"))
    finally:
        carrying.cancel()
        transport.close()
        bridge.writer.close()


@pytest.mark.parametrize("site", [{"framing": "hdlc"}], ids=["hdlc"], indirect=True)
async def test_a_visit_goes_over_a_serial_line_that_mode_e_opens(site):  # noqa: F811 - the fixture
    meter = site.meter()
    reader, writer = await asyncio.open_connection(*_place(meter))
    master, slave = os.openpty()
    tty.setraw(master)
    opening = ModeEServer("HDE", "METER-1", fastest=9600)
    loop = asyncio.get_running_loop()

    def from_line():
        octets = os.read(master, 4096)
        if opening.done:
            writer.write(octets)
            return
        opening.feed(octets)
        while (step := opening.next_step()) is not None:
            if isinstance(step, bytes):
                os.write(master, step)

    async def to_line():
        while octets := await reader.read(4096):
            os.write(master, octets)

    loop.add_reader(master, from_line)
    carrying = asyncio.create_task(to_line())
    try:
        await read_all_kinds(site, evolve(meter, address=f"serial://{os.ttyname(slave)}?mode_e=true&baud=9600"))
        assert opening.done
        assert termios.tcgetattr(slave)[5] == termios.B9600
    finally:
        carrying.cancel()
        loop.remove_reader(master)
        writer.close()
        os.close(master)
        os.close(slave)


async def read_all_kinds(place: Site, meter):
    async with place.visit(meter) as session:
        assert (await session.read_relay()).connected
        assert {"energy_import", "balance"} <= {reading.name for reading in await session.read_registers()}
        assert (await session.read_undated("nameplate"))["serial"] == meter.serial.encode()


def _place(meter):
    host, port = meter.address.partition("://")[2].split(":")
    return host, int(port)
