import asyncio
import socket

import pytest

from headend.transport import (
    ConnectionLost,
    DeadlinePassed,
    TransportError,
    Unreachable,
    connect,
    listen_memory,
    listen_tcp,
    memory_pair,
    parse_address,
)
from headend.transport.stream import MOST_HELD


async def tcp_pair(closing):
    listener = closing(await listen_tcp("127.0.0.1", 0))
    near = closing(await connect(f"tcp://127.0.0.1:{listener.port}"))
    return near, closing(await listener.accept())


async def memory_both(closing):
    near, far = memory_pair()
    return closing(near), closing(far)


@pytest.fixture(params=[tcp_pair, memory_both], ids=["tcp", "memory"])
async def pair(request, closing):
    return await request.param(closing)


async def read_all(stream, count, deadline):
    octets = b""
    while len(octets) < count:
        octets += await stream.read(deadline)
    return octets


async def test_octets_go_both_ways_in_order(pair, soon):
    near, far = pair
    for number in range(100):
        near.write(bytes((number,)))
    near.write(b"")
    assert await read_all(far, 100, soon()) == bytes(range(100))
    far.write(b"answer")
    assert await read_all(near, 6, soon()) == b"answer"


async def test_nothing_before_the_deadline_is_told_and_the_stream_goes_on(pair, soon):
    near, far = pair
    with pytest.raises(DeadlinePassed, match="before the deadline"):
        await near.read(asyncio.get_running_loop().time())
    far.write(b"late")
    assert await near.read(soon()) == b"late"


async def test_a_deadline_error_is_also_a_timeout_and_a_transport_error(pair):
    near, _ = pair
    for kind in (TimeoutError, TransportError):
        with pytest.raises(kind):
            await near.read(asyncio.get_running_loop().time())


async def test_what_came_before_the_end_is_read_and_then_nothing_for_ever(pair, soon):
    near, far = pair
    far.write(b"last words")
    far.close()
    assert await read_all(near, 10, soon()) == b"last words"
    for _ in range(3):
        assert await near.read(soon()) == b""
    assert near.ended
    with pytest.raises(ConnectionLost):
        near.write(b"to nobody")


async def test_close_may_be_called_again_and_wakes_the_reader(pair, soon):
    near, _ = pair
    reader = asyncio.create_task(near.read(soon()))
    await asyncio.sleep(0)
    near.close()
    near.close()
    assert await reader == b""


async def test_two_readers_of_one_stream_are_a_mistake(pair, soon):
    near, _ = pair
    reader = asyncio.create_task(near.read(soon()))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two tasks"):
        await near.read(soon())
    near.close()
    await reader


async def test_a_cancelled_read_leaves_the_stream_usable(pair, soon):
    near, far = pair
    reader = asyncio.create_task(near.read(soon()))
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    far.write(b"next")
    assert await near.read(soon()) == b"next"


async def test_callbacks_get_all_octets_and_one_end(pair, soon):
    near, far = pair
    far.write(b"before ")
    await near._wait(soon())
    octets, ends, over = bytearray(), [], asyncio.Event()
    near.attach(octets.extend, lambda fault: (ends.append(fault), over.set()))
    assert bytes(octets) == b"before "
    far.write(b"after")
    far.close()
    async with asyncio.timeout_at(soon()):
        await over.wait()
    assert bytes(octets) == b"before after"
    assert ends == [None]


async def test_attaching_to_a_stream_that_is_over_tells_so_at_once(pair, soon):
    near, far = pair
    far.close()
    assert await near.read(soon()) == b""
    ends = []
    near.attach(lambda _: None, ends.append)
    assert ends == [None]


async def test_no_callback_comes_after_our_own_close(pair, settle):
    near, far = pair
    told = []
    near.attach(told.append, told.append)
    far.write(b"too late")
    near.close()
    await settle()
    assert told == []


async def test_a_stream_may_be_read_again_after_detach(pair, soon):
    near, far = pair
    near.attach(lambda _: None, lambda _: None)
    near.detach()
    far.write(b"read")
    assert await near.read(soon()) == b"read"


async def test_what_was_not_read_can_be_thrown_away(pair, soon):
    near, far = pair
    far.write(b"12345")
    await near._wait(soon())
    assert near.discard() == 5
    assert near.discard() == 0


async def test_a_sender_that_nobody_reads_is_stopped(closing, soon):
    near, far = await tcp_pair(closing)
    sent = 0
    while not near._paused:
        far.write(bytes(1 << 16))
        sent += 1 << 16
        await asyncio.sleep(0)
    held = near._held
    for _ in range(50):
        await asyncio.sleep(0)
    assert near._held == held <= MOST_HELD + (1 << 16)
    assert len(await read_all(near, sent, soon())) == sent
    assert not near._paused


async def test_a_reset_connection_says_so(closing, soon):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        near = closing(await connect(f"tcp://127.0.0.1:{server.getsockname()[1]}"))
        loop = asyncio.get_running_loop()
        sock, _ = await loop.sock_accept(server)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.close()
        with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:\d+: the other end reset the connection"):
            await near.read(soon())
        with pytest.raises(ConnectionLost, match="reset"):
            await near.read(soon())
        faults = []
        near.attach(lambda _: None, faults.append)
        assert isinstance(faults[0], ConnectionLost)


async def test_a_refused_connection_names_the_place_and_the_reason():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unreachable, match=f"127.0.0.1:{port}: connection refused") as caught:
            await connect(f"tcp://127.0.0.1:{port}")
    assert caught.value.exit_code == 3


async def test_a_name_that_does_not_exist_is_told():
    with pytest.raises(Unreachable, match=r"nowhere\.invalid:4059: name not found"):
        await connect("tcp://nowhere.invalid")


async def test_a_name_that_can_not_be_one_is_told():
    with pytest.raises(Unreachable, match="4059: "):
        await connect("tcp://%s:4059" % ("x" * 64))


async def test_a_connection_that_takes_too_long_is_told():
    with pytest.raises(Unreachable, match="timed out"):
        await connect("tcp://127.0.0.1:9", asyncio.get_running_loop().time() - 1)


async def test_silent_connections_are_probed(closing):
    near, far = await tcp_pair(closing)
    near.keep_alive()  # as those that are kept are told
    for stream in (near, far):
        sock = stream._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_all_streams_of_a_loop_share_one_receive_buffer(closing):
    _, one = await tcp_pair(closing)
    _, other = await tcp_pair(closing)
    assert one.get_buffer(-1) is other.get_buffer(-1)


async def test_memory_addresses_meet_by_name(closing, soon):
    with pytest.raises(Unreachable, match="nothing listens"):
        await connect("memory:meter-17")
    listener = closing(listen_memory("meter-17"))
    with pytest.raises(Unreachable, match="in use"):
        listen_memory("meter-17")
    near = closing(await connect(parse_address("hdlc+memory:meter-17?physical=1")))
    far = closing(await listener.accept())
    near.write(b"hello")
    assert await far.read(soon()) == b"hello"
    listener.close()
    with pytest.raises(Unreachable):
        await connect("memory:meter-17")
