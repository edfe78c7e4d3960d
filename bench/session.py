"""What a whole session over TCP costs the client: beside the bare octets, and beside the clients of others.

python3 run.py bench session [--quick] [--json]

Fresh: connect, HLS-GMAC in general-glo, five registers, a profile of 48 rows in three blocks, ciphered release, close:
eleven round trips, 50 sessions at once. As a visit should do it: the same work with one list and one large APDU on a
connection that is kept: five round trips. The meter stands in another process, on another core.

Our client's challenge and counters are the same in every session here, so the meter's octets, worked out beforehand by
our server, are right for each: our client verifies every tag and decodes every value, and what answers it is as quick
as what answers the bare replay, which sends and awaits the same octets and looks at none.
"""

import asyncio
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import association
import uvloop
from _figures import Figure, Options, options, pin, report
from _meter import live_meter
from _replay import replay, replay_server

from headend.dlms.rows import decode_rows
from headend.session.link import Link
from headend.transport.address import Address, parse_address
from headend.transport.stream import Stream
from headend.transport.tcp import connect_tcp

AT_ONCE = 50
GURUX = Path(__file__).with_name("_gurux_session.py")
IDLE = Path(__file__).with_name("_idle.py")


def linked(stream: Stream, pdu_size: int) -> Link:
    client = association.new_client(pdu_size)
    return Link("1", client, stream, counters=None, time_left=60.0, timed=False)


async def session(link: Link) -> None:
    await link.associate()
    for request in association.REQUESTS:
        (await link.ask(request)).result.decode()
    rows = decode_rows((await link.ask(association.PROFILE_REQUEST)).result.octets)
    await link.release()
    assert len(rows) == 48


async def visit(link: Link) -> None:
    await link.associate()
    for result in (await link.ask(association.LIST_REQUEST)).results:
        result.decode()
    rows = decode_rows((await link.ask(association.PROFILE_REQUEST)).result.octets)
    await link.release()
    assert len(rows) == 48


async def fresh(address: Address, sessions: int) -> float:
    """CPU seconds a session, each on a connection of its own."""

    async def work() -> None:
        for _ in turns:
            stream = await connect_tcp(address, loop.time() + 60.0)
            link = linked(stream, association.PDU_SIZE)
            await link.run(session(link))
            assert link.fault is None
            link.close()
            stream.close()

    loop = asyncio.get_running_loop()
    turns = iter(range(sessions))
    begun = process_time()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return (process_time() - begun) / sessions


async def kept(address: Address, sessions: int) -> float:
    """CPU seconds a visit, on connections that stay."""

    async def work(stream: Stream) -> None:
        for _ in turns:
            link = linked(stream, 0xFFFF)
            await link.run(visit(link))
            assert link.fault is None
            link.close()

    turns = iter(range(sessions))
    streams = [await connect_tcp(address) for _ in range(AT_ONCE)]
    begun = process_time()
    await asyncio.gather(*(work(stream) for stream in streams))
    spent = process_time() - begun
    for stream in streams:
        stream.close()
    return spent / sessions


def dlms_cosem(port: int, sessions: int) -> float:
    """CPU seconds a session of dlms-cosem's own client on its own blocking transport; the best of all."""
    from dlms_cosem.clients.blocking_tcp_transport import BlockingTcpTransport

    best = float("inf")
    for _ in range(sessions):
        begun = process_time()
        transport = BlockingTcpTransport("127.0.0.1", port, client_logical_address=48, server_logical_address=1)
        transport.connect()
        association.dlms_cosem_session(transport)
        transport.disconnect()
        best = min(best, process_time() - begun)
    return best


def gurux(port: int, sessions: int) -> float:
    """CPU seconds a session of gurux-dlms, in a process of its own."""
    keys = association.KEYS
    secrets = [association.CLIENT_TITLE.hex(), keys.encryption_key.hex(), keys.authentication_key.hex()]
    objects = [str(attribute.instance) for attribute in (*association.REGISTERS, association.PROFILE)]
    command = [sys.executable, GURUX, str(port), *secrets, str(association.PDU_SIZE), str(sessions), *objects]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1e6


def idle(port: int) -> tuple[float, float]:
    """KiB that one idle association takes, in a process that has nothing else: resident memory, and Python's own."""
    command = [sys.executable, IDLE, str(port)]
    real, traced = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(real), float(traced)


def steps_of(go, pdu_size: int) -> list[tuple[bytes, bytes]]:
    return list(zip(*association.recorded(go, pdu_size), strict=True))


def figures(chosen: Options) -> Iterator[Figure]:
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    others = sorted(os.sched_getaffinity(0))[:-1]
    pin()
    cpu = others[-1] if others else None
    rounds, sessions = (4, 400) if chosen.quick else (12, 1500)
    long = steps_of(association.session, association.PDU_SIZE)
    short = steps_of(association.visit, 0xFFFF)
    assert (len(long), len(short)) == (11, 5)
    with (
        replay_server(long, cpu) as port,
        replay_server(short, cpu) as kept_port,
        live_meter(association.new_server, association.answer, cpu) as live,
    ):
        at, at_kept = (parse_address(f"tcp://127.0.0.1:{number}") for number in (port, kept_port))

        async def measure() -> tuple[float, float, float]:
            best = [float("inf")] * 3
            for _ in range(rounds + 1):  # the first warms up, and is never the best
                costs = (
                    await replay(long, port, sessions, AT_ONCE),
                    await fresh(at, sessions),
                    await kept(at_kept, sessions),
                )
                best = list(map(min, best, costs))
            return tuple(cost * 1e6 for cost in best)

        bare, ours, visited = uvloop.run(measure())
        goal = ours / bare
        yield Figure("fresh session of 11 round trips over TCP", ours, "us", "its bare replay", goal, "<= 1.75")
        python = dlms_cosem(live, 20 if chosen.quick else 60) * 1e6
        yield Figure("the same", ours, "us", "dlms-cosem", python / ours, ">= 15")
        foreign = gurux(live, 3 if chosen.quick else 10) * 1e6
        yield Figure("the same", ours, "us", "gurux-dlms", foreign / ours, ">= 150")
        ratio = visited / bare
        yield Figure(
            "the same work in 5 round trips, connection kept", visited, "us", "the fresh replay", ratio, "<= 0.7"
        )
        yield Figure("bare replay of the fresh session", bare, "us")
        yield Figure("dlms-cosem's session", python, "us")
        yield Figure("gurux-dlms's session", foreign, "us")
        real, traced = idle(port)
        yield Figure("idle association, resident memory", real, "KiB", "8 KiB", real / 8, "<= 1")
        yield Figure("the same, as Python counts it", traced, "KiB", "8 KiB", traced / 8, "<= 1")


if __name__ == "__main__":
    chosen = options()
    report(figures(chosen), as_json=chosen.json)
