import asyncio
import os
import termios
import threading
import tty

import pytest

from headend.dlms.mode_e import LineSetting, ModeEClient, ModeEServer
from headend.transport import AddressError, ConnectionLost, DeadlinePassed, Unreachable, connect
from headend.transport.line import Line


class Port:
    """A pseudo-terminal: we open its device as a serial port, the test holds the other end."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.master)
        self.path = os.ttyname(self.slave)

    @property
    def baud(self):
        return termios.tcgetattr(self.slave)[5]

    def close(self):
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1


@pytest.fixture
def port(closing):
    return closing(Port())


async def read_all(stream, count, deadline):
    octets = b""
    while len(octets) < count:
        octets += await stream.read(deadline)
    return octets


@pytest.mark.parametrize("baud", [300, 2400, 9600, 19200, 115200])
async def test_octets_go_both_ways_at_the_usual_rates(port, baud, closing, soon):
    stream = closing(await connect(f"serial://{port.path}?baud={baud}"))
    assert port.baud == getattr(termios, f"B{baud}")
    stream.write(bytes(range(256)))
    octets = b""
    while len(octets) < 256:
        octets += await asyncio.to_thread(os.read, port.master, 256)
    assert octets == bytes(range(256))
    os.write(port.master, bytes(range(256)))
    assert await read_all(stream, 256, soon()) == bytes(range(256))


async def test_the_line_is_set_anew_while_open(port, closing):
    stream = closing(await connect(f"serial://{port.path}?baud=300"))
    stream.write(b"x")
    await stream.set_line(Line(19200))
    assert port.baud == termios.B19200


async def test_a_port_that_does_not_exist_is_told():
    with pytest.raises(Unreachable, match="/dev/no-such-port: no such device"):
        await connect("serial:///dev/no-such-port")


async def test_a_port_in_use_is_told(port, closing):
    closing(await connect(f"serial://{port.path}"))
    with pytest.raises(Unreachable, match="in use"):
        await connect(f"serial://{port.path}")


async def test_a_port_that_is_pulled_out_is_told(port, closing, soon):
    stream = closing(await connect(f"serial://{port.path}"))
    port.close()
    with pytest.raises(ConnectionLost, match="the device is gone"):
        await stream.read(soon())
    with pytest.raises(ConnectionLost):
        stream.write(b"x")
    with pytest.raises(ConnectionLost, match="closed"):
        await stream.set_line(Line(300))


async def test_a_closed_port_can_be_opened_again(port, closing, soon):
    for _ in range(2):
        stream = await connect(f"serial://{port.path}")
        stream.close()
        await stream.wait_closed()
    stream = closing(await connect(f"serial://{port.path}"))
    os.write(port.master, b"hello")
    assert await read_all(stream, 5, soon()) == b"hello"


def play_meter(port, server, heard):
    """The meter's side of the opening, in a thread that only reads and writes its end of the line."""
    while not server.done:
        while (step := server.next_step()) is not None:
            if isinstance(step, bytes):
                os.write(port.master, step)
        octets = os.read(port.master, 64)
        heard.append(octets)
        server.feed(octets)
    while (step := server.next_step()) is not None:
        if isinstance(step, bytes):
            os.write(port.master, step)


async def test_mode_e_opens_the_line_at_the_rate_both_can(port, closing, soon):
    heard = []
    meter = threading.Thread(target=play_meter, args=(port, ModeEServer("HDE", "METER-1", fastest=9600), heard))
    meter.start()
    opening = ModeEClient(fastest=19200, reaction=0.0)
    stream = closing(await connect(f"serial://{port.path}?mode_e=true", soon(), opening=opening))
    await asyncio.to_thread(meter.join)
    assert opening.identification.text == "METER-1"
    assert b"".join(heard) == b"/?!\r\n\x062" + b"52\r\n"
    assert port.baud == termios.B9600
    os.write(port.master, b"\x7e hdlc")
    assert await read_all(stream, 6, soon()) == b"\x7e hdlc"


async def test_mode_e_without_an_opening_is_told(port):
    with pytest.raises(AddressError, match="mode_e"):
        await connect(f"serial://{port.path}?mode_e=true")


async def test_an_opening_that_nobody_answers_ends_at_the_deadline_and_frees_the_port(port, closing):
    with pytest.raises(DeadlinePassed):
        await connect(f"serial://{port.path}?mode_e=true", asyncio.get_running_loop().time(), opening=ModeEClient())


class Hurried(ModeEClient):
    """Waits for nobody."""

    patience = 0.0


async def test_an_opening_that_gives_up_raises_its_own_error(port):
    from headend.dlms.errors import RemoteError

    with pytest.raises(RemoteError, match="does not answer"):
        await connect(f"serial://{port.path}?mode_e=true", opening=Hurried())


def test_the_settings_of_an_opening_fit_the_line():
    setting = LineSetting(300, 7, "even")
    assert (setting.baud, setting.data_bits, setting.parity) == (300, 7, "even")


class EightBitsOnly:
    """A port whose driver has eight bits without parity only."""

    port = "/dev/ttyX0"

    def __init__(self):
        self.settings = {}

    def apply_settings(self, settings):
        if settings["bytesize"] != 8:
            raise termios.error(22, "Invalid argument")
        self.settings = settings

    def flush(self):
        pass


async def test_a_port_with_eight_bits_only_carries_even_parity_all_the_same(port, closing, soon, monkeypatch):
    stream = closing(await connect(f"serial://{port.path}"))
    driver = EightBitsOnly()
    monkeypatch.setattr(type(stream), "_port", lambda _: driver)
    await stream.set_line(Line(300, 7, "even"))
    assert (driver.settings["baudrate"], driver.settings["bytesize"]) == (300, 8)
    stream.write(b"/?!\r\n")
    octets = b""
    while len(octets) < 5:
        octets += await asyncio.to_thread(os.read, port.master, 5)
    assert octets == b"\xaf\x3f\x21\x8d\x0a"
    os.write(port.master, octets)
    assert await read_all(stream, 5, soon()) == b"/?!\r\n"
    await stream.set_line(Line(9600))
    stream.write(b"\x7e\xa0")
    assert await asyncio.to_thread(os.read, port.master, 2) == b"\x7e\xa0"
    with pytest.raises(ConnectionLost, match="can't set 300 baud"):
        await stream.set_line(Line(300, 7, "odd"))
