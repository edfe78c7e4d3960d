import asyncio

import pytest
from server_meter import AK, CLIENT_TITLE, EK, METER, MODEL, READER, SETTING, TITLE, House, Keys

from headend.dlms import axdr
from headend.dlms.connection import Refusal
from headend.dlms.cosem import CosemAttribute, CosemMethod
from headend.dlms.enumerations import ActionResult, DataAccessResult
from headend.dlms.security import KeyContext
from headend.session.counters import BLOCK, CounterJump
from headend.session.errors import (
    AccessDenied,
    AssociationRefused,
    CounterRefused,
    DeadlineExceeded,
    NotConfigured,
    NotReachable,
    SecurityBreach,
    SessionError,
    WrongMeter,
)
from headend.session.line import dial
from headend.session.visit import Visitor

PATIENCE = "headend.session.link.ASSOCIATION_PATIENCE"
SERIAL = CosemAttribute(1, "0.0.96.1.0.255", 2)
ENERGY = CosemAttribute(3, "1.0.1.8.0.255", 2)
ABSENT = CosemAttribute(3, "1.0.99.99.0.255", 2)


def with_registers(house):
    house.meter.objects[(1, "0.0.96.1.0.255", 2)] = axdr.octet_string(b"10000001")
    house.meter.objects[(3, "1.0.1.8.0.255", 2)] = axdr.double_long_unsigned(123)
    return house


async def test_a_visit_associates_identifies_reads_and_releases():
    house = with_registers(House())
    async with house.visit() as session:
        assert (await session.get(SERIAL)).value == b"10000001"
        assert session.system_title == TITLE
    assert house.meter.associations == [SETTING]
    assert house.meter.released == 1


async def test_a_reader_uses_the_password_and_no_counter():
    house = with_registers(House())
    async with house.visit("reader") as session:
        assert (await session.get(SERIAL)).value == b"10000001"
        assert session.system_title is None
    assert house.meter.associations == [READER]
    assert house.counters.blocks == []


@pytest.mark.parametrize("chunk", [1, 2, 7])
@pytest.mark.parametrize("hdlc", [False, True])
async def test_answers_may_come_in_pieces_of_any_size(chunk, hdlc):
    house = with_registers(House())
    house.meter.chunk = chunk
    house.meter.hdlc = hdlc
    address = "hdlc+memory:meter" if hdlc else "memory:meter"
    async with house.visit(address=address) as session:
        results = await session.get_many([SERIAL, ENERGY, ABSENT])
    assert [getattr(result, "value", result) for result in results] == [
        b"10000001",
        123,
        DataAccessResult.OBJECT_UNDEFINED,
    ]
    assert house.meter.released == 1


async def test_several_attributes_go_in_one_round_trip_where_the_meter_agreed():
    house = with_registers(House())
    async with house.visit() as session:
        before = len(house.meter.seen)
        await session.get_many([SERIAL, ENERGY])
        assert len(house.meter.seen) == before + 1


async def test_a_meter_that_refuses_lists_is_asked_one_by_one_from_then_on():
    house = with_registers(House())
    house.meter.takes_lists = False
    async with house.visit() as session:
        before = len(house.meter.seen)
        for _ in range(2):
            results = await session.get_many([SERIAL, ENERGY])
            assert [result.value for result in results] == [b"10000001", 123]
        assert len(house.meter.seen) == before + 5


async def test_many_attributes_are_split_into_lists_that_fit_the_meters_pdu():
    house = with_registers(House())
    house.meter.max_pdu_size = 128
    async with house.visit() as session:
        assert [result.value for result in await session.get_many([ENERGY] * 40)] == [123] * 40


async def test_an_attribute_that_is_refused_is_named():
    house = House()
    async with house.visit() as session:
        with pytest.raises(AccessDenied, match=r"1\.0\.99\.99\.0\.255 attribute 2 \(class 3\): object-undefined"):
            await session.get(ABSENT)
        await session.confirm_identity()
    assert house.meter.released == 1


async def test_a_value_is_written_and_a_method_invoked():
    house = House()
    sent = []
    async with house.visit() as session:
        await session.set(ENERGY, axdr.double_long_unsigned(7))
        assert (await session.get(ENERGY)).value == 7
        method = CosemMethod(70, "0.0.96.3.10.255", 1)
        assert await session.action(method, axdr.integer(0), lambda: sent.append(1)) is ActionResult.SUCCESS
    assert house.meter.actions == [("0.0.96.3.10.255", 1)]
    assert sent == [1]


