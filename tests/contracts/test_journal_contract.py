import asyncio
from datetime import timedelta

import pytest
from store_making import (
    CONSUMER_HEADER,
    OFFICE,
    SERIAL,
    consumer_line,
    cut,
    events_of,
    meter,
    proof,
    restore,
    settle_in,
    write_csv,
)

from headend.commands.journal import LocalStateError, Permit, Refusal, RefusedByRule
from headend.commands.model import Evidence, Origin, State
from headend.prepaid.caps import Caps
from headend.prepaid.model import Mode
from headend.storage import UnknownCommand, UnknownMeter

ROOMY = Caps(per_hour=100, per_day=100, per_segment_hour=100)


@pytest.fixture
async def journal(store, tmp_path):
    await settle_in(store, tmp_path, count=5)
    return store.journal


async def sent(journal, clock, command):
    permit = await journal.begin_sending(command.id, clock.now, None)
    assert isinstance(permit, Permit)
    return permit.command


async def test_a_command_is_journalled_with_all_it_rests_on(journal, clock):
    new = cut(clock, balance=-1250, balance_at=clock.now - timedelta(minutes=3), emergency=True)
    command = await journal.request(new)
    assert command == await journal.command(command.id)
    assert (command.meter, command.target, command.cause, command.origin) == (
        new.meter,
        new.target,
        new.cause,
        new.origin,
    )
    assert (command.balance, command.balance_at, command.emergency) == (new.balance, new.balance_at, True)
    assert (command.state, command.attempts, command.superseded_by) == (State.REQUESTED, 0, None)


async def test_the_same_cause_gives_back_the_same_command_whatever_became_of_it(journal, clock):
    first = await journal.request(cut(clock, cause="policy:1"))
    assert await journal.request(cut(clock, cause="policy:1")) == first
    await journal.cancel(first.id, clock.now, "operator-1", "a mistake")
    assert (await journal.request(cut(clock, cause="policy:1"))).state is State.CANCELLED
    assert len(await journal.commands(meter=SERIAL)) == 1


async def test_a_second_disconnect_gives_back_the_open_one(journal, clock):
    first = await journal.request(cut(clock, cause="a"))
    assert (await journal.request(cut(clock, cause="b"))).id == first.id


async def test_a_reconnect_cancels_a_disconnect_that_is_not_sent(journal, clock):
    old = await journal.request(cut(clock))
    new = await journal.request(restore(clock))
    old = await journal.command(old.id)
    assert (old.state, old.superseded_by) == (State.CANCELLED, new.id)
    assert await journal.open_for(SERIAL) == [new]
    assert isinstance(await journal.begin_sending(old.id, clock.now, None), Refusal)


async def test_a_reconnect_waits_behind_a_disconnect_that_is_being_sent(journal, clock):
    old = await sent(journal, clock, await journal.request(cut(clock)))
    new = await journal.request(restore(clock))
    assert [command.id for command in await journal.open_for(SERIAL)] == [old.id, new.id]
    refusal = await journal.begin_sending(new.id, clock.now, None)
    assert isinstance(refusal, Refusal)
    assert refusal.state is State.REQUESTED
    await journal.settle(old.id, State.UNKNOWN, clock.now, Evidence(None, None, sent=True))
    await journal.settle(old.id, State.REQUESTED, clock.now, proof(clock, connected=True))
    refusal = await journal.begin_sending(old.id, clock.now, None)
    assert refusal == Refusal(State.CANCELLED, f"replaced by command {new.id}")
    await sent(journal, clock, new)


async def test_no_disconnect_gets_in_while_a_reconnect_is_open(journal, clock):
    await journal.request(restore(clock))
    with pytest.raises(RefusedByRule, match="reconnect"):
        await journal.request(cut(clock, cause="later"))


async def test_a_second_reconnect_gives_back_the_open_one(journal, clock):
    first = await journal.request(restore(clock, cause="a"))
    assert await journal.request(restore(clock, cause="b")) == first


async def test_the_kill_switch_stops_disconnects_and_no_reconnect(store, journal, clock):
    waiting = await journal.request(cut(clock, 2))
    await store.switches.set_kill_switch(on=True, by="operator-1")
    with pytest.raises(RefusedByRule, match="kill switch"):
        await journal.request(cut(clock))
    refusal = await journal.begin_sending(waiting.id, clock.now, None)
    assert isinstance(refusal, Refusal)
    assert refusal.state is State.QUARANTINED
    await sent(journal, clock, await journal.request(restore(clock)))


