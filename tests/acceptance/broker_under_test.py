"""A real MQTT broker in a thread, a subscriber that was there from the first, and a gate before the daemon's port."""

import asyncio
import contextlib
import json
import logging
import socket
import threading

import aiomqtt
from amqtt.broker import Broker

#: Octets that the gate hands on at once.
_PIECE = 65_536


def free_port():
    """A port that the system says is free; nothing else on this machine asks for that very one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BrokerUnderTest:
    """`numbers` are those of the events as they came; while the gate is shut, nobody answers at `port`."""

    def __init__(self):
        self.port, self._inner = free_port(), free_port()
        self.numbers, self.topics = [], set()
        self._loop = asyncio.new_event_loop()
        self._gate = None
        self._passing = set()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self):
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *exception):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)

    def open_gate(self):
        """The broker can be reached."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(60)

    def shut_gate(self):
        """Nobody answers any more, and what was connected is cut off."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(60)

    async def _serve(self):
        config = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self._inner}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        broker = Broker(config)
        await broker.start()
        try:
            async with aiomqtt.Client("127.0.0.1", self._inner) as client:
                await client.subscribe("headend/#", qos=1)
                listening = asyncio.create_task(self._listen(client))
                self._ready.set()
                await self._over.wait()
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        finally:
            await self._shut()
            await broker.shutdown()

    async def _listen(self, client):
        async for message in client.messages:
            self.numbers.append(json.loads(message.payload)["number"])
            self.topics.add(str(message.topic))

    async def _open(self):
        self._gate = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def _shut(self):
        if self._gate is not None:
            self._gate.close()
            self._gate = None
        for end in self._passing:
            end.transport.abort()

    async def _pass(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._inner)
        ends = {writer, far_writer}
        self._passing |= ends
        out, back = _carry(reader, far_writer), _carry(far_reader, writer)
        ways = [asyncio.ensure_future(way) for way in (out, back)]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.transport.abort()
        await asyncio.wait(ways)
        self._passing -= ends


async def _carry(reader, writer):
    with contextlib.suppress(OSError):
        while octets := await reader.read(_PIECE):
            writer.write(octets)
            await writer.drain()