async def test_release_happens_when_the_work_fails():
    house = House()
    with pytest.raises(ZeroDivisionError):
        async with house.visit():
            raise ZeroDivisionError
    assert house.meter.released == 1


# Who answers


async def test_another_meter_at_the_address_stops_the_visit_before_anything_else_is_asked():
    house = House()
    house.meter.name = "ABC10000002"
    with pytest.raises(WrongMeter, match="expected 'ABC10000001' at its address, found 'ABC10000002'") as caught:
        async with house.visit():
            raise AssertionError("the block must not run")
    assert caught.value.exit_code == 4
    assert len(house.meter.seen) == 1
    assert house.meter.released == 1


async def test_another_meter_with_keys_of_its_own_is_told_by_its_name():
    house = House()
    house.meter.name = "ABC10000002"
    house.meter.title = b"ABC\x00\x00\x00\x00\x02"
    house.meter.keys = KeyContext(bytes(16), bytes(range(16)))
    with pytest.raises(WrongMeter, match="found 'ABC10000002'"):
        async with house.visit():
            raise AssertionError("the block must not run")


async def test_another_system_title_is_refused():
    house = House()
    house.meter.title = b"ABC\x00\x00\x00\x00\x09"
    with pytest.raises(SecurityBreach, match="system title"):
        async with house.visit():
            raise AssertionError("the block must not run")
    assert not [sap for sap in house.meter.saps_seen if sap == SETTING]


async def test_an_unknown_system_title_is_learned_and_handed_back():
    house = House()
    async with house.visit(system_title=None) as session:
        assert session.system_title == TITLE


@pytest.mark.parametrize("refusal", [Refusal.EXCEPTION, Refusal.AARE])
async def test_a_wrong_key_is_a_refusal_with_words_and_no_key_in_them(refusal):
    house = House()
    house.keys = Keys(encryption=bytes(16))
    house.meter.refusal = refusal
    with pytest.raises(AssociationRefused) as caught:
        async with house.visit():
            raise AssertionError("the block must not run")
    assert caught.value.exit_code == 4
    assert "meter 10000001" in str(caught.value)
    assert bytes(16).hex() not in str(caught.value)


async def test_a_wrong_authentication_key_is_a_refusal_too():
    house = House()
    house.keys = Keys(authentication=bytes(16))
    with pytest.raises(AssociationRefused):
        async with house.visit():
            raise AssertionError("the block must not run")


async def test_a_wrong_password_is_refused():
    house = House()
    house.keys = Keys(secret=b"wrong")
    with pytest.raises(AssociationRefused, match="authentication refused by the meter"):
        async with house.visit("reader"):
            raise AssertionError("the block must not run")


async def test_missing_keys_are_said_with_the_way_out():
    house = House()
    house.keys.set = None
    with pytest.raises(NotConfigured, match="headend keys import FILE") as caught:
        async with house.visit():
            raise AssertionError("the block must not run")
    assert caught.value.exit_code == 2


async def test_a_role_that_the_model_does_not_have_is_named():
    with pytest.raises(NotConfigured, match="no role 'owner'"):
        async with House().visit("owner"):
            raise AssertionError("the block must not run")


async def test_an_address_that_is_none_is_said():
    with pytest.raises(NotConfigured, match="meter 10000001"):
        async with House().visit(address="telex:42"):
            raise AssertionError("the block must not run")


async def test_a_meter_that_nobody_reaches_is_not_reachable():
    house = House()
    visitor = house.visitor()
    nowhere = Visitor(house.keys, house.counters, dial, visitor.now, visitor.monotonic, visitor.random_bytes)
    with pytest.raises(NotReachable, match="meter 10000001") as caught:
        async with nowhere.visit(METER, MODEL, "setting", 5.0):
            raise AssertionError("the block must not run")
    assert caught.value.exit_code == 3
    assert house.counters.blocks == [], "no counters are used up on a meter that can't be reached"


async def test_no_secret_is_shown_by_any_value_of_a_visit():
    house = House()
    async with house.visit() as session:
        shown = f"{house.visitor()!r} {session!r} {session.link!r} {house.keys.set!r}"
    for secret in (EK, AK, b"12345678"):
        assert repr(secret) not in shown
        assert secret.hex() not in shown


# Counters


async def test_counters_are_reserved_before_use_and_never_used_twice():
    house = House()
    for _ in range(3):
        async with house.visit() as session:
            await session.confirm_identity()
    assert [block.start for block in house.counters.blocks] == [1, 1 + BLOCK, 1 + 2 * BLOCK]


