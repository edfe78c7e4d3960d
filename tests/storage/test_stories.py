from attrs import evolve
from store_making import CONSUMER, cut, disconnect, energy, keep, notice, proof, reconnect, restore, settle_in, visit

from headend.commands.model import Origin, State
from headend.prepaid.story import Decided, Money, Moved, Told, teller


async def test_a_story_holds_everything_in_order_with_its_evidence(store, tmp_path, clock):
    await settle_in(store, tmp_path, opening="10.00")
    for hour in range(3):
        clock.forward(hours=1)
        entry = energy(clock, -9_00, f"HED0000001:{hour}00-{hour + 1}00")
        entry = evolve(entry, note="100 Wh")
        await store.fleet.record_visit(visit(clock), lambda view, entry=entry: keep(view, entries=(entry,)))
    clock.forward(hours=1)
    command = cut(clock, origin=Origin.POLICY, balance=-17_00)
    await store.fleet.record_visit(
        visit(clock), lambda view: disconnect(view, command, notices=(notice(clock, "negative:1"),))
    )
    (open_cut,) = await store.journal.open_for("HED0000001")
    await store.journal.begin_sending(open_cut.id, clock.now, None)
    await store.journal.settle(open_cut.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    clock.forward(hours=1)
    back = restore(clock, cause="recharge:P-1", origin=Origin.POLICY)
    await store.accounts.recharge(CONSUMER, 50_00, "P-1", clock.now, "desk", lambda view: reconnect(view, back))
    story = await store.accounts.story(CONSUMER, clock.now)
    kinds = [type(each) for each in story.happenings]
    assert {Money, Decided, Told, Moved} == set(kinds)
    times = [each.at for each in story.happenings]
    assert times == sorted(times)
    (day,) = [each for each in story.happenings if isinstance(each, Money) and each.kind == "energy"]
    assert (day.amount, day.note, day.last - day.first) == (-27_00, "300 Wh", 2)
    assert [each.state for each in story.happenings if isinstance(each, Moved)] == [
        "requested",
        "sending",
        "confirmed",
        "requested",
    ]
    for language in ("hi", "en"):
        steps = [teller(language, story.time_zone).step(each) for each in story.happenings]
        assert all(step.text and step.evidence for step in steps)
    assert len((await store.accounts.story(CONSUMER, clock.now, 3)).happenings) == 3
