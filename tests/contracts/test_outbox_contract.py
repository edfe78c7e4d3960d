import asyncio

import pytest
from store_making import cut, meter, settle_in

from headend.prepaid.model import Mode


async def test_events_are_numbered_in_the_order_of_commit_without_a_repeat(store, clock, tmp_path):
    await settle_in(store, tmp_path, count=20)
    await asyncio.gather(*(store.journal.request(cut(clock, number)) for number in range(1, 21)))
    everything = await store.events.events(0, 1000)
    numbers = [event.number for event in everything]
    assert numbers == sorted(set(numbers))
    assert await store.events.last_number() == numbers[-1]
    assert await store.events.events(numbers[4], 3) == everything[5:8]
    assert await store.events.events(numbers[-1]) == []


async def test_a_cursor_moves_ahead_only_and_per_subscriber(store):
    assert await store.events.cursor("mqtt") == 0
    await store.events.set_cursor("mqtt", 12)
    await store.events.set_cursor("mqtt", 5)
    assert await store.events.cursor("mqtt") == 12
    assert await store.events.cursor("webhook") == 0


async def test_a_change_that_is_rolled_back_has_no_event(store, clock):
    await store.registry.add_meter(meter(1))
    before = await store.events.last_number()
    with pytest.raises(Exception, match="already belongs"):
        await store.registry.add_meter(meter(1))
    assert await store.events.last_number() == before


async def test_a_daemon_comes_up_disarmed_unless_asked_and_the_kill_switch_stays(opened, clock):
    first = await opened(armed=True)
    assert await first.switches.armed()
    await first.switches.set_kill_switch(on=True, by="operator-1")
    beside = await opened()
    assert await beside.switches.armed()
    daemon = await opened(armed=False)
    assert not await daemon.switches.armed()
    assert await daemon.switches.kill_switch()


async def test_everything_is_off_in_a_new_house(opened):
    store = await opened()
    assert not await store.switches.armed()
    assert not await store.switches.kill_switch()
    assert await store.switches.mode("Ranchi/Ranchi East/Kokar") is Mode.NOTIFY


async def test_an_office_takes_the_mode_of_the_nearest_above_it(store):
    await store.switches.set_mode("Ranchi", Mode.PROPOSE, by="officer-1")
    await store.switches.set_mode("Ranchi/Ranchi East/Kokar", Mode.AUTOMATIC, by="officer-1")
    modes = {
        office: await store.switches.mode(office)
        for office in ("Ranchi/Ranchi East/Kokar", "Ranchi/Ranchi East", "Ranchi", "Ranchi West", "")
    }
    assert modes == {
        "Ranchi/Ranchi East/Kokar": Mode.AUTOMATIC,
        "Ranchi/Ranchi East": Mode.PROPOSE,
        "Ranchi": Mode.PROPOSE,
        "Ranchi West": Mode.NOTIFY,
        "": Mode.NOTIFY,
    }
    await store.switches.set_mode("", Mode.AUTOMATIC, by="officer-1")
    assert await store.switches.mode("Ranchi West") is Mode.AUTOMATIC
    assert await store.switches.modes() == {
        "": Mode.AUTOMATIC,
        "Ranchi": Mode.PROPOSE,
        "Ranchi/Ranchi East/Kokar": Mode.AUTOMATIC,
    }
