import json
from decimal import Decimal

import pytest
from reached_house import NOW, House, ciphered, notification, title

from headend.app.pushing import claimed_title
from headend.dlms.apdu import GeneralBlockTransfer
from headend.scheduler.plan import BASE_TASKS
from headend.storage import StorageError

PEER = "10.0.0.1"


def block(number, piece, *, last):
    transfer = GeneralBlockTransfer(
        last_block=last, streaming=True, window=1, block_number=number, block_number_ack=0, data=piece
    )
    return transfer.encode()


@pytest.fixture
async def house(tmp_path, logs):
    opened = await House(tmp_path).open()
    opened.logs = logs
    yield opened
    await opened.store.close()


async def test_a_push_is_an_event_and_readings(house):
    await house.visited()
    assert await house.pushing().take(ciphered(notification()), PEER)
    (event,) = await house.events("push.received")
    payload = json.loads(event.payload)
    assert event.meter == house.meters[0].serial
    assert (payload["setup"], payload["authenticated"]) == ("push", True)
    voltage = (await house.latest())["voltage"]
    assert voltage.value == Decimal("230.12")
    assert voltage.received == NOW
    assert (await house.store.check()).ok


async def test_a_push_leaves_alone_when_the_meter_was_last_visited(house):
    await house.visited()
    before = await house.store.fleet.last_visits()
    await house.pushing().take(ciphered(notification()), PEER)
    assert await house.store.fleet.last_visits() == before


async def test_unscaled_numbers_lead_to_a_visit_and_are_no_readings(house):
    await house.pushing().take(ciphered(notification()), PEER)
    assert house.ears.heard_of == [(house.meters[0].serial, BASE_TASKS)]
    assert "voltage" not in await house.latest()


async def test_an_alert_is_an_event_of_its_own_and_leads_to_a_visit_that_reads_its_log(house):
    await house.pushing().take(ciphered(notification(status=(83,))), PEER)
    (event,) = await house.events("push.alert")
    told = json.loads(event.payload)
    assert (told["alerts"], told["severity"]) == (["cover opened"], "critical")
    assert house.ears.heard_of == [(house.meters[0].serial, (*BASE_TASKS, "events_non_rollover"))]


async def test_a_status_word_without_a_bit_is_no_alert(house):
    await house.pushing().take(ciphered(notification(status=())), PEER)
    assert [each.kind for each in await house.events() if each.kind.startswith("push")] == ["push.received"]
    assert house.ears.heard_of == []


async def test_a_meter_that_raises_alarm_all_the_time_is_not_visited_all_the_time(house):
    pushing = house.pushing()
    for counter in range(1, 21):
        house.clock += 1
        assert await pushing.take(ciphered(notification(status=(83,)), counter=counter), PEER)
    assert len(house.ears.heard_of) == 3
    house.clock += 61
    await pushing.take(ciphered(notification(status=(83,)), counter=21), PEER)
    assert len(house.ears.heard_of) == 4


@pytest.mark.parametrize("counter", [5, 4, 0])
async def test_a_counter_that_does_not_grow_is_refused(house, counter):
    pushing = house.pushing()
    assert await pushing.take(ciphered(notification(), counter=5), PEER)
    assert not await pushing.take(ciphered(notification(), counter=counter), PEER)
    assert len(await house.events("push.received")) == 1
    assert len(await house.events("push.refused")) == 1
    assert await house.store.counters.received(house.meters[0].serial, "push") == 5


async def test_a_replay_is_refused_by_whoever_comes_after(house):
    assert await house.pushing().take(ciphered(notification(), counter=5), PEER)
    assert not await house.pushing().take(ciphered(notification(), counter=5), PEER)
    assert len(await house.events("push.received")) == 1


async def test_two_processes_write_one_push_once(house):
    first, second = house.pushing(), house.pushing()
    # Both know the keys before either has written.
    await second.take(ciphered(notification(), counter=1), PEER)
    await first.take(ciphered(notification(), counter=2), PEER)
    assert await first.take(ciphered(notification(), counter=3), PEER)
    assert not await second.take(ciphered(notification(), counter=3), PEER)
    assert len(await house.events("push.received")) == 3


async def test_the_counters_of_two_meters_are_their_own(house):
    pushing = house.pushing()
    for number in (1, 2):
        assert await pushing.take(ciphered(notification(number), number, counter=7), PEER)


async def test_a_tag_that_does_not_fit_moves_no_counter(house):
    pushing = house.pushing()
    octets = bytearray(ciphered(notification(), counter=900))
    octets[-1] ^= 1
    assert not await pushing.take(bytes(octets), PEER)
    assert await house.store.counters.received(house.meters[0].serial, "push") == -1
    assert await pushing.take(ciphered(notification(), counter=1), PEER)


async def test_less_protection_than_is_agreed_is_refused(house):
    assert not await house.pushing().take(ciphered(notification(), control=0x10), PEER)
    assert await house.events("push.received") == []