async def test_the_meters_counter_is_kept_and_its_replay_refused():
    house = House()
    async with house.visit():
        pass
    assert house.counters.last_received > 0
    house.meter.own_counter = iter(range(1, 100))
    with pytest.raises(SecurityBreach, match="invocation counter 1 is not above"):
        async with house.visit():
            raise AssertionError("the block must not run")


async def test_the_meters_counter_is_kept_when_the_work_fails():
    house = House()
    with pytest.raises(ZeroDivisionError):
        async with house.visit():
            raise ZeroDivisionError
    assert house.counters.last_received > 0


@pytest.mark.parametrize("refusal", [Refusal.EXCEPTION, Refusal.AARE])
async def test_a_counter_behind_the_meters_is_moved_ahead_once_and_told(refusal):
    house = House()
    house.meter.refusal = refusal
    house.meter.last_received[SETTING] = 5000
    async with house.visit() as session:
        assert session.counter_jump == CounterJump("setting", 1, 5000)
        await session.confirm_identity()
    assert house.counters.jumps == [5001]
    assert house.meter.last_received[SETTING] > 5000


async def test_a_counter_behind_a_meter_that_says_nothing_is_found_out_in_time(monkeypatch):
    house = House()
    # The first association is given up at once, later ones are waited for.
    house.on_lend = lambda number: monkeypatch.setattr(PATIENCE, 0.0 if number == 1 else 60.0)
    house.meter.refusal = Refusal.SILENCE
    house.meter.last_received[SETTING] = 5000
    async with house.visit() as session:
        assert session.counter_jump == CounterJump("setting", 1, 5000)


async def test_a_jump_that_is_too_large_is_refused_and_nothing_is_moved():
    house = House(largest_jump=1000)
    house.meter.last_received[SETTING] = 1002
    with pytest.raises(CounterRefused, match="a jump of 1001 is more than the 1000") as caught:
        async with house.visit():
            raise AssertionError("the block must not run")
    assert caught.value.exit_code == 4
    assert house.counters.jumps == []


async def test_the_largest_jump_is_allowed():
    house = House(largest_jump=1000)
    house.meter.last_received[SETTING] = 1001
    async with house.visit() as session:
        assert session.counter_jump == CounterJump("setting", 1, 1001)


async def test_a_counter_that_is_not_behind_is_left_alone_when_the_meter_refuses():
    house = House()
    house.keys = Keys(encryption=bytes(16))
    house.counters.next = 900
    house.meter.last_received[SETTING] = 800
    with pytest.raises(AssociationRefused):
        async with house.visit():
            raise AssertionError("the block must not run")
    assert house.counters.jumps == []
    assert house.meter.connections == 2, "the refused one and the public client's"


async def test_the_association_is_tried_once_more_and_not_again():
    house = House()
    house.keys = Keys(encryption=bytes(16))
    house.meter.last_received[SETTING] = 5000
    with pytest.raises(AssociationRefused):
        async with house.visit():
            raise AssertionError("the block must not run")
    assert house.meter.connections == 3


async def test_the_meters_word_about_its_counter_is_not_taken_from_another_meter():
    house = House()
    house.meter.last_received[SETTING] = 5000
    house.meter.name = "ABC10000002"
    with pytest.raises(WrongMeter):
        async with house.visit():
            raise AssertionError("the block must not run")
    assert house.counters.jumps == []


async def test_what_breaks_the_rules_does_not_choose_our_counter():
    house = House()
    house.meter.title = b"ABC\x00\x00\x00\x00\x09"
    house.meter.counter_object = lambda: axdr.double_long_unsigned(5000)
    with pytest.raises(SecurityBreach):
        async with house.visit():
            raise AssertionError("the block must not run")
    assert house.counters.jumps == []


async def test_more_counters_are_reserved_while_a_long_answer_comes_in():
    house = House(max_pdu_size=128)
    house.meter.objects[(1, "0.0.96.1.0.255", 2)] = axdr.octet_string(bytes(range(256)) * 80)
    async with house.visit() as session:
        value = await session.get(SERIAL)
    assert len(value.value) == 256 * 80
    used = house.meter.last_received[SETTING]
    assert used > 2 * BLOCK, "this answer took more than two blocks"
    assert used < house.counters.next


async def test_octets_wait_while_counters_are_reserved_and_none_is_lost():
    house = House(max_pdu_size=128)
    house.meter.objects[(1, "0.0.96.1.0.255", 2)] = axdr.octet_string(bytes(range(256)) * 80)

    async def slow():
        for _ in range(200):
            await asyncio.sleep(0)

    async with house.visit() as session:
        house.counters.gate = slow
        value = await session.get(SERIAL)
    assert value.value == bytes(range(256)) * 80


