"""The publisher against a real broker on loopback."""

import asyncio
import json
import logging
import socket
from contextlib import asynccontextmanager

import aiomqtt
import pytest
import structlog
from amqtt.broker import Broker
from memory_feed import MemoryFeed

from headend.errors import HeadendError
from headend.notify.mqtt import MqttSettings
from headend.notify.publisher import SUBSCRIBER, Publisher, PublisherRules

RULES = PublisherRules(poll_s=0.02, first_s=0.02, longest_s=0.05, answer_s=5.0)


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def broker(port):
    running = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await running.start()
    try:
        yield running
    finally:
        await running.shutdown()


@asynccontextmanager
async def subscriber(port):
    """A list that fills with the payloads that arrive."""
    got = []

    async def listen(client, ready):
        await client.subscribe("headend/#", qos=1)
        ready.set()
        async for message in client.messages:
            number = json.loads(message.payload)["number"]
            got.append(number)

    async with aiomqtt.Client("127.0.0.1", port) as client:
        ready = asyncio.Event()
        task = asyncio.create_task(listen(client, ready))
        await ready.wait()
        try:
            yield got
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  what is waited for happens in a broker, which sets no event of ours
            await asyncio.sleep(0.01)


@asynccontextmanager
async def publishing(feed, port):
    publisher = Publisher(feed, MqttSettings("127.0.0.1", port), RULES)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        publisher.stop()
        await asyncio.wait_for(task, 20)


async def test_every_event_arrives_once_and_in_order(port):
    feed = MemoryFeed(50)
    async with broker(port), subscriber(port) as got, publishing(feed, port) as publisher:
        await until(lambda: len(got) == 50)
        feed.add(5)
        publisher.wake()
        await until(lambda: len(got) == 55)
        assert got == list(range(1, 56))
        await until(lambda: feed.cursors[SUBSCRIBER] == 55)


async def test_it_goes_on_from_where_the_last_process_ended(port):
    feed = MemoryFeed(30)
    feed.cursors[SUBSCRIBER] = 20
    async with broker(port), subscriber(port) as got, publishing(feed, port):
        await until(lambda: len(got) == 10)
        assert got == list(range(21, 31))


async def test_without_a_broker_rows_wait_and_drain_in_order_when_it_comes(port):
    feed = MemoryFeed(30)
    async with publishing(feed, port) as publisher:
        await until(lambda: publisher._failures >= 3)
        assert not publisher.connected
        assert feed.cursors == {}
        async with broker(port), subscriber(port) as got:
            await until(lambda: feed.cursors.get(SUBSCRIBER) == 30)
            feed.add(3)
            await until(lambda: got[-3:] == [31, 32, 33])
            assert got == sorted(got)


async def test_a_broker_that_goes_and_comes_back_loses_nothing(port):
    feed = MemoryFeed(10)
    async with publishing(feed, port) as publisher:
        async with broker(port):
            await until(lambda: feed.cursors.get(SUBSCRIBER) == 10)
        feed.add(15)
        publisher.wake()
        await until(lambda: not publisher.connected)
        assert feed.cursors[SUBSCRIBER] == 10
        async with broker(port), subscriber(port) as got:
            await until(lambda: feed.cursors.get(SUBSCRIBER) == 25)
            assert got == sorted(got)
            feed.add(1)
            await until(lambda: got[-1:] == [26])
    assert feed.moves == sorted(feed.moves)


async def test_the_cursor_moves_only_after_the_broker_acknowledged(port):
    """A broker that accepts the connection and never acknowledges a message."""
    accepted = asyncio.Event()

    async def mute(reader, writer):
        await reader.read(1024)
        writer.write(bytes.fromhex("20020000"))  # CONNACK, accepted
        accepted.set()
        await reader.read()
        writer.close()

    feed = MemoryFeed(3)
    server = await asyncio.start_server(mute, "127.0.0.1", port)
    async with server:
        publisher = Publisher(
            feed, MqttSettings("127.0.0.1", port), PublisherRules(poll_s=0.02, first_s=0.02, answer_s=0.2)
        )
        task = asyncio.create_task(publisher.run())
        await accepted.wait()
        await until(lambda: publisher._failures >= 1)
        publisher.stop()
        await asyncio.wait_for(task, 20)
    assert feed.moves == []
    assert publisher.published == 0


async def test_a_store_that_cannot_be_read_is_asked_again(port):
    feed = MemoryFeed(2)
    feed.failing = HeadendError("disk gone")
    async with broker(port), publishing(feed, port) as publisher:
        await until(lambda: publisher._failures >= 2)
        feed.failing = None
        await until(lambda: feed.cursors.get(SUBSCRIBER) == 2)


async def test_stopping_ends_a_pause_at_once(port):
    publisher = Publisher(MemoryFeed(1), MqttSettings("127.0.0.1", port), PublisherRules(first_s=3600, longest_s=3600))
    task = asyncio.create_task(publisher.run())
    await until(lambda: publisher._failures == 1)
    publisher.wake()
    publisher.stop()
    await asyncio.wait_for(task, 20)
