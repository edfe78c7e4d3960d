"""What was quarantined in a mass event comes back no faster than the caps allow, however often somebody tries."""

from datetime import timedelta

import pytest
from store_making import cut, proof, settle_in

from headend.commands.journal import RefusedByRule
from headend.commands.model import State
from headend.prepaid.caps import Caps

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: As many as a mass event would leave behind, in small.
COUNT = 9
CAPS = Caps(per_hour=2, per_day=5, per_segment_hour=100)


def most_within(times, span):
    return max(sum(begun - span < each <= begun for each in times) for begun in times)


async def test_cuts_that_were_quarantined_go_out_under_the_caps_over_any_hour_and_day(opened, clock, tmp_path):
    store = await opened(armed=True, caps=CAPS)
    await settle_in(store, tmp_path, count=COUNT)
    journal = store.journal
    asked = [await journal.request(cut(clock, number, minutes=72 * 60)) for number in range(1, COUNT + 1)]
    held = [command for command in asked if command.state is State.QUARANTINED]
    assert len(held) == COUNT - CAPS.per_hour
    sent, refused = [], []

    async def send(command):
        await journal.begin_sending(command.id, clock.now, None)
        if (await journal.command(command.id)).state is State.SENDING:
            sent.append(clock.now)
            await journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))

    for command in asked:
        if command.state is State.REQUESTED:
            await send(command)
    while held and clock.now < asked[0].expires_at:
        for command in tuple(held):
            try:
                released = await journal.release(command.id, clock.now, "officer-2")
            except RefusedByRule as refusal:
                refused.append(str(refusal))
            else:
                held.remove(command)
                await send(released)
        clock.forward(minutes=20)
    assert (len(sent), held) == (COUNT, [])
    assert most_within(sent, HOUR) == CAPS.per_hour
    assert most_within(sent, DAY) == CAPS.per_day
    assert len(refused) > COUNT
    assert all("over_cap" in why for why in refused)


async def test_nothing_leaves_the_quarantine_by_itself(opened, clock, tmp_path):
    store = await opened(armed=True, caps=Caps(per_hour=1, per_day=1, per_segment_hour=1))
    await settle_in(store, tmp_path, count=2)
    await store.journal.request(cut(clock, 1))
    held = await store.journal.request(cut(clock, 2, minutes=60 * 30))
    clock.forward(hours=29)
    await store.journal.expire(clock.now)
    assert (await store.journal.command(held.id)).state is State.QUARANTINED
    assert await store.journal.open_for("HED0000002") == []
    clock.forward(hours=2)
    await store.journal.expire(clock.now)
    assert (await store.journal.command(held.id)).state is State.EXPIRED
    with pytest.raises(RefusedByRule):
        await store.journal.release(held.id, clock.now, "officer-2")