async def test_what_the_kill_switch_stopped_does_not_go_out_by_itself_afterwards(store, journal, clock):
    waiting = await journal.request(cut(clock))
    await store.switches.set_kill_switch(on=True, by="operator-1")
    await journal.begin_sending(waiting.id, clock.now, None)
    with pytest.raises(RefusedByRule, match="kill switch"):
        await journal.release(waiting.id, clock.now, "officer-2")
    await store.switches.set_kill_switch(on=False, by="operator-1")
    assert isinstance(await journal.begin_sending(waiting.id, clock.now, None), Refusal)
    released = await journal.release(waiting.id, clock.now, "officer-2")
    await sent(journal, clock, released)


async def test_a_protected_consumer_is_refused_even_in_an_emergency(store, clock, tmp_path):
    await settle_in(store, tmp_path, protected="medical equipment")
    with pytest.raises(RefusedByRule, match="medical equipment"):
        await store.journal.request(cut(clock, emergency=True))


async def test_protection_that_came_after_the_request_stops_the_sending(store, journal, clock, tmp_path):
    command = await journal.request(cut(clock))
    await settle_again(store, tmp_path, protected="medical equipment")
    refusal = await journal.begin_sending(command.id, clock.now, None)
    assert isinstance(refusal, Refusal)
    assert (refusal.state, "medical equipment" in refusal.reason) == (State.CANCELLED, True)


async def settle_again(store, folder, **consumer):
    lines = [consumer_line(number, **consumer) for number in range(1, 6)]
    await store.registry.import_consumers(write_csv(folder / "again.csv", CONSUMER_HEADER, lines))


@pytest.mark.parametrize(
    ("armed", "mode", "says"), [(False, Mode.AUTOMATIC, "disarmed"), (True, Mode.NOTIFY, "only notifies")]
)
async def test_the_policy_cuts_only_where_it_is_armed_and_automatic(store, journal, clock, armed, mode, says):
    await store.switches.set_armed(on=armed, by="test")
    await store.switches.set_mode(OFFICE, mode, by="test")
    with pytest.raises(RefusedByRule, match=says):
        await journal.request(cut(clock, origin=Origin.POLICY))
    assert (await journal.request(cut(clock, origin=Origin.OPERATOR))).state is State.REQUESTED


async def test_a_policy_cut_that_waits_when_the_house_is_disarmed_goes_to_a_person(store, journal, clock):
    command = await journal.request(cut(clock, origin=Origin.POLICY))
    await store.switches.set_armed(on=False, by="test")
    refusal = await journal.begin_sending(command.id, clock.now, None)
    assert refusal == Refusal(State.QUARANTINED, "the house is disarmed")


async def test_a_proposal_waits_for_a_second_person(store, journal, clock):
    await store.switches.set_mode("Ranchi", Mode.PROPOSE, by="test")
    command = await journal.request(cut(clock, origin=Origin.POLICY))
    assert command.state is State.QUARANTINED
    with pytest.raises(RefusedByRule, match="second person"):
        await journal.release(command.id, clock.now, command.requested_by)
    assert (await journal.release(command.id, clock.now, "officer-2")).state is State.REQUESTED
    assert [step.note for step in await journal.steps(command.id)][-1] == "released by officer-2"


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        (Caps(per_hour=2, per_day=100, per_segment_hour=100), "over_cap_hour"),
        (Caps(per_hour=100, per_day=2, per_segment_hour=100), "over_cap_day"),
        (Caps(per_hour=100, per_day=100, per_segment_hour=2), "over_cap_segment"),
    ],
)
async def test_disconnects_over_a_cap_are_quarantined(opened, clock, tmp_path, caps, reason):
    store = await opened(armed=True, caps=caps)
    await settle_in(store, tmp_path, count=4)
    commands = [await store.journal.request(cut(clock, number)) for number in (1, 2, 3)]
    assert [command.state for command in commands] == [State.REQUESTED, State.REQUESTED, State.QUARANTINED]
    assert (await store.journal.steps(commands[2].id))[0].note == reason
    with pytest.raises(RefusedByRule, match=reason):
        await store.journal.release(commands[2].id, clock.now, "officer-2")
    assert (await store.journal.request(restore(clock, 3))).state is State.REQUESTED


async def test_a_place_under_the_cap_is_free_again_after_the_hour(opened, clock, tmp_path):
    store = await opened(armed=True, caps=Caps(per_hour=1, per_day=100, per_segment_hour=100))
    await settle_in(store, tmp_path, count=3)
    await store.journal.request(cut(clock, 1, minutes=600))
    clock.forward(minutes=59)
    assert (await store.journal.request(cut(clock, 2, minutes=600))).state is State.QUARANTINED
    clock.forward(minutes=2)
    assert (await store.journal.request(cut(clock, 3))).state is State.REQUESTED


