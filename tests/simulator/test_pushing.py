import asyncio
import contextlib
import json
import socket

import pytest

from headend.dlms.push import PushKeys, PushListener, PushRefused
from headend.dlms.security import KeyContext
from headend.dlms.wrapper import decode_datagram
from headend.errors import HeadendError
from simulator.associations import Role
from simulator.control import Control
from simulator.dialling import Dialling, parse_place
from simulator.fleet import Fleet
from simulator.keyed import Nonces
from simulator.push_setups import PUSHED
from simulator.scenario import Scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation
from simulator.tree import TREES

START = 1_772_604_000_000
SERIAL = "10000001"


@pytest.fixture
def control():
    fleet = Fleet.create(2, 1, Scenario(), lambda: START)
    return Control(MeterServer(Simulation(fleet, Nonces(1))), lambda: None)


@pytest.fixture
def post():
    """Where datagrams arrive; gives (port, what came last)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        yield receiver.getsockname()[1], lambda: receiver.recv(65536)


def order(control, **fields):
    return control.answer(json.dumps({"op": "push", "serial": SERIAL, "transport": "udp", **fields}).encode())


def listener(control, **options):
    keys = control.server.simulation.fleet.meters[0].keys(Role.PUSH)
    known = PushKeys(KeyContext(keys.encryption, keys.authentication))
    return PushListener(lambda _: known, **options)


@pytest.mark.parametrize("kind", ["instantaneous", "alert"])
def test_a_push_is_ciphered_under_the_meters_own_push_keys_with_a_count_that_grows(control, post, kind):
    port, receive = post
    taking = listener(control)
    counters = []
    for _ in range(3):
        assert order(control, port=port, kind=kind)["ok"]
        pdu = decode_datagram(receive())
        assert (pdu.source, pdu.destination) == (1, Role.PUSH)
        push = taking.receive(pdu.apdu, "127.0.0.1", 0.0)
        assert push.authenticated
        assert push.system_title == control.server.simulation.fleet.meters[0].identity.system_title
        counters.append(push.invocation_counter)
    assert counters == [1, 2, 3]


def test_what_is_pushed_is_what_the_push_setup_lists(control, post):
    port, receive = post
    order(control, port=port, kind="alert", plain=True)
    push = listener(control, takes_plain=True).receive(decode_datagram(receive()).apdu, "127.0.0.1", 0.0)
    body = push.apdu.body.decode().value
    (setup,) = [name for name in PUSHED if name == body[1].value]
    assert len(body) == len(PUSHED[setup])
    meter = control.server.simulation.fleet.meters[0]
    listed = TREES[Role.SETTING].read(meter, Role.SETTING, (40, setup, 2), None)
    assert listed[1] == len(body)


def test_the_last_push_is_sent_again_as_it_was(control, post):
    port, receive = post
    assert order(control, port=port, again=True) == {"ok": False, "error": f"meter {SERIAL} has pushed nothing yet"}
    order(control, port=port)
    first = receive()
    order(control, port=port, again=True)
    second = receive()
    assert first == second
    taking = listener(control)
    taking.receive(decode_datagram(first).apdu, "127.0.0.1", 0.0)
    assert isinstance(taking.receive(decode_datagram(second).apdu, "127.0.0.1", 0.0), PushRefused)


async def test_meters_keep_one_call_up_each_and_call_again_when_it_ends(control):
    calls = asyncio.Queue()
    server = await asyncio.start_server(lambda *streams: calls.put_nowait(streams), "127.0.0.1", 0)
    dialling = Dialling(control.server, *server.sockets[0].getsockname()[:2])
    dialling.start()
    async with asyncio.timeout(20):
        first, second = await calls.get(), await calls.get()
        assert calls.empty()
        first[1].close()
        third = await calls.get()
    await dialling.stop()
    for _, writer in (first, second, third):
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    server.close()


async def test_a_meter_that_reboots_does_not_call(control):
    calls = asyncio.Queue()
    server = await asyncio.start_server(lambda *streams: calls.put_nowait(streams), "127.0.0.1", 0)
    meters = control.server.simulation.fleet.meters
    control.server.reboot(meters[0], 3600.0)
    dialling = Dialling(control.server, *server.sockets[0].getsockname()[:2])
    dialling.start()
    async with asyncio.timeout(20):
        reader, writer = await calls.get()
        control.server.reboot(meters[1], 3600.0)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert calls.empty()
    await dialling.stop()
    writer.close()
    server.close()


@pytest.mark.parametrize("text", ["", "4060", "host:", ":4060", "host:0", "host:70000", "host:x"])
def test_a_place_to_call_that_is_none_is_named(text):
    with pytest.raises(HeadendError, match=r"127\.0\.0\.1:4060"):
        parse_place(text)
