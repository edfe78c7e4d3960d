"""What framing and transport cost: HDLC frames and links, the wrapper, a round trip on loopback, an idle connection.

python3 run.py bench framing [--quick] [--json]
"""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from random import Random
from time import process_time

import uvloop
from _figures import Figure, Options, options, pin, report, side_by_side

from headend.dlms.hdlc import Frame, FrameReader, HdlcFraming, HdlcServerFraming, LinkParameters
from headend.dlms.hdlc.address import client_address, server_address
from headend.dlms.hdlc.crc import crc, crc_by_standard_library
from headend.dlms.hdlc.frame import decode_frame, encode_frame
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming
from headend.transport import connect, listen_tcp
from headend.transport.listener import Limits

SEED = 62056


def frame_figures(chosen: Options) -> Iterator[Figure]:
    from dlms_cosem.hdlc.address import HdlcAddress
    from dlms_cosem.hdlc.frames import InformationFrame

    information = Random(SEED).randbytes(128)
    frame = Frame(client_address(16), server_address(1), 0x10, information)
    octets = encode_frame(frame)
    theirs = InformationFrame(HdlcAddress(16, None, "client"), HdlcAddress(1, None, "server"), information)
    their_octets = theirs.to_bytes()
    assert decode_frame(their_octets)[0].information == information
    reader = FrameReader()
    cost = side_by_side(
        {
            "both": lambda: (encode_frame(frame), decode_frame(octets)),
            "encode": lambda: encode_frame(frame),
            "read": lambda: reader.feed(octets),
            "dlms-cosem": lambda: (theirs.to_bytes(), InformationFrame.from_bytes(their_octets)),
            "dlms-cosem encode": theirs.to_bytes,
            "dlms-cosem decode": lambda: InformationFrame.from_bytes(their_octets),
            "crc": lambda: crc(octets),
            "crc by standard library": lambda: crc_by_standard_library(octets),
        },
        quick=chosen.quick,
    )
    ratio = cost["dlms-cosem"] / cost["both"]
    yield Figure("HDLC encode and decode, 128 octets", cost["both"], "us", "dlms-cosem", ratio, ">= 150")
    ratio = cost["dlms-cosem encode"] / cost["encode"]
    yield Figure("HDLC encode, 128 octets", cost["encode"], "us", "faster than dlms-cosem", ratio)
    ratio = cost["dlms-cosem decode"] / cost["read"]
    yield Figure("HDLC found in a stream and decoded, 128 octets", cost["read"], "us", "faster than dlms-cosem", ratio)
    ratio = cost["crc by standard library"] / cost["crc"]
    yield Figure("CRC-16/X-25 of 138 octets", cost["crc"], "us", "faster than the standard library", ratio)


def exchange(client, server, request: bytes, answer: bytes) -> None:
    """One request there, one answer back, with all that the link needs in between."""
    client.wrap(request)
    while True:
        if server.feed(client.take_output()):
            server.wrap(answer)
        if client.feed(server.take_output()):
            return


def hdlc_pair(parameters: LinkParameters) -> tuple[HdlcFraming, HdlcServerFraming]:
    client, server = HdlcFraming(16, 1, 17, parameters=parameters), HdlcServerFraming(1, 17, parameters=parameters)
    client.connect()
    server.feed(client.take_output())
    client.feed(server.take_output())
    return client, server


def exchange_figures(chosen: Options) -> Iterator[Figure]:
    request, answer = Random(SEED).randbytes(60), Random(SEED).randbytes(1000)
    wrapper = WrapperFraming(16, 1), WrapperServerFraming(1)
    small, large = hdlc_pair(LinkParameters()), hdlc_pair(LinkParameters(1024, 1024, 7, 7))
    cost = side_by_side(
        {
            "wrapper": lambda: exchange(*wrapper, request, answer),
            "small": lambda: exchange(*small, request, answer),
            "large": lambda: exchange(*large, request, answer),
        },
        quick=chosen.quick,
    )
    yield Figure("request and answer of 1000 octets, both ends: wrapper", cost["wrapper"], "us")
    yield Figure("the same, HDLC with fields of 1024", cost["large"], "us")
    yield Figure("the same, HDLC with fields of 128, window 1", cost["small"], "us")