async def test_a_store_that_gives_no_counters_ends_the_visit_in_words():
    house = House(max_pdu_size=128)
    house.meter.objects[(1, "0.0.96.1.0.255", 2)] = axdr.octet_string(bytes(20_000))

    async def broken():
        raise OSError("disk full")

    with pytest.raises(SessionError, match="disk full"):
        async with house.visit() as session:
            house.counters.gate = broken
            await session.get(SERIAL)


# Behind a gateway with prefixes


async def test_a_meter_behind_a_gateway_is_visited_by_its_prefix():
    house = with_registers(House())
    house.meter.behind = (1, b"\x01\x02")
    async with house.visit(address="memory:gateway?network=1&physical=0102") as session:
        assert await session.get(SERIAL)
    assert house.meter.released == 1
    assert house.meter.received[8:13] == b"\xe6\x01\x02\x01\x02"


async def test_a_gateway_is_reached_over_hdlc_and_the_meter_behind_it_by_its_prefix():
    house = with_registers(House())
    house.meter.hdlc = True
    house.meter.behind = (1, b"\x01\x02")
    async with house.visit(address="hdlc+memory:gateway?network=1&device=0102") as session:
        assert await session.get(SERIAL)
    assert house.meter.released == 1
    assert b"\xe6\xe6\x00\xe6\x01\x02\x01\x02" in house.meter.received


async def test_another_device_behind_the_gateway_does_not_answer_in_its_place():
    house = with_registers(House())
    house.meter.behind = (1, b"\x01\x03")
    with pytest.raises(DeadlineExceeded):
        async with house.visit(address="memory:gateway?network=1&physical=0102", deadline_s=0.05):
            raise AssertionError("the block must not run")


# Time and loss


async def test_a_meter_that_hangs_ends_at_the_deadline():
    house = with_registers(House())
    house.meter.silent_after = 3
    with pytest.raises(DeadlineExceeded, match="no answer within the time of this visit") as caught:
        async with house.visit() as session:
            asyncio.get_running_loop().call_soon(session.link.expire)  # what the visit's timer calls
            await session.get(SERIAL)
    assert caught.value.exit_code == 3


async def test_the_deadline_is_that_of_the_given_clock():
    house = House()
    house.meter.silent_after = 0
    ticks = iter([0.0, 0.0, 10_000.0, 10_000.0, 10_000.0, 10_000.0])
    house.visitor_time = ticks
    visitor = house.visitor()
    late = Visitor(
        visitor.keys, visitor.counters, visitor.connect, visitor.now, lambda: next(ticks), visitor.random_bytes
    )
    with pytest.raises(DeadlineExceeded):
        async with late.visit(METER, MODEL, "setting", 3600.0):
            raise AssertionError("the block must not run")


async def test_every_step_after_the_deadline_says_so_at_once():
    house = with_registers(House())
    house.meter.silent_after = 3
    async with house.visit() as session:
        session.link.expire()
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                await session.get(SERIAL)


@pytest.mark.parametrize("answers", range(5))
async def test_a_connection_that_ends_anywhere_is_an_error_and_nothing_hangs(answers):
    house = with_registers(House())
    house.meter.hangs_up_after = answers
    with pytest.raises(NotReachable, match="meter 10000001"):
        async with house.visit() as session:
            await session.get(SERIAL)
            await session.get(SERIAL)


@pytest.mark.parametrize("answers", [3, 4])
async def test_octets_that_were_changed_on_their_way_break_the_visit(answers):
    house = with_registers(House())
    flips = iter(range(100))

    def flip(output):
        if output and next(flips) == answers:
            return output[:-1] + bytes((output[-1] ^ 1,))
        return output

    house.meter.tamper = flip
    with pytest.raises(SecurityBreach):
        async with house.visit() as session:
            await session.get(SERIAL)
            await session.get(SERIAL)
    assert house.counters.last_received > 0, "what was verified before still counts"


async def test_a_visit_that_is_stopped_leaves_nothing_waiting():
    house = with_registers(House())
    house.meter.silent_after = 3
    started = asyncio.Event()

    async def work():
        async with house.visit() as session:
            started.set()
            await session.get_many([SERIAL, ENERGY])

    running = asyncio.ensure_future(work())
    await started.wait()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_our_system_title_is_what_the_key_ring_says():
    house = House()
    async with house.visit():
        pass
    assert CLIENT_TITLE in house.meter.received
