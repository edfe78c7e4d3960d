"""What changes the rules for everybody: modes by two persons, the policy in force, lists that an officer approves."""

import pytest
from attrs import evolve
from store_making import CONSUMER, cut, disconnect, events_of, proof, reconnect, restore, settle_in, visit

from headend.commands.journal import Permit, RefusedByRule
from headend.commands.model import Origin, State
from headend.prepaid.caps import Caps
from headend.prepaid.digest import policy_digest, policy_text
from headend.prepaid.model import Mode
from headend.prepaid.policy import Policy
from headend.storage.errors import UnknownProposal

#: More cuts than any list here has: one person suffices.
ALONE = 20
EAST, WEST = "Ranchi/East", "Ranchi/West"


async def test_automatic_needs_a_second_person(store):
    asked = await store.switches.propose_mode(EAST, Mode.AUTOMATIC, by="officer-1")
    assert await store.switches.mode(EAST) is Mode.NOTIFY
    with pytest.raises(RefusedByRule, match="second person"):
        await store.switches.confirm_mode(asked.id, by="officer-1")
    assert await store.switches.mode(EAST) is Mode.NOTIFY
    assert await store.switches.proposed_modes() == [asked]
    await store.switches.confirm_mode(asked.id, by="officer-2")
    assert await store.switches.mode(f"{EAST}/Kokar") is Mode.AUTOMATIC
    assert await store.switches.mode(WEST) is Mode.NOTIFY
    with pytest.raises(RefusedByRule, match="officer-2 already"):
        await store.switches.confirm_mode(asked.id, by="officer-3")
    (event,) = await events_of(store, "office.mode")
    assert "officer-1 and officer-2" in event.payload


async def test_a_mode_that_nobody_confirms_expires(store, clock):
    asked = await store.switches.propose_mode("", Mode.AUTOMATIC, by="officer-1")
    clock.forward(hours=24)
    assert await store.switches.proposed_modes() == []
    with pytest.raises(RefusedByRule, match="expired"):
        await store.switches.confirm_mode(asked.id, by="officer-2")
    with pytest.raises(UnknownProposal, match="77"):
        await store.switches.confirm_mode(77, by="officer-2")


async def test_a_change_of_the_rules_leaves_an_event_with_what_changed(store):
    async def use(policy):
        return await store.switches.use_policy(policy.name, policy_digest(policy), policy_text(policy))

    before, after = Policy(), Policy(caps=Caps(per_hour=500))
    assert [await use(each) for each in (before, before, after, after, before)] == [True, False, True, False, True]
    (first,) = await events_of(store, "policy.first")
    changed, back = await events_of(store, "policy.changed")
    assert policy_digest(before) in first.payload
    assert '"caps.per_hour":[50,500]' in changed.payload
    assert '"caps.per_hour":[500,50]' in back.payload


@pytest.fixture
async def waiting(store, tmp_path, clock):
    """Three cuts that wait for an officer; their command numbers by meter."""
    await settle_in(store, tmp_path, count=3, mode=Mode.PROPOSE)
    return [(await propose(store, clock, number)).id for number in (1, 2, 3)]


async def propose(store, clock, number):
    command = cut(clock, number, origin=Origin.POLICY, balance=-50_00, minutes=600)
    await store.fleet.record_visit(visit(clock, number), lambda view: disconnect(view, command))
    (found,) = await store.journal.commands(meter=f"HED000000{number}")
    assert found.state is State.QUARANTINED
    return found


async def states(store):
    return {command.id: command.state for command in await store.journal.commands()}


async def test_an_officer_sees_the_list_with_reasons_and_evidence(store, waiting):
    shown = await store.proposals.show("", "officer-1")
    assert [row.command for row in shown.rows] == waiting
    first = shown.rows[0]
    assert (first.consumer_no, first.balance, first.reason) == (CONSUMER, -50_00, "a test")
    assert "approval" in first.waits_for
    assert {"negative_since", "notice_delivered_at", "reading_at"} <= first.evidence.keys()
    assert (await store.proposals.show("", "officer-2")).digest == shown.digest
    assert (await store.proposals.show("Ranchi", "officer-2")).digest != shown.digest
    assert len((await store.proposals.show("Ranchi/Ranchi East", "officer-2")).rows) == 3
    assert (await store.proposals.show("Ranchi/Ranchi", "officer-2")).rows == ()


