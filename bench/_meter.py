"""A meter in a process of its own, out of our server: every connection is a new one, and every answer is worked out."""

import asyncio
import multiprocessing
import os
from contextlib import contextmanager, suppress

import uvloop


class _Meter(asyncio.Protocol):
    def __init__(self, new_server, answer):
        self.server, self.answer = new_server(), answer

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        from headend.dlms import RequestReceived

        for event in self.server.receive(data):
            if isinstance(event, RequestReceived):
                self.server.respond(self.answer(event.apdu))
        output = self.server.take_output()
        if output:
            self.transport.write(output)


def _serve(new_server, answer, cpu, ready):
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})

    async def run():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Meter(new_server, answer), "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with suppress(KeyboardInterrupt):
        uvloop.run(run())


@contextmanager
def live_meter(new_server, answer, cpu=None):
    """The port of a process that answers for real; `new_server` makes a ServerConnection, `answer` a response."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(new_server, answer, cpu, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join(10)
