"""What an idle association holds: connection, link and transport, on real sockets. Prints KiB: resident, and Python's.

_idle.py PORT
"""

import gc
import os
import resource
import sys
import tracemalloc
from pathlib import Path

import association
import uvloop
from session import linked

from headend.session.link import Link
from headend.transport.address import Address, parse_address
from headend.transport.tcp import connect_tcp

WARM_UP, MEASURED = 50, 1000


async def associated(address: Address) -> Link:
    link = linked(await connect_tcp(address), association.PDU_SIZE)
    await link.associate()
    return link


async def idle(address: Address) -> None:
    """Once untraced, as tracing takes memory itself; then as many again."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    links = [await associated(address) for _ in range(WARM_UP)]
    gc.collect()
    before = resident()
    links += [await associated(address) for _ in range(MEASURED)]
    gc.collect()
    real = (resident() - before) / MEASURED
    tracemalloc.start()
    links += [await associated(address) for _ in range(MEASURED)]
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] / (MEASURED)
    tracemalloc.stop()
    assert all(link.fault is None for link in links)
    print(real / 1024, traced / 1024)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    uvloop.run(idle(parse_address(f"tcp://127.0.0.1:{sys.argv[1]}")))
