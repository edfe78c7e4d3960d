"""Real sockets on loopback: strangers in numbers, and a meter among them."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from itertools import count

import pytest
from attrs import evolve
from reached_house import House, ciphered, notification, pushing_meter

from headend.app import answering as answering_module
from headend.app.answering import Answering
from headend.app.inventory import Inventory
from headend.app.places import host_and_port
from headend.app.pushintake import PushIntake
from headend.dlms.apdu import GetResponseNormal
from headend.dlms.axdr import EncodedData, encode, octet_string
from headend.dlms.connection import ServerConnection, ServerParameters
from headend.dlms.connection.events import RequestReceived
from headend.dlms.push import Allowance
from headend.dlms.wrapper import WrapperServerFraming, encode_wrapper
from headend.session.switchboard import Switchboard
from headend.settings import SettingsError
from headend.transport.listener import Limits, listen_tcp
from headend.transport.udp import listen_udp


@pytest.fixture
async def house(tmp_path, logs):
    opened = await House(tmp_path).open()
    opened.logs = logs
    yield opened
    await opened.store.close()


@asynccontextmanager
async def intake(house, *, datagrams=False, limits=None):
    """A port for pushes; gives (Pushing, port)."""
    pushing = house.pushing()
    listen = listen_udp if datagrams else listen_tcp
    listener = await listen("127.0.0.1", 0, limits or Limits())
    task = asyncio.create_task(PushIntake(pushing, datagrams=datagrams).run(listener))
    try:
        yield pushing, listener.port
    finally:
        listener.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def connect(port, source="127.0.0.1"):
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


async def hang_up(writer):
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def stranger(number):
    return encode_wrapper(1, 64, b"\xdb\x08" + (5_000_000 + number).to_bytes(8, "big") + bytes(40))


async def test_pushes_come_in_any_pieces_over_one_connection(house, until):
    async with intake(house) as (pushing, port):
        _, writer = await connect(port)
        octets = b"".join(encode_wrapper(1, 64, ciphered(notification(), counter=n)) for n in (1, 2, 3))
        for start in range(0, len(octets), 11):
            writer.write(octets[start : start + 11])
            await asyncio.sleep(0)
        await until(lambda: pushing.counts["push.received"] == 3)
        await hang_up(writer)


async def test_ten_thousand_pushes_of_strangers_do_not_keep_a_meter_out(house, until):
    before = await house.store.events.last_number()
    async with intake(house, limits=Limits(per_host=64)) as (pushing, port):
        for burst in range(100):
            # A hundred pushes a connection; the first one refused ends it.
            reader, writer = await connect(port, f"127.0.2.{burst + 1}")
            writer.write(b"".join(stranger(burst * 100 + number) for number in range(100)))
            assert await reader.read() == b""
            await hang_up(writer)
        assert pushing.counts["refused"] == 100
        _, writer = await connect(port, "127.0.3.1")
        writer.write(encode_wrapper(1, 64, ciphered(notification())))
        await until(lambda: pushing.counts["push.received"] == 1)
        await hang_up(writer)
    kinds = [each.kind for each in await house.store.events.events(before, 100)]
    assert kinds == ["push.received"]


async def test_a_storm_of_datagrams_does_not_keep_a_meter_out(house, until):
    before = await house.store.events.last_number()
    async with intake(house, datagrams=True, limits=Limits(total=50, per_host=40)) as (pushing, port):
        for number in range(10_000):
            if number % 50 == 0:
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sender.bind((f"127.0.2.{number // 50 % 250 + 1}", 0))
            sender.sendto(stranger(number) if number % 3 else bytes(number % 60), ("127.0.0.1", port))
            if number % 50 == 49:
                sender.close()
                await asyncio.sleep(0)
        await until(lambda: pushing.counts["refused"] > 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as meter:
            meter.bind(("127.0.3.1", 0))
            counters = count(1)

            def pushed():
                # A datagram may be lost in the storm; the meter's next one is not.
                octets = encode_wrapper(1, 64, ciphered(notification(), counter=next(counters)))
                meter.sendto(octets, ("127.0.0.1", port))
                return pushing.counts["push.received"]

            await until(pushed)
    kinds = {each.kind for each in await house.store.events.events(before, 100)}
    assert kinds == {"push.received"}


async def test_what_is_no_wrapper_ends_its_connection_alone(house, until):
    async with intake(house) as (pushing, port):
        _, good = await connect(port)
        reader, bad = await connect(port)
        bad.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        good.write(encode_wrapper(1, 64, ciphered(notification())))
        await until(lambda: pushing.counts["push.received"] == 1)
        assert pushing.counts["broken streams"] == 1
        for writer in (good, bad):
            await hang_up(writer)


async def test_one_octet_now_and_then_does_not_hold_a_connection(house, monkeypatch):
    monkeypatch.setattr("headend.app.pushintake.ONE_PDU_S", 0.05)
    async with intake(house) as (_, port):
        reader, writer = await connect(port)
        octets = iter(encode_wrapper(1, 64, bytes(60_000)))

        async def drip():
            for octet in octets:
                writer.write(bytes((octet,)))
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        await hang_up(writer)


class Callers:
    """A port for calls, and what callers there may do."""

    def __init__(self, house, answering, port):
        self.house, self.answering, self.port = house, answering, port

    async def call(self, name, source="127.0.0.1"):
        """Call as the meter of that logical device name; gives the task that serves the call until it ends."""
        reader, writer = await connect(self.port, source)
        return asyncio.create_task(self._serve(name, reader, writer))

    async def _serve(self, name, reader, writer):
        connection = ServerConnection({16: ServerParameters()}, WrapperServerFraming(1))
        while octets := await reader.read(65536):
            for event in connection.receive(octets):
                if isinstance(event, RequestReceived):
                    answer = EncodedData(encode(octet_string(name.encode())))
                    connection.respond(GetResponseNormal(event.apdu.invoke, answer), 16)
            writer.write(connection.take_output())
        await hang_up(writer)


@pytest.fixture
async def callers(house):
    """Meter 1 calls us, meter 2 is one that is called."""
    known = [evolve(pushing_meter(1), address="dial-in:"), pushing_meter(2)]

    async def meters():
        return known

    inventory = Inventory(meters, asyncio.get_running_loop().time)
    board = Switchboard()
    answering = Answering(inventory, board, house.ears)
    listener = await listen_tcp("127.0.0.1", 0, Limits())
    task = asyncio.create_task(answering.run(listener))
    yield Callers(house, answering, listener.port)
    listener.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    board.close()


async def test_a_caller_that_is_expected_stands_and_is_heard_of(callers, until):
    meter = pushing_meter(1)
    call = await callers.call(meter.logical_device_name)
    await until(lambda: callers.answering.switchboard.standing(meter.serial))
    assert callers.house.ears.heard_of == [(meter.serial, ())]
    assert callers.answering.calls == 1
    callers.answering.switchboard.close()
    await call


@pytest.mark.parametrize("name", ["NOBODY", pushing_meter(2).logical_device_name])
async def test_a_caller_that_is_not_expected_is_hung_up_on(callers, name):
    await (await callers.call(name))
    assert callers.answering.refused == {"unknown": 1}
    assert callers.house.ears.heard_of == []
    assert len(callers.answering.switchboard) == 0


async def test_an_address_with_too_many_vain_calls_is_hung_up_on_unasked_and_no_other(callers, monkeypatch, until):
    few = answering_module.Allowances(Allowance(rate=0.001, burst=3))
    monkeypatch.setattr(callers.answering, "_vain", few)
    for _ in range(10):
        await (await callers.call("NOBODY", "127.0.2.1"))
    assert callers.answering.refused == {"unknown": 3, "too many vain calls": 7}
    meter = pushing_meter(1)
    call = await callers.call(meter.logical_device_name, "127.0.2.2")
    await until(lambda: callers.answering.switchboard.standing(meter.serial))
    callers.answering.switchboard.close()
    await call


async def test_strangers_in_numbers_are_told_of_a_few_times(callers):
    for number in range(60):
        await (await callers.call("NOBODY", f"127.0.2.{number + 1}"))
    assert callers.answering.refused == {"unknown": 60}
    assert len([line for line in callers.house.logs if line["event"] == "caller refused"]) <= 30


@pytest.mark.parametrize(
    ("text", "place"), [("0.0.0.0:4060", ("0.0.0.0", 4060)), ("[::1]:0", ("::1", 0)), (":4060", ("", 4060))]
)
def test_a_place_to_listen_at(text, place):
    assert host_and_port("push", text) == place


@pytest.mark.parametrize("text", ["", "4060", "host:", "host:99999", "host:x", "host:-1", "host:٤"])
def test_what_is_no_place_is_named_with_its_key(text):
    with pytest.raises(SettingsError, match=r"listen\.push: .* like 0\.0\.0\.0:4060"):
        host_and_port("push", text)
