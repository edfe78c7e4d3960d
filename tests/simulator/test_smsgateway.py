"""The stand-in for a provider: strict about what it takes, and as unreliable as it is told to be."""

import asyncio
import json
import random
import signal
import subprocess
import sys

import pytest

from simulator.smsgateway import Behaviour, SmsGateway


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
async def start():
    started = []

    async def start(behaviour=None, clock=None, **options):
        gateway = SmsGateway(behaviour or Behaviour(), clock or Clock(), random.Random(1), **options)
        await gateway.listen("127.0.0.1", 0)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        await gateway.close()


async def call(gateway, method, path, body=None, headers=""):
    octets = b"" if body is None else json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"{method} {path} HTTP/1.1\r\nContent-Length: {len(octets)}\r\n{headers}\r\n".encode() + octets)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    if not answer:
        return None
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(text)


def message(**changes):
    return {"to": "919000000001", "text": "hello", "coding": "text", "reference": "r1", **changes}


async def send(gateway, **changes):
    return await call(gateway, "POST", "/send", message(**changes))


async def test_what_is_sent_is_taken_and_reported_after_its_time(start):
    clock = Clock()
    gateway = await start(Behaviour(receipt_s=5.0), clock)
    status, answer = await send(gateway)
    assert (status, answer["status"]) == (200, "accepted")
    path = f"/status/{answer['id']}"
    assert (await call(gateway, "GET", path))[1]["status"] == "pending"
    clock.now = 5.0
    assert (await call(gateway, "GET", path))[1]["status"] == "delivered"
    assert (await call(gateway, "GET", "/messages"))[1]["messages"][0]["text"] == "hello"


async def test_the_same_reference_is_taken_once(start):
    gateway = await start()
    answers = [(await send(gateway))[1]["id"] for _ in range(3)]
    assert len(set(answers)) == len(gateway.messages) == 1
    assert (await send(gateway, reference="r2"))[1]["id"] != answers[0]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"to": "9000000001"}, "invalid_number"),
        ({"to": "nobody"}, "invalid_number"),
        ({"text": ""}, "empty"),
        ({"text": "बिजली"}, "coding"),
    ],
)
async def test_what_no_provider_takes_is_refused(start, changes, error):
    assert await send(await start(), **changes) == (400, {"status": "rejected", "error": error})


async def test_hindi_is_taken_as_unicode(start):
    assert (await send(await start(), text="बिजली", coding="unicode"))[0] == 200


async def test_registered_templates_may_be_asked_for(start):
    gateway = await start(require_dlt=True)
    assert (await send(gateway))[1]["error"] == "dlt"
    assert (await send(gateway, entity="1" * 19, template="2" * 18))[1]["error"] == "dlt"
    assert (await send(gateway, entity="1" * 19, template="2" * 19))[0] == 200


async def test_a_token_may_be_asked_for(start):
    gateway = await start(token="t0ken")
    assert (await send(gateway))[0] == 401
    assert (await call(gateway, "POST", "/send", message(), "Authorization: Bearer t0ken\r\n"))[0] == 200


async def test_each_number_can_have_its_own_fate(start):
    gateway = await start(
        Behaviour(receipt_s=0.0),
        script={
            "9000000001": ["lose_before", "lose_after", "throttle", "reject", "absent", "silent", "unknown_number"]
        },
    )
    assert await send(gateway) is None
    assert gateway.messages == {}
    assert await send(gateway) is None
    assert len(gateway.messages) == 1
    assert (await send(gateway))[0] == 429
    assert (await send(gateway))[1]["status"] == "rejected"
    states = []
    for reference in ("r5", "r6", "r7"):
        _, answer = await send(gateway, reference=reference)
        states.append((await call(gateway, "GET", f"/status/{answer['id']}"))[1])
    assert [(state["status"], state["error"]) for state in states] == [
        ("failed", "absent"),
        ("pending", ""),
        ("failed", "unknown_number"),
    ]


async def test_receipts_may_be_called_back(start):
    got = asyncio.get_running_loop().create_future()

    async def take(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split()[0])
        got.set_result((await reader.readexactly(length)).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        gateway = await start(Behaviour(receipt_s=0.0), callback=f"http://127.0.0.1:{port}/receipts")
        await send(gateway)
        assert await asyncio.wait_for(got, 20) == "id=M000001&status=delivered&error="


async def test_nonsense_ends_the_connection_and_nothing_else(start):
    gateway = await start()
    for octets in (
        b"\x00\xff\r\n",
        b"POST /send HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /send HTTP/1.1\r\nContent-Length: 1\r\n\r\n{",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(octets)
        assert await reader.read() == b""
        writer.close()
    assert (await send(gateway))[0] == 200
    assert (await call(gateway, "GET", "/nowhere"))[0] == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_by_itself_until_a_signal(number):
    command = [sys.executable, "-m", "simulator", "sms-gateway", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["port"] > 0
        process.send_signal(number)
        assert process.wait(30) == 0
