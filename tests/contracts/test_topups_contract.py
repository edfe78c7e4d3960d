from datetime import timedelta

import pytest
from store_making import CONSUMER, SERIAL, events_of, settle_in

from headend.commands.journal import LocalStateError, RefusedByRule
from headend.commands.model import State
from headend.commands.topup import Shown
from headend.prepaid.model import BalanceSource
from headend.storage.errors import UnknownTopUp


@pytest.fixture
async def topups(store, tmp_path):
    await settle_in(store, tmp_path, source=BalanceSource.METER, opening="")
    return store.topups


async def pay(store, clock, number=1):
    await store.accounts.recharge(CONSUMER, 100_00, f"P-{number}", clock.now, "desk", None)


async def test_a_recharge_of_an_account_in_the_meter_writes_its_top_up_once(store, topups, clock):
    for _ in range(3):
        await pay(store, clock)
    (topup,) = await topups.open_for(SERIAL)
    assert (topup.amount, topup.state, topup.before, topup.consumer_no) == (100_00, State.REQUESTED, None, CONSUMER)
    assert await store.journal.meters_with_open() == [(SERIAL, False)]
    assert len(await events_of(store, "topup.requested")) == 1
    assert (await store.accounts.view(CONSUMER, clock.now)).facts.topup_open


async def test_an_account_in_the_ledger_has_none(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    await pay(store, clock)
    assert await store.topups.open_for(SERIAL) == []
    assert not (await store.accounts.view(CONSUMER, clock.now)).facts.topup_open


async def test_two_payments_of_one_second_have_markers_of_their_own(store, topups, clock):
    for number in range(3):
        await pay(store, clock, number)
    markers = [each.marker for each in await topups.open_for(SERIAL)]
    assert markers == [clock.now + timedelta(seconds=each) for each in range(3)]


async def test_what_the_meter_showed_is_kept_before_anything_is_sent(store, topups, clock):
    await pay(store, clock)
    (topup,) = await topups.open_for(SERIAL)
    before = Shown(clock.now, -5_00, 1234, clock.now - timedelta(days=3))
    sending = await topups.begin(topup.id, before, clock.now)
    assert (sending.state, sending.before, sending.attempts) == (State.SENDING, before, 1)
    assert await topups.begin(topup.id, before, clock.now) is None
    with pytest.raises(LocalStateError):
        await topups.settle(topup.id, State.REQUESTED, "", clock.now)
    done = await topups.settle(topup.id, State.CONFIRMED, "read back", clock.now)
    assert (done.state, done.note) == (State.CONFIRMED, "read back")
    assert (await topups.open_for(SERIAL), await store.journal.meters_with_open()) == ([], [])
    with pytest.raises(LocalStateError):
        await topups.settle(topup.id, State.UNKNOWN, "", clock.now)
    assert not (await store.accounts.view(CONSUMER, clock.now)).facts.topup_open


async def test_only_what_no_reading_proves_is_decided_by_a_person(store, topups, clock):
    await pay(store, clock)
    (topup,) = await topups.open_for(SERIAL)
    with pytest.raises(RefusedByRule):
        await topups.decide(topup.id, "officer-2", "looked", applied=True)
    await topups.begin(topup.id, Shown(clock.now, 0, None, None), clock.now)
    await topups.settle(topup.id, State.UNKNOWN, "lost", clock.now)
    await topups.settle(topup.id, State.QUARANTINED, "proves nothing", clock.now)
    assert await store.journal.meters_with_open() == []
    assert (await store.accounts.view(CONSUMER, clock.now)).facts.topup_open
    again = await topups.decide(topup.id, "officer-2", "display shows the old balance", applied=False)
    assert (again.state, "officer-2" in again.note) == (State.REQUESTED, True)
    with pytest.raises(UnknownTopUp):
        await topups.decide(99, "officer-2", "x", applied=True)
