"""What all connections received in one turn of the loop is handed over in a row, to each its own."""

import asyncio

import pytest

from headend.transport.tcp import DirectTcpStream


@pytest.fixture
async def streams():
    return [DirectTcpStream(f"meter-{number}") for number in range(3)]


async def test_each_gets_its_own_in_order_and_after_all_have_received(streams):
    handed = []
    for number, stream in enumerate(streams):
        stream.attach(lambda octets, number=number: handed.append((number, octets)), lambda _: None)
    for number, stream in enumerate(streams):
        stream.data_received(bytes((number,)))
    streams[0].data_received(b"more")
    assert handed == []
    await asyncio.sleep(0)
    assert handed == [(0, b"\0"), (1, b"\1"), (2, b"\2"), (0, b"more")]
    streams[1].data_received(b"next turn")
    await asyncio.sleep(0)
    assert handed[-1] == (1, b"next turn")


async def test_one_that_fails_takes_nothing_from_the_others(streams):
    told, handed = [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    streams[0].attach(lambda _: 1 / 0, lambda _: None)
    streams[1].attach(handed.append, lambda _: None)
    for stream in streams[:2]:
        stream.data_received(b"octets")
    await asyncio.sleep(0)
    assert handed == [b"octets"]
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
    assert "meter-0" in told[0]["message"]


async def test_what_comes_for_nobody_waits_for_a_reader(streams):
    stream = streams[0]
    stream.data_received(b"early")
    await asyncio.sleep(0)
    assert await stream.read() == b"early"


async def test_the_end_comes_after_what_came_before_it(streams):
    seen = []
    stream = streams[0]
    stream.attach(seen.append, seen.append)
    stream.data_received(b"last words")
    asyncio.get_running_loop().call_soon(stream.connection_lost, None)  # as uvloop tells it
    await asyncio.sleep(0)
    assert seen == [b"last words", None]


async def test_a_stream_closed_by_another_in_the_same_turn_hands_over_nothing(streams):
    handed = []
    streams[0].attach(lambda _: streams[1].close(), lambda _: None)
    streams[1].attach(handed.append, lambda _: None)
    for stream in streams[:2]:
        stream.data_received(b"octets")
    await asyncio.sleep(0)
    assert handed == []