async def test_a_cancelled_disconnect_gives_its_place_back_and_a_sent_one_keeps_it(opened, clock, tmp_path):
    store = await opened(armed=True, caps=Caps(per_hour=1, per_day=100, per_segment_hour=100))
    await settle_in(store, tmp_path, count=4)
    first = await store.journal.request(cut(clock, 1))
    await store.journal.cancel(first.id, clock.now, "operator-1", "a mistake")
    second = await sent(store.journal, clock, await store.journal.request(cut(clock, 2)))
    await store.journal.settle(second.id, State.REJECTED, clock.now, proof(clock, connected=True))
    assert (await store.journal.request(cut(clock, 3))).state is State.QUARANTINED


async def test_the_cap_holds_when_the_command_is_sent_too(opened, clock, tmp_path):
    store = await opened(armed=True, caps=Caps(per_hour=1, per_day=100, per_segment_hour=100))
    await settle_in(store, tmp_path, count=2)
    early = await store.journal.request(cut(clock, 1, minutes=600))
    clock.forward(minutes=61)
    late = await store.journal.request(cut(clock, 2))
    await sent(store.journal, clock, late)
    refusal = await store.journal.begin_sending(early.id, clock.now, None)
    assert refusal == Refusal(State.QUARANTINED, "over_cap_hour")


async def test_an_emergency_passes_the_cap_and_is_counted(opened, clock, tmp_path):
    store = await opened(armed=True, caps=Caps(per_hour=1, per_day=100, per_segment_hour=100))
    await settle_in(store, tmp_path, count=3)
    await store.journal.request(cut(clock, 1))
    urgent = await store.journal.request(cut(clock, 2, emergency=True))
    assert urgent.state is State.REQUESTED
    await sent(store.journal, clock, urgent)
    assert (await store.accounts.view(f"{10_000_000_003}", clock.now)).facts.cuts_last_hour == 2


async def test_a_recheck_sees_the_account_and_its_text_cancels_the_command(journal, clock):
    command = await journal.request(cut(clock))
    seen = []

    def recheck(view):
        seen.append(view)
        return "balance_stale"

    assert await journal.begin_sending(command.id, clock.now, recheck) == Refusal(State.CANCELLED, "balance_stale")
    (view,) = seen
    assert view.facts.now == clock.now
    assert view.facts.account.meter == SERIAL
    assert view.facts.balance == 100_00
    assert (view.facts.open_command.id, view.facts.open_command.state) == (command.id, "requested")


async def test_a_recheck_is_not_asked_about_a_reconnect(journal, clock):
    command = await journal.request(restore(clock))
    permit = await journal.begin_sending(command.id, clock.now, lambda _: "never")
    assert isinstance(permit, Permit)


async def test_a_permit_is_given_once(journal, clock):
    command = await journal.request(cut(clock))
    answers = await asyncio.gather(*(journal.begin_sending(command.id, clock.now, None) for _ in range(5)))
    assert [type(answer) for answer in answers].count(Permit) == 1
    assert (await journal.command(command.id)).attempts == 1


async def test_an_expired_disconnect_is_never_sent(journal, clock):
    command = await journal.request(cut(clock, minutes=10))
    clock.forward(minutes=10)
    refusal = await journal.begin_sending(command.id, clock.now, None)
    assert isinstance(refusal, Refusal)
    assert refusal.state is State.EXPIRED


async def test_expiry_ends_waiting_disconnects_and_no_reconnect(store, journal, clock):
    await store.switches.set_mode("Ranchi", Mode.PROPOSE, by="test")
    requested = await journal.request(cut(clock, 1, minutes=10))
    quarantined = await journal.request(cut(clock, 2, minutes=10, origin=Origin.POLICY))
    sending = await sent(journal, clock, await journal.request(cut(clock, 3, minutes=10)))
    reconnect = await journal.request(restore(clock, 4))
    clock.forward(minutes=120)
    assert await journal.expire(clock.now) == 2
    states = [(await journal.command(command.id)).state for command in (requested, quarantined, sending, reconnect)]
    assert states == [State.EXPIRED, State.EXPIRED, State.SENDING, State.REQUESTED]


async def test_interrupted_makes_every_sending_unknown_once(journal, clock):
    commands = [await sent(journal, clock, await journal.request(cut(clock, number))) for number in (1, 2)]
    assert await journal.interrupted(clock.now) == 2
    assert await journal.interrupted(clock.now) == 0
    assert {(await journal.command(command.id)).state for command in commands} == {State.UNKNOWN}


async def test_unknown_is_left_only_with_a_reading(journal, clock):
    command = await sent(journal, clock, await journal.request(cut(clock)))
    await journal.settle(command.id, State.UNKNOWN, clock.now, Evidence(None, None, sent=True))
    with pytest.raises(LocalStateError):
        await journal.settle(command.id, State.CONFIRMED, clock.now, Evidence(None, None, sent=True))
    settled = await journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    assert settled.state is State.CONFIRMED
    assert '"connected":false' in settled.evidence