async def test_new_keys_are_in_force_within_a_minute_and_their_count_is_new(house):
    pushing = house.pushing()
    assert await pushing.take(ciphered(notification(), counter=500), PEER)
    await house.import_keys(salt=50)
    house.clock += 61
    assert not await pushing.take(ciphered(notification(), counter=501), PEER)
    assert await pushing.take(ciphered(notification(), counter=1, salt=50), PEER)


async def test_a_meter_that_was_added_is_known_without_a_restart(house):
    pushing = house.pushing()
    late = House(house.folder, count=4)
    assert not await pushing.take(ciphered(notification(4), 4), PEER)
    await house.store.registry.add_meter(late.meters[3])
    late.store = house.store
    await late.import_keys()
    house.clock += 6
    assert await pushing.take(ciphered(notification(4), 4, counter=2), PEER)


async def test_a_push_in_blocks_is_put_together(house):
    octets = ciphered(notification())
    blocks = [octets[start : start + 40] for start in range(0, len(octets), 40)]
    pushing = house.pushing()
    for number, piece in enumerate(blocks, 1):
        assert await pushing.take(block(number, piece, last=number == len(blocks)), PEER)
    assert len(await house.events("push.received")) == 1


async def test_blocks_of_two_meters_behind_one_address_are_not_mixed(house):
    pushing = house.pushing()
    pushes = {f"{PEER}:{number}": ciphered(notification(number), number) for number in (1, 2)}
    for number, start in enumerate(range(0, 120, 40), 1):
        for place, octets in pushes.items():
            piece = octets[start : start + 40] if number < 3 else octets[start:]
            assert await pushing.take(block(number, piece, last=number == 3), place)
    assert pushing.counts == {"push.received": 2}


async def test_a_push_in_clear_is_taken_only_where_that_is_allowed(house):
    await house.visited()
    assert not await house.pushing().take(notification(), PEER)
    assert await house.events("push.received") == []
    assert await house.pushing(takes_plain=True).take(notification(), PEER)
    (event,) = await house.events("push.received")
    assert json.loads(event.payload)["authenticated"] is False
    assert (await house.latest())["voltage"].value == Decimal("229.00")


async def test_a_push_in_clear_over_a_meters_own_call_is_that_meters(house):
    pushing = house.pushing(takes_plain=True)
    stranger = notification(77)
    assert not await pushing.take(stranger, PEER)
    assert await pushing.take(stranger, PEER, house.meters[1].serial)
    (event,) = await house.events("push.received")
    assert event.meter == house.meters[1].serial


@pytest.mark.parametrize(
    "octets",
    [b"", b"\xdb", b"\xdb\x08", b"\xe0", b"\x60\x00", b"\x0f\x00\x00\x00\x01\x00\x02\x05\x11", bytes(200)],
)
async def test_rubbish_is_counted_and_nothing_else(house, octets):
    pushing = house.pushing(takes_plain=True)
    assert not await pushing.take(octets, PEER)
    assert pushing.counts == {"refused": 1}
    assert [each for each in await house.events() if each.kind.startswith("push")] == []


async def test_ten_thousand_pushes_of_unknown_peers_write_nothing_and_keep_no_known_meter_out(house):
    pushing = house.pushing()
    before = await house.store.events.last_number()
    apdu = notification(1)
    strangers = [
        ciphered(apdu, number=1)[:2] + (1_000_000 + number).to_bytes(8, "big") + bytes(40) for number in range(10_000)
    ]
    for number, octets in enumerate(strangers):
        assert not await pushing.take(octets, f"10.{number >> 8 & 255}.{number & 255}.1")
    assert pushing.counts == {"refused": 10_000}
    assert await house.store.events.last_number() == before
    # Neither a key nor a log line a stranger.
    assert len(pushing._known) == 0
    assert len([line for line in house.logs if line["event"] == "push refused"]) <= 25
    assert await pushing.take(ciphered(apdu), PEER)


async def test_ten_thousand_forgeries_in_a_known_name_use_up_nothing_of_the_meters(house):
    pushing = house.pushing()
    forged = ciphered(notification(), counter=999_999, salt=9)
    for number in range(10_000):
        await pushing.take(forged, f"10.{number >> 8 & 255}.{number & 255}.1")
    assert len(await house.events("push.refused")) == 3
    assert await pushing.take(ciphered(notification(), counter=1), PEER)


async def test_an_address_and_a_title_have_their_limits(house):
    pushing = house.pushing()
    taken = [await pushing.take(ciphered(notification(), counter=counter), PEER) for counter in range(1, 81)]
    assert taken == [True] * 60 + [False] * 20
    assert await pushing.take(ciphered(notification(2), 2), PEER)


async def test_a_store_that_is_gone_is_an_error_and_no_silent_loss(house):
    pushing = house.pushing()
    assert await pushing.take(ciphered(notification()), PEER)
    await house.store.close()
    with pytest.raises(StorageError):
        await pushing.take(ciphered(notification(), counter=2), PEER)


def test_a_title_is_seen_in_front_and_in_the_first_block():
    octets = ciphered(notification())
    assert claimed_title(octets) == title(1)
    assert claimed_title(block(1, octets[:40], last=False)) == title(1)
    assert claimed_title(block(2, octets[40:], last=True)) is None
    assert claimed_title(notification()) is None
