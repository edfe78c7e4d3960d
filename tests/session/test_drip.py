"""A meter that sends one octet every ten seconds: the visit ends when its time is over, not when the meter likes."""

import asyncio
import sys
from pathlib import Path

import pytest
from attrs import evolve
from server_meter import METER, MODEL, House

from headend.session.errors import DeadlineExceeded, MeterMisbehaved
from headend.session.visit import Visitor
from headend.transport.memory import memory_pair

sys.path.append(str(Path(__file__).parent.parent / "scheduler"))

from virtual_time import run

#: Octets that never say how they end, and what the visit says: HDLC has timers of its own, which end sooner.
ENDLESS = {
    "a wrapper PDU of 65,535 octets": (b"\x00\x01\x00\x01\x00\x30\xff\xff" + b"\xc4" * 1000, DeadlineExceeded),
    "an HDLC frame": (b"\x7e\xa7\xff" + b"\x03" * 1000, MeterMisbehaved),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_one_octet_every_ten_seconds_ends_at_the_absolute_deadline_or_before(what):
    octets, error = ENDLESS[what]

    async def main():
        loop = asyncio.get_running_loop()
        house = House()
        visitor = house.visitor()
        lend = _Dripping(octets)
        slow = Visitor(visitor.keys, visitor.counters, lend, visitor.now, loop.time, visitor.random_bytes)
        address = "hdlc+memory:meter" if octets[0] == 0x7E else "memory:meter"
        with pytest.raises(error):
            async with slow.visit(evolve(METER, address=address), MODEL, "setting", 60.0) as session:
                await session.confirm_identity()
        return loop.time(), lend.sent

    ended, sent = run(main())
    assert 0 < ended < 61.0
    assert sent <= 6


class _Dripping:
    """A line whose far end sends an octet every ten seconds, whatever it is asked."""

    def __init__(self, octets):
        self.octets = octets
        self.sent = 0

    def __call__(self, address, deadline):
        return self

    async def __aenter__(self):
        self.ours, theirs = memory_pair()
        self.task = asyncio.create_task(self._drip(theirs))
        return self.ours

    async def __aexit__(self, *error):
        self.task.cancel()
        self.ours.close()

    async def _drip(self, line):
        for octet in self.octets:
            await asyncio.sleep(10)
            line.write(bytes((octet,)))
            self.sent += 1
