import asyncio

import pytest

from headend.transport import DeadlinePassed, KeptConnections, Unreachable, listen_tcp, memory_pair, parse_address

METER_1 = parse_address("hdlc+tcp://gateway:4001?physical=1")
METER_2 = parse_address("hdlc+tcp://gateway:4001?physical=2")
ELSEWHERE = parse_address("tcp://another:4059")


class Gateway:
    """Connections to it are counted, and its ends kept."""

    def __init__(self):
        self.ends = []
        self.refuses = False

    async def connect(self, address, deadline):
        if self.refuses:
            raise Unreachable(f"{address.place}: connection refused")
        near, far = memory_pair(address.place)
        self.ends.append(far)
        return near


@pytest.fixture
def gateway():
    return Gateway()


@pytest.fixture
def kept(gateway, closing):
    return closing(KeptConnections(gateway.connect, idle_limit=1000))


async def test_one_connection_serves_the_visits_to_all_meters_of_a_place(gateway, kept, soon):
    for address in (METER_1, METER_2, METER_1):
        async with kept.borrow(address, soon()) as stream:
            stream.write(b"x")
            assert await gateway.ends[0].read(soon()) == b"x"
    assert len(gateway.ends) == 1
    async with kept.borrow(ELSEWHERE, soon()):
        assert kept.standing() == 2


async def test_visits_take_turns(gateway, kept, soon, settle):
    order = []

    async def visit(address, name):
        async with kept.borrow(address, soon()):
            order.append(f"{name} begins")
            await settle()
            order.append(f"{name} ends")

    await asyncio.gather(visit(METER_1, 1), visit(METER_2, 2), visit(METER_1, 3))
    assert order == [f"{name} {what}" for name in (1, 2, 3) for what in ("begins", "ends")]


async def test_a_visit_that_waits_too_long_is_told(kept, soon):
    async with kept.borrow(METER_1, soon()):
        with pytest.raises(DeadlinePassed, match="visits before"):
            async with kept.borrow(METER_2, asyncio.get_running_loop().time()):
                pass


async def test_a_connection_the_gateway_closed_is_made_anew(gateway, kept, soon, settle):
    async with kept.borrow(METER_1, soon()):
        pass
    gateway.ends[0].close()
    await settle()
    async with kept.borrow(METER_2, soon()) as stream:
        assert not stream.ended
    assert len(gateway.ends) == 2


async def test_a_visit_that_fails_leaves_no_connection_behind(gateway, kept, soon, settle):
    with pytest.raises(ValueError, match="meter"):
        async with kept.borrow(METER_1, soon()):
            raise ValueError("the meter broke the rules")
    assert kept.standing() == 0
    await settle()
    assert gateway.ends[0].ended
    async with kept.borrow(METER_2, soon()):
        assert len(gateway.ends) == 2


async def test_a_late_answer_never_reaches_the_next_visit(gateway, kept, soon, settle):
    async with kept.borrow(METER_1, soon()):
        pass
    gateway.ends[0].write(b"late")
    await settle()
    async with kept.borrow(METER_2, soon()) as stream:
        gateway.ends[1].write(b"ours")
        assert await stream.read(soon()) == b"ours"


async def test_callbacks_of_a_visit_end_with_it(gateway, kept, soon, settle):
    heard = []
    async with kept.borrow(METER_1, soon()) as stream:
        stream.attach(heard.append, heard.append)
    gateway.ends[0].write(b"late")
    await settle()
    assert heard == []


async def test_a_place_that_can_not_be_reached_is_told_and_tried_again(gateway, kept, soon):
    gateway.refuses = True
    for _ in range(2):
        with pytest.raises(Unreachable, match="refused"):
            async with kept.borrow(METER_1, soon()):
                pass
    gateway.refuses = False
    async with kept.borrow(METER_1, soon()):
        assert kept.standing() == 1


async def test_a_cancelled_visit_lets_the_next_one_in(gateway, kept, soon):
    entered = asyncio.Event()

    async def visit():
        async with kept.borrow(METER_1, soon()):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(visit())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with kept.borrow(METER_2, soon()):
        assert len(gateway.ends) == 2


async def test_an_idle_connection_is_closed_after_its_time(gateway, closing, soon, settle):
    kept = closing(KeptConnections(gateway.connect, idle_limit=1e-9))
    async with kept.borrow(METER_1, soon()):
        pass
    await gateway.ends[0].read(soon())
    assert gateway.ends[0].ended
    assert kept.standing() == 0


async def test_without_idle_time_nothing_is_kept(gateway, closing, soon):
    kept = closing(KeptConnections(gateway.connect, idle_limit=0))
    async with kept.borrow(METER_1, soon()):
        assert kept.standing() == 1
    assert kept.standing() == 0


async def test_places_not_in_use_are_forgotten(gateway, closing, soon):
    kept = closing(KeptConnections(gateway.connect, idle_limit=0))
    for number in range(500):
        async with kept.borrow(parse_address(f"tcp://meter-{number}"), soon()):
            pass
    assert len(kept._places) <= 65


async def test_real_connections_are_kept_too(closing, soon):
    listener = closing(await listen_tcp("127.0.0.1", 0))
    kept = closing(KeptConnections())
    address = parse_address(f"hdlc+tcp://127.0.0.1:{listener.port}")
    for _ in range(3):
        async with kept.borrow(address, soon()) as stream:
            stream.write(b"x")
    far = closing(await listener.accept(soon()))
    octets = b""
    while len(octets) < 3:
        octets += await far.read(soon())
    assert listener.open_streams == 1
