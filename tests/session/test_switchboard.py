import asyncio

import pytest
from attrs import evolve
from server_meter import METER, MODEL, SETTING, TITLE, House, ServerMeter

from headend.dlms import axdr
from headend.dlms.connection import Refusal
from headend.dlms.cosem import CosemAttribute
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.security import KeyContext
from headend.dlms.wrapper import encode_wrapper
from headend.session.callers import ask_who
from headend.session.directory import Claim, Directory, Unknown
from headend.session.errors import AssociationRefused, NotReachable, SecurityBreach, SessionError, WrongMeter
from headend.session.switchboard import Switchboard, VisitOverCalls
from headend.session.visit import Visitor
from headend.transport.address import parse_address
from headend.transport.errors import Unreachable
from headend.transport.memory import memory_pair

ENERGY = CosemAttribute(3, "1.0.1.8.0.255", 2)
SERIAL = METER.serial
PUSH = b"\x0f\x00\x00\x00\x01\x00\x11\x07"


class Exchange:
    """A switchboard, and meters that call it."""

    def __init__(self):
        self.house = House()
        self.house.meter.objects[(3, "1.0.1.8.0.255", 2)] = axdr.double_long_unsigned(123)
        self.heard = []
        self.board = Switchboard(lambda serial, apdu, _: self.heard.append((serial, apdu)))
        self.served = []
        self.ends = []

    def call(self, meter=None):
        """One call; gives (our end, the meter's end)."""
        ours, theirs = memory_pair()
        self.ends.append(ours)
        self.served.append(asyncio.ensure_future((meter or self.house.meter).serve(theirs)))
        return ours, theirs

    def stranger(self):
        """A call that nobody serves: what the other end does is up to the test."""
        return memory_pair()

    def visit(self, role="setting"):
        house = self.house
        visitor = Visitor(
            keys=house.keys,
            counters=house.counters,
            connect=self.board.lend,
            now=lambda: None,
            monotonic=lambda: 0.0,
            random_bytes=lambda count: bytes(range(1, count + 1)),
        )
        return visitor.visit(evolve(METER, address=f"dial-in:{SERIAL}"), MODEL, role, 60.0)

    async def read(self):
        async with self.visit() as session:
            return (await session.get(ENERGY)).value


@pytest.fixture
async def exchange():
    made = Exchange()
    yield made
    made.board.close()
    for end in made.ends:
        end.close()
    await asyncio.gather(*made.served, return_exceptions=True)


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_calls_is_asked_and_then_visited_over_the_same_call(exchange):
    ours, _ = exchange.call()
    claim = await ask_who(ours)
    assert claim.name == METER.logical_device_name
    exchange.board.plug_in(SERIAL, ours)
    for _ in range(3):
        assert await exchange.read() == 123
    assert exchange.house.meter.connections == 1
    assert exchange.house.meter.associations == [16, SETTING, SETTING, SETTING]


async def test_a_meter_that_has_not_called_is_not_reachable(exchange):
    with pytest.raises(NotReachable, match="no call of it stands"):
        await exchange.read()


async def test_a_meter_that_hung_up_is_not_reachable_until_it_calls_again(exchange):
    ours, theirs = exchange.call()
    exchange.board.plug_in(SERIAL, ours)
    theirs.close()
    await turns()
    assert not exchange.board.standing(SERIAL)
    with pytest.raises(NotReachable):
        await exchange.read()
    exchange.board.plug_in(SERIAL, exchange.call()[0])
    assert await exchange.read() == 123


async def test_a_call_that_is_over_before_it_is_plugged_in_is_no_call(exchange):
    ours, _ = exchange.call()
    ours.close()
    exchange.board.plug_in(SERIAL, ours)
    assert len(exchange.board) == 0


async def test_the_newest_call_is_used_and_only_two_are_kept(exchange):
    calls = [exchange.stranger() for _ in range(3)]
    for ours, _ in calls:
        exchange.board.plug_in(SERIAL, ours)
    assert [ours.ended for ours, _ in calls] == [True, False, False]
    async with exchange.board.lend(parse_address(f"dial-in:{SERIAL}")) as stream:
        assert stream is calls[-1][0]
        # The older one is still there for whoever comes meanwhile.
        async with exchange.board.lend(parse_address(f"dial-in:{SERIAL}")) as second:
            assert second is calls[1][0]
            with pytest.raises(Unreachable, match="in use"):
                await exchange.board.lend(parse_address(f"dial-in:{SERIAL}")).__aenter__()


async def test_a_call_in_use_is_never_hung_up_on_for_a_newer_one(exchange):
    ours, _ = exchange.call()
    exchange.board.plug_in(SERIAL, ours)
    async with exchange.visit() as session:
        for _ in range(4):
            exchange.board.plug_in(SERIAL, exchange.stranger()[0])
        assert (await session.get(ENERGY)).value == 123