async def test_exactly_the_list_is_approved_and_what_is_struck_is_cancelled(store, waiting, clock):
    shown = await store.proposals.show("", "officer-1")
    done = await store.proposals.approve(shown.digest, frozenset({"HED0000002"}), "officer-2", ALONE)
    assert (done.released, done.struck, done.left) == ((waiting[0], waiting[2]), (waiting[1],), {})
    assert await states(store) == {
        waiting[0]: State.REQUESTED,
        waiting[1]: State.CANCELLED,
        waiting[2]: State.REQUESTED,
    }
    with pytest.raises(RefusedByRule, match="approved by officer-2 already"):
        await store.proposals.approve(shown.digest, frozenset(), "officer-3", ALONE)
    assert isinstance(await store.journal.begin_sending(waiting[0], clock.now, None), Permit)
    (event,) = await events_of(store, "policy.list_approved")
    assert '"by":"officer-2"' in event.payload


async def test_what_came_after_the_list_is_not_approved_with_it(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=2, mode=Mode.PROPOSE)
    first = await propose(store, clock, 1)
    shown = await store.proposals.show("", "officer-1")
    second = await propose(store, clock, 2)
    await store.proposals.approve(shown.digest, frozenset(), "officer-2", ALONE)
    assert await states(store) == {first.id: State.REQUESTED, second.id: State.QUARANTINED}


async def test_who_has_paid_since_is_left_alone(store, waiting, clock):
    shown = await store.proposals.show("", "officer-1")
    command = restore(clock, cause="recharge:P-1", origin=Origin.POLICY)
    await store.accounts.recharge(CONSUMER, 100_00, "P-1", clock.now, "desk", lambda view: reconnect(view, command))
    done = await store.proposals.approve(shown.digest, frozenset(), "officer-2", ALONE)
    assert done.released == tuple(waiting[1:])
    assert "cancelled" in done.left[waiting[0]]


async def test_a_list_expires_and_knows_what_is_on_it(store, waiting, clock):
    shown = await store.proposals.show("", "officer-1")
    with pytest.raises(RefusedByRule, match="HED0000009 is not on it"):
        await store.proposals.approve(shown.digest, frozenset({"HED0000009"}), "officer-2", ALONE)
    with pytest.raises(UnknownProposal, match="was shown"):
        await store.proposals.approve("0" * 20, frozenset(), "officer-2", ALONE)
    clock.forward(hours=4)
    with pytest.raises(RefusedByRule, match="too old"):
        await store.proposals.approve(shown.digest, frozenset(), "officer-2", ALONE)
    assert set((await states(store)).values()) == {State.QUARANTINED}


async def test_an_approved_list_never_exceeds_a_cap(opened, tmp_path, clock):
    store = await opened(armed=True, caps=Caps(per_hour=2))
    await settle_in(store, tmp_path, count=3, mode=Mode.PROPOSE)
    ids = [(await propose(store, clock, number)).id for number in (1, 2, 3)]
    shown = await store.proposals.show("", "officer-1")
    done = await store.proposals.approve(shown.digest, frozenset(), "officer-2", ALONE)
    assert done.released == tuple(ids[:2])
    assert "over_cap_hour" in done.left[ids[2]]
    assert (await store.journal.command(ids[2])).state is State.QUARANTINED


async def test_the_facts_tell_what_was_owed_at_the_cut_and_paid_since(store, tmp_path, clock):
    await settle_in(store, tmp_path, opening="-80.00")
    await store.accounts.recharge(CONSUMER, 10_00, "P-0", clock.now, "desk", None)
    clock.forward(minutes=1)
    asked = await store.journal.request(cut(clock, origin=Origin.POLICY, balance=-70_00))
    facts = (await store.accounts.view(CONSUMER, clock.now)).facts
    assert (facts.cut_balance, facts.paid_since_cut, facts.partial_at) == (-70_00, 0, None)
    await store.journal.begin_sending(asked.id, clock.now, None)
    await store.journal.settle(asked.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    clock.forward(minutes=1)
    command = restore(clock, cause="recharge:P-1", origin=Origin.POLICY)
    half = evolve(command, reason="partial_payment: balance -₹35.00")
    paid = await store.accounts.recharge(CONSUMER, 35_00, "P-1", clock.now, "desk", lambda view: reconnect(view, half))
    facts = (await store.accounts.view(CONSUMER, clock.now)).facts
    assert (facts.cut_balance, facts.paid_since_cut, facts.partial_at) == (-70_00, 35_00, None)
    await store.journal.begin_sending(paid.command.id, clock.now, None)
    restored = clock.forward(seconds=5)
    await store.journal.settle(paid.command.id, State.CONFIRMED, clock.now, proof(clock, connected=True))
    clock.forward(days=1)
    assert (await store.accounts.view(CONSUMER, clock.now)).facts.partial_at == restored