class BareEnd(asyncio.Protocol):
    """What a round trip costs with nothing in between: callbacks alone."""

    def __init__(self, on_data):
        self.on_data = on_data

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.on_data(data)


async def echo_server():
    loop = asyncio.get_running_loop()

    def end():
        protocol = BareEnd(None)
        protocol.on_data = lambda data: protocol.transport.write(data)  # noqa: PLW0108 - there is no transport yet
        return protocol

    return await loop.create_server(end, "127.0.0.1", 0)


async def round_trips(write, attach, count: int) -> float:
    """CPU microseconds a round trip, the bare echo server's share included."""
    done = asyncio.get_running_loop().create_future()
    left = count

    def on_data(data: bytes) -> None:
        nonlocal left
        left -= 1
        if left:
            write(data)
        else:
            done.set_result(None)

    attach(on_data)
    start = process_time()
    write(bytes(100))
    await done
    return (process_time() - start) / count * 1e6


async def measure_round_trips(chosen: Options) -> dict[str, float]:
    server = await echo_server()
    port = server.sockets[0].getsockname()[1]
    _, bare = await asyncio.get_running_loop().create_connection(lambda: BareEnd(None), "127.0.0.1", port)
    stream = await connect(f"tcp://127.0.0.1:{port}")
    count, rounds = (1000, 7) if chosen.quick else (3000, 25)
    best = {"bare": float("inf"), "stream": float("inf")}
    for _ in range(rounds):
        spent = await round_trips(bare.transport.write, lambda on_data: setattr(bare, "on_data", on_data), count)
        best["bare"] = min(best["bare"], spent)
        spent = await round_trips(stream.write, lambda on_data: stream.attach(on_data, lambda _: None), count)
        best["stream"] = min(best["stream"], spent)
    stream.close()
    bare.transport.close()
    server.close()
    return best


def transport_figures(chosen: Options) -> Iterator[Figure]:
    cost = uvloop.run(measure_round_trips(chosen))
    ratio = cost["stream"] / cost["bare"]
    yield Figure("round trip on loopback, callbacks, uvloop", cost["stream"], "us", "a bare protocol", ratio, "<= 1.25")


async def measure_idle(count: int) -> dict[str, float]:
    # All of them come from one address: more than a listener takes unasked.
    async with await listen_tcp("127.0.0.1", 0, Limits(per_host=count + 1)) as listener:
        streams, framings = [], []
        warm = await connect(f"tcp://127.0.0.1:{listener.port}")
        ends = [await listener.accept()]
        tracemalloc.start()
        gc.collect()
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(count):
            streams.append(await connect(f"tcp://127.0.0.1:{listener.port}"))
            ends.append(await listener.accept())
            streams[-1].attach(len, lambda _: None)
        gc.collect()
        connected = tracemalloc.get_traced_memory()[0]
        framings = [hdlc_pair(LinkParameters())[0] for _ in range(count)]
        gc.collect()
        framed = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        for stream in (warm, *streams, *ends):
            stream.close()
        assert len(framings) == count
        return {"both ends": (connected - start) / count / 1024, "framing": (framed - connected) / count / 1024}


def memory_figures(chosen: Options) -> Iterator[Figure]:
    kib = uvloop.run(measure_idle(100 if chosen.quick else 400))
    value = kib["both ends"] / 2 + kib["framing"]
    ratio = value / 8
    yield Figure("memory of an idle connection with its HDLC link", value, "KiB", "8 KiB", ratio, "<= 0.5")


def figures(chosen: Options) -> Iterator[Figure]:
    yield from frame_figures(chosen)
    yield from exchange_figures(chosen)
    yield from transport_figures(chosen)
    yield from memory_figures(chosen)


if __name__ == "__main__":
    chosen = options()
    pin()
    report(figures(chosen), as_json=chosen.json)
