"""Names that are slow, wrong or gone: each costs itself, and nobody else."""

import asyncio
import socket
import threading

import pytest

from headend.transport import Unreachable, connect, listen_tcp, names
from headend.transport.names import FAILED_S, FRESH_S, MOST_ASKED, Names, is_address, names_of


class NameServer:
    """Answers what it is told to; hangs for names in `hanging` until `answer`."""

    def __init__(self):
        self.known = {}
        self.hanging = set()
        self.asked = []
        self.go = threading.Event()

    def __call__(self, host):
        self.asked.append(host)
        if host in self.hanging:
            self.go.wait(20)
        if host not in self.known:
            raise socket.gaierror(-2, "Name or service not known")
        return self.known[host]


@pytest.fixture
async def server():
    stand_in = NameServer()
    names_of(asyncio.get_running_loop()).lookup = stand_in
    yield stand_in
    stand_in.go.set()


class Loop:
    """The running loop, whose time a test moves by hand."""

    def __init__(self):
        self.loop, self.at = asyncio.get_running_loop(), 1000.0

    def time(self):
        return self.at

    def __getattr__(self, name):
        return getattr(self.loop, name)


async def test_a_name_leads_to_where_it_points_and_the_place_keeps_the_name(server, closing):
    listener = closing(await listen_tcp("127.0.0.1", 0))
    server.known["gateway.example"] = ("127.0.0.1",)
    stream = closing(await connect(f"tcp://gateway.example:{listener.port}"))
    assert stream.place == f"gateway.example:{listener.port}"
    closing(await listener.accept())


async def test_the_next_address_of_a_name_is_tried_where_the_first_refuses(server, closing):
    listener = closing(await listen_tcp("127.0.0.1", 0))
    server.known["two.example"] = ("127.0.0.99", "127.0.0.1")
    closing(await connect(f"tcp://two.example:{listener.port}"))
    closing(await listener.accept())


async def test_a_name_that_nobody_knows_is_told_once_and_not_asked_again_at_once(server, soon):
    for _ in range(3):
        with pytest.raises(Unreachable, match=r"nowhere\.example:4059: name not found"):
            await connect("tcp://nowhere.example:4059", soon())
    assert server.asked == ["nowhere.example"]


async def test_udp_finds_names_too(server, closing):
    server.known["gateway.example"] = ("127.0.0.1",)
    closing(await connect("udp://gateway.example:4059"))
    with pytest.raises(Unreachable, match="name not found"):
        await connect("udp://nowhere.example:4059")


async def test_names_that_hang_hold_up_no_other_name_and_no_address(server, closing):
    listener = closing(await listen_tcp("127.0.0.1", 0))
    server.known["good.example"] = ("127.0.0.1",)
    server.hanging = {f"hanging{number}.example" for number in range(MOST_ASKED - 1)}
    waiting = [asyncio.create_task(connect(f"tcp://{host}:4059")) for host in server.hanging for _ in range(20)]
    await asyncio.sleep(0)
    closing(await connect(f"tcp://good.example:{listener.port}"))
    closing(await connect(f"tcp://127.0.0.1:{listener.port}"))
    assert not any(task.done() for task in waiting)
    server.go.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}
    assert len(server.asked) == MOST_ASKED, "twenty visits to one name ask once"


async def test_a_name_whose_address_is_known_is_reached_while_every_question_hangs(server, closing):
    listener = closing(await listen_tcp("127.0.0.1", 0))
    loop = Loop()
    known = Names(loop, server)
    server.known["good.example"] = ("127.0.0.1",)
    assert await known.addresses("good.example", None) == ("127.0.0.1",)
    server.hanging = {f"hanging{number}.example" for number in range(2 * MOST_ASKED)} | {"good.example"}
    waiting = [asyncio.create_task(known.addresses(host, None)) for host in server.hanging]
    await asyncio.sleep(0)
    loop.at += FRESH_S - 1
    assert await known.addresses("good.example", None) == ("127.0.0.1",)
    loop.at += 2
    # A newer answer is waited for a moment, then the old one serves.
    assert await known.addresses("good.example", None) == ("127.0.0.1",)
    server.go.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert listener.port


async def test_a_name_that_hangs_is_given_up_at_the_deadline_and_a_new_address_is_seen(server):
    server.hanging = {"slow.example"}
    with pytest.raises(Unreachable, match=r"slow\.example"):
        await connect("tcp://slow.example:4059", asyncio.get_running_loop().time() + 0.01)
    loop = Loop()
    moving = Names(loop, server)
    server.known["moving.example"] = ("127.0.0.5",)
    assert await moving.addresses("moving.example", None) == ("127.0.0.5",)
    server.known["moving.example"] = ("127.0.0.6",)
    loop.at += FRESH_S + 1
    assert await moving.addresses("moving.example", None) == ("127.0.0.6",)
    del server.known["moving.example"]
    loop.at += FRESH_S + 1
    assert await moving.addresses("moving.example", None) == ("127.0.0.6",)
    with pytest.raises(OSError, match="not known"):
        await moving.addresses("gone.example", None)
    server.known["gone.example"] = ("127.0.0.7",)
    loop.at += FAILED_S + 1
    assert await moving.addresses("gone.example", None) == ("127.0.0.7",)


async def test_what_is_remembered_is_bounded(server, monkeypatch):
    monkeypatch.setattr(names, "MOST_KNOWN", 3)
    found = Names(asyncio.get_running_loop(), server)
    for number in range(6):
        server.known[f"{number}.example"] = ("127.0.0.1",)
        await found.addresses(f"{number}.example", None)
    assert sorted(found._known) == ["3.example", "4.example", "5.example"]


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("10.1.2.3", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("gateway", False),
        ("10.1.2.300", False),
        ("é", False),
    ],
)
async def test_what_is_an_address_is_never_looked_up(host, is_one):
    assert is_address(host) is is_one


async def test_the_systems_own_lookup_knows_this_machine():
    assert "127.0.0.1" in names.system_lookup("localhost")