async def test_another_meter_behind_the_call_is_hung_up_on(exchange):
    exchange.house.meter.name = "ABC99999999"
    ours, _ = exchange.call()
    exchange.board.plug_in(SERIAL, ours)
    with pytest.raises(WrongMeter):
        await exchange.read()
    assert not exchange.board.standing(SERIAL)


def an_impostor():
    """Somebody with the meter's name and not its keys."""
    made = ServerMeter()
    made.keys = KeyContext(bytes(16), bytes(16))
    return made


async def test_somebody_in_the_meters_name_does_not_keep_it_out(exchange):
    exchange.board.plug_in(SERIAL, exchange.call()[0])
    exchange.board.plug_in(SERIAL, exchange.call(an_impostor())[0])
    for _ in range(2):
        async with VisitOverCalls(exchange.board, SERIAL, exchange.visit) as session:
            assert (await session.get(ENERGY)).value == 123
    assert exchange.house.meter.associations.count(SETTING) == 2


async def test_somebody_in_the_meters_name_alone_is_never_worked_with(exchange):
    impostor = an_impostor()
    exchange.board.plug_in(SERIAL, exchange.call(impostor)[0])
    with pytest.raises(SessionError) as caught:
        await VisitOverCalls(exchange.board, SERIAL, exchange.visit).__aenter__()
    assert isinstance(caught.value, AssociationRefused | SecurityBreach)
    assert SETTING not in impostor.associations


async def test_a_counter_that_is_behind_is_recovered_over_the_same_call(exchange):
    exchange.house.meter.last_received[SETTING] = 500
    exchange.house.meter.refusal = Refusal.AARE
    exchange.board.plug_in(SERIAL, exchange.call()[0])
    assert await exchange.read() == 123
    assert exchange.house.counters.jumps == [501]
    assert exchange.house.meter.connections == 1


async def test_what_a_meter_says_between_visits_is_a_push(exchange):
    ours, theirs = exchange.stranger()
    exchange.board.plug_in(SERIAL, ours)
    octets = encode_wrapper(1, 64, PUSH) * 2
    for start in range(0, len(octets), 5):
        theirs.write(octets[start : start + 5])
    await turns()
    assert exchange.heard == [(SERIAL, PUSH)] * 2


async def test_a_call_in_the_middle_of_a_push_is_not_lent(exchange):
    ours, theirs = exchange.stranger()
    exchange.board.plug_in(SERIAL, ours)
    octets = encode_wrapper(1, 64, PUSH)
    theirs.write(octets[:9])
    await turns()
    with pytest.raises(Unreachable, match="middle of a push"):
        await exchange.board.lend(parse_address(f"dial-in:{SERIAL}")).__aenter__()
    theirs.write(octets[9:])
    await turns()
    async with exchange.board.lend(parse_address(f"dial-in:{SERIAL}")):
        pass
    assert exchange.heard == [(SERIAL, PUSH)]


async def test_rubbish_between_visits_ends_the_call(exchange):
    ours, theirs = exchange.stranger()
    exchange.board.plug_in(SERIAL, ours)
    theirs.write(b"GET / HTTP/1.1\r\n")
    await turns()
    assert ours.ended
    assert not exchange.board.standing(SERIAL)


async def test_a_caller_that_says_nothing_is_given_up(exchange):
    ours, _ = exchange.stranger()
    with pytest.raises(SessionError):
        await ask_who(ours, patience=0.01)


async def test_a_caller_that_says_rubbish_is_given_up(exchange):
    ours, theirs = exchange.stranger()
    theirs.write(b"GET / HTTP/1.1\r\n")
    with pytest.raises(SessionError):
        await ask_who(ours)


async def test_a_caller_without_a_name_claims_nothing(exchange):
    exchange.house.meter._read = lambda *_: DataAccessResult.READ_WRITE_DENIED
    claim = await ask_who(exchange.call()[0])
    assert claim.name is None


OTHER = evolve(METER, serial="10000002", logical_device_name="ABC10000002", system_title=b"ABC\0\0\0\0\2")
DIRECTORY = Directory([METER, OTHER, evolve(METER, serial="3", logical_device_name="ABC3", system_title=None)])


@pytest.mark.parametrize(
    ("claim", "serial"),
    [
        (Claim("ABC10000001", None), "10000001"),
        (Claim(None, TITLE), "10000001"),
        (Claim("ABC10000002", b"ABC\0\0\0\0\2"), "10000002"),
        (Claim("ABC3", b"ABC\0\0\0\0\3"), "3"),
    ],
)
def test_a_claim_names_one_meter(claim, serial):
    assert DIRECTORY.find(claim).serial == serial


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (Claim("ABC9", None), "no meter of the inventory is ABC9"),
        (Claim(None, None), "nobody"),
        (Claim("ABC10000001", b"ABC\0\0\0\0\2"), "two meters"),
        (Claim("ABC10000001", b"ABC\0\0\0\0\7"), "another system title"),
        (Claim("ABC9", TITLE), "another logical device name"),
    ],
)
def test_a_claim_of_nobody_or_of_two_is_refused(claim, why):
    with pytest.raises(Unknown, match=why):
        DIRECTORY.find(claim)
