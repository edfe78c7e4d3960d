import asyncio
import contextlib
import socket

import pytest

from headend.transport import (
    DeadlinePassed,
    Limits,
    TransportError,
    Unreachable,
    connect,
    listen_memory,
    listen_tcp,
    listen_udp,
    memory_pair,
)


async def test_a_listener_yields_each_connection(closing, soon):
    async with await listen_tcp("127.0.0.1", 0) as listener:
        meters = [closing(await connect(f"tcp://127.0.0.1:{listener.port}")) for _ in range(3)]
        for number, meter in enumerate(meters):
            meter.write(bytes((number,)))
        heard = set()
        async for stream in listener:
            closing(stream)
            heard.add(await stream.read(soon()))
            assert stream.place.startswith("127.0.0.1:")
            if len(heard) == 3:
                break
        assert heard == {b"\x00", b"\x01", b"\x02"}
        assert listener.open_streams == 3


async def test_a_connection_that_ends_makes_room(closing, soon, until):
    listener = closing(await listen_tcp("127.0.0.1", 0, Limits(per_host=1)))
    for _ in range(3):
        meter = closing(await connect(f"tcp://127.0.0.1:{listener.port}"))
        stream = await listener.accept(soon())
        meter.close()
        assert await stream.read(soon()) == b""
        await until(lambda: not listener.open_streams)
    assert not listener.refused


@pytest.mark.parametrize(
    ("limits", "name"), [(Limits(total=2), "total"), (Limits(per_host=2), "per_host"), (Limits(waiting=2), "waiting")]
)
async def test_what_exceeds_a_limit_is_closed_at_once(limits, name, closing, soon, until):
    listener = closing(await listen_tcp("127.0.0.1", 0, limits))
    meters = [closing(await connect(f"tcp://127.0.0.1:{listener.port}")) for _ in range(2)]
    await until(lambda: listener.open_streams == 2)
    refused = closing(await connect(f"tcp://127.0.0.1:{listener.port}"))
    with contextlib.suppress(TransportError):  # closed or reset
        assert await refused.read(soon()) == b""
    assert listener.refused == {name: 1}
    assert listener.open_streams == 2
    assert not any(meter.ended for meter in meters)


async def test_nobody_before_the_deadline_is_told():
    async with await listen_tcp("127.0.0.1", 0) as listener:
        with pytest.raises(DeadlinePassed, match="nobody connected"):
            await listener.accept(asyncio.get_running_loop().time())


async def test_closing_ends_those_who_wait_and_the_loop_over_it(soon):
    listener = await listen_tcp("127.0.0.1", 0)

    async def serve():
        return [stream async for stream in listener]

    serving = asyncio.create_task(serve())
    waiting = asyncio.create_task(listener.accept(soon()))
    await asyncio.sleep(0)
    listener.close()
    assert await serving == []
    with pytest.raises(TransportError, match="closed"):
        await waiting


async def test_accepted_connections_outlive_the_listener(closing, soon):
    listener = await listen_tcp("127.0.0.1", 0)
    meter = closing(await connect(f"tcp://127.0.0.1:{listener.port}"))
    stream = closing(await listener.accept(soon()))
    listener.close()
    meter.write(b"still here")
    assert await stream.read(soon()) == b"still here"


async def test_connections_nobody_accepted_end_with_the_listener(closing, soon, until):
    listener = await listen_tcp("127.0.0.1", 0)
    meter = closing(await connect(f"tcp://127.0.0.1:{listener.port}"))
    await until(lambda: listener.open_streams)
    listener.close()
    assert await meter.read(soon()) == b""


async def test_a_waiter_that_gives_up_leaves_the_connection_to_another(closing, soon):
    listener = closing(listen_memory("meter"))
    first, second = (asyncio.create_task(listener.accept(soon())) for _ in range(2))
    await asyncio.sleep(0)
    stream, _ = memory_pair()
    assert listener.offer(stream, "meter")
    first.cancel()
    assert await second is stream
    assert first.cancelled()


async def test_a_port_in_use_is_told():
    async with await listen_tcp("127.0.0.1", 0) as listener:
        with pytest.raises(Unreachable, match=f"can't listen on 127.0.0.1:{listener.port}: the port is in use"):
            await listen_tcp("127.0.0.1", listener.port)


async def test_datagrams_go_both_ways_one_for_one(closing, soon):
    listener = closing(await listen_udp("127.0.0.1", 0))
    meter = closing(await connect(f"udp://127.0.0.1:{listener.port}"))
    meter.write(b"push")
    stream = await listener.accept(soon())
    assert await stream.read(soon()) == b"push"
    stream.write(b"one")
    stream.write(b"two")
    assert [await meter.read(soon()), await meter.read(soon())] == [b"one", b"two"]


async def test_a_datagram_that_is_too_large_is_told(closing):
    listener = closing(await listen_udp("127.0.0.1", 0))
    meter = closing(await connect(f"udp://127.0.0.1:{listener.port}"))
    with pytest.raises(TransportError, match="don't fit"):
        meter.write(bytes(65508))


async def test_datagrams_to_nobody_are_told(soon):
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    meter = await connect(f"udp://127.0.0.1:{port}")
    meter.write(b"anyone?")
    with pytest.raises(TransportError, match="refused"):
        await meter.read(soon())


async def test_the_sender_heard_least_recently_gives_way(closing, soon):
    listener = closing(await listen_udp("127.0.0.1", 0, Limits(total=2)))
    meters = [closing(await connect(f"udp://127.0.0.1:{listener.port}")) for _ in range(3)]
    streams = []
    for meter in meters:
        meter.write(b"push")
        streams.append(await listener.accept(soon()))
    assert [stream.ended for stream in streams] == [True, False, False]
    assert listener.open_streams == 2
    meters[0].write(b"again")
    assert await (await listener.accept(soon())).read(soon()) == b"again"


async def test_datagrams_that_nobody_reads_are_dropped(closing, soon):
    listener = closing(await listen_udp("127.0.0.1", 0))
    meter = closing(await connect(f"udp://127.0.0.1:{listener.port}"))
    meter.write(b"first")
    stream = await listener.accept(soon())
    while not stream.dropped:
        meter.write(bytes(60_000))
        await asyncio.sleep(0)
    assert stream._held <= 1 << 18
    assert await stream.read(soon()) == b"first"