@pytest.mark.parametrize("state", [State.CONFIRMED, State.REJECTED, State.UNKNOWN, State.SENDING, State.CANCELLED])
async def test_a_change_that_the_table_does_not_list_changes_nothing(journal, clock, state):
    command = await journal.request(cut(clock))
    with pytest.raises(LocalStateError):
        await journal.settle(command.id, state, clock.now, proof(clock, connected=False))
    assert await journal.command(command.id) == command
    assert len(await journal.steps(command.id)) == 1


async def test_what_is_sent_can_not_be_cancelled(journal, clock):
    command = await sent(journal, clock, await journal.request(cut(clock)))
    with pytest.raises(RefusedByRule, match="sending"):
        await journal.cancel(command.id, clock.now, "operator-1", "too late")


async def test_each_transition_is_a_step(journal, clock):
    command = await journal.request(cut(clock))
    await sent(journal, clock, command)
    await journal.settle(command.id, State.CONFIRMED, clock.forward(seconds=1), proof(clock, connected=False))
    steps = await journal.steps(command.id)
    assert [(step.before, step.after) for step in steps] == [
        (None, State.REQUESTED),
        (State.REQUESTED, State.SENDING),
        (State.SENDING, State.CONFIRMED),
    ]
    assert steps[-1].at == clock.now
    assert steps[-1].note == "read back"


async def test_a_confirmed_disconnect_is_known_as_the_relay_and_told_once(store, journal, clock):
    command = await sent(journal, clock, await journal.request(cut(clock, origin=Origin.POLICY)))
    await journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    facts = (await store.accounts.view(f"{10_000_000_001}", clock.now)).facts
    assert (facts.relay_connected, facts.disconnected_by_us, facts.open_command) == (False, True, None)
    assert facts.relay_command == command.id
    (event,) = await events_of(store, "relay.disconnected")
    assert (event.meter, f'"command":{command.id}' in event.payload) == (SERIAL, True)


async def test_a_disconnect_by_an_operator_is_not_ours_to_undo(store, journal, clock):
    command = await sent(journal, clock, await journal.request(cut(clock)))
    await journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    facts = (await store.accounts.view(f"{10_000_000_001}", clock.now)).facts
    assert (facts.relay_connected, facts.disconnected_by_us) == (False, False)


async def test_open_work_is_listed_with_reconnects_first(journal, clock):
    await journal.request(cut(clock, 1))
    await journal.request(cut(clock, 2))
    await journal.request(restore(clock, 3))
    await sent(journal, clock, await journal.request(cut(clock, 4)))
    assert await journal.meters_with_open() == [
        ("HED0000003", True),
        ("HED0000001", False),
        ("HED0000002", False),
    ]


async def test_an_unknown_command_comes_before_the_reconnect_that_replaced_it(journal, clock):
    old = await sent(journal, clock, await journal.request(cut(clock)))
    await journal.settle(old.id, State.UNKNOWN, clock.now, Evidence(None, None, sent=True))
    new = await journal.request(restore(clock))
    assert [command.id for command in await journal.open_for(SERIAL)] == [old.id, new.id]
    assert (await journal.command(old.id)).superseded_by == new.id


async def test_commands_are_listed_newest_first_by_meter_and_state(journal, clock):
    first = await journal.request(cut(clock, 1))
    second = await journal.request(cut(clock, 2))
    await journal.cancel(first.id, clock.now, "operator-1", "a mistake")
    assert [command.id for command in await journal.commands()] == [second.id, first.id]
    assert [command.id for command in await journal.commands(state=State.CANCELLED)] == [first.id]
    assert [command.id for command in await journal.commands(meter="HED0000002", limit=1)] == [second.id]


async def test_a_meter_or_command_that_nobody_knows_is_named(journal, clock):
    with pytest.raises(UnknownMeter, match="HED0000099"):
        await journal.request(cut(clock, 99))
    with pytest.raises(UnknownCommand, match="4711"):
        await journal.begin_sending(4711, clock.now, None)
    assert await journal.command(4711) is None


async def test_a_meter_without_account_is_cut_by_hand_and_never_by_the_policy(store, clock):
    await store.registry.add_meter(meter(1, consumer_no=None))
    with pytest.raises(RefusedByRule, match="no account"):
        await store.journal.request(cut(clock, origin=Origin.POLICY))
    await sent(store.journal, clock, await store.journal.request(cut(clock)))


async def test_every_state_of_a_command_is_an_event(store, journal, clock):
    command = await sent(journal, clock, await journal.request(cut(clock)))
    await journal.settle(command.id, State.CONFIRMED, clock.now, proof(clock, connected=False))
    kinds = [event.kind for event in await store.events.events(0) if event.kind.startswith("command.")]
    assert kinds == ["command.requested", "command.sending", "command.confirmed"]
