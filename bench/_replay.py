"""The floor of all that goes over a socket: the same octets, sent and awaited by bare callbacks, nothing decoded.

`Recording` keeps what one real conversation sent and how much it got back, step by step. `serve` is a process that
plays the meter's side, `replay` the client's: uvloop, `asyncio.Protocol`, no futures.
"""

import asyncio
import multiprocessing
import os
from contextlib import asynccontextmanager, contextmanager, suppress
from time import process_time

import uvloop


class Recording:
    """Steps of one conversation: octets sent, then octets received until the next are sent."""

    def __init__(self):
        self.steps = []

    def sent(self, octets):
        self.steps.append((bytes(octets), bytearray()))

    def received(self, octets):
        self.steps[-1][1].extend(octets)

    @property
    def octets(self):
        return sum(len(out) + len(back) for out, back in self.steps)

    def frozen(self):
        """Steps that got an answer; writes without one are joined to the next."""
        steps, pending = [], b""
        for out, back in self.steps:
            pending += out
            if back:
                steps.append((pending, bytes(back)))
                pending = b""
        return steps


def recording_connector(recording):
    """A connector for `headend.session.line.dialling` whose streams write down what goes over them."""
    from headend.transport.connect import connect

    async def record(address, deadline):
        stream = await connect(address, deadline)
        attach, write = stream.attach, stream.write

        def recorded_attach(on_data, on_lost):
            def both(octets):
                recording.received(octets)
                on_data(octets)

            attach(both, on_lost)

        def recorded_write(octets):
            recording.sent(octets)
            write(octets)

        return _Recorded(stream, recorded_attach, recorded_write)

    return record


class _Recorded:
    """A stream with two methods replaced (the real one has slots)."""

    def __init__(self, stream, attach, write):
        self._stream, self.attach, self.write = stream, attach, write

    def __getattr__(self, name):
        return getattr(self._stream, name)


class _Server(asyncio.Protocol):
    def __init__(self, steps):
        self.steps, self.at, self.wanted = steps, 0, len(steps[0][0])

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.wanted -= len(data)
        while self.wanted <= 0:
            self.transport.write(self.steps[self.at][1])
            self.at = (self.at + 1) % len(self.steps)  # a connection that is kept begins anew
            self.wanted += len(self.steps[self.at][0])


def _serve(steps, cpu, ready):
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})

    async def run():
        server = await asyncio.get_running_loop().create_server(lambda: _Server(steps), "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with suppress(KeyboardInterrupt):
        uvloop.run(run())


@contextmanager
def replay_server(steps, cpu=None):
    """The port of a process that answers each step as it was recorded."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(steps, cpu, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join(10)


class _Client(asyncio.Protocol):
    def __init__(self, steps, done):
        self.steps, self.at, self.wanted, self.done = steps, 0, len(steps[0][1]), done

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.steps[0][0])

    def data_received(self, data):
        self.wanted -= len(data)
        if self.wanted > 0:
            return
        self.at += 1
        if self.at < len(self.steps):
            out, back = self.steps[self.at]
            self.wanted += len(back)
            self.transport.write(out)
        else:
            self.transport.close()

    def connection_lost(self, _):
        self.done()


async def replay(steps, port, sessions, at_once):
    """CPU seconds a session of this process for `sessions` replays, `at_once` of them at a time."""
    loop = asyncio.get_running_loop()
    finished, started, over, connecting = 0, 0, loop.create_future(), set()

    def done():
        nonlocal finished
        finished += 1
        if finished == sessions:
            over.set_result(None)
        else:
            start()

    def start():
        nonlocal started
        if started < sessions:
            started += 1
            task = loop.create_task(loop.create_connection(lambda: _Client(steps, done), "127.0.0.1", port))
            connecting.add(task)
            task.add_done_callback(connecting.discard)

    begun = process_time()
    for _ in range(at_once):
        start()
    await over
    return (process_time() - begun) / sessions


@asynccontextmanager
async def simulator(*arguments, cpu=None):
    """A simulator process pinned to a core; gives what it printed when it was ready."""
    import json
    import sys

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "run", "--port", "0", "--control-port", "0", "--json", *arguments),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 27,
        preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
    )
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()
