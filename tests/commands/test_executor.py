import asyncio
from datetime import timedelta

import pytest
from accounts import POLICY, request, view
from memory_journal import Crashed, MemoryJournal
from scripted_meter import START, Clock, Lost, Relay, ScriptedSession, WrongIdentity

from headend.commands.executor import Executor
from headend.commands.journal import SentByAnother
from headend.commands.model import Evidence, Origin, State, Target
from headend.dlms.enumerations import ActionResult
from headend.prepaid.model import Mode

POINTS = ("before-sending", "after-sending", "action-sent", "answer-received", "before-commit")


class House:
    """A journal, a relay, and processes that may die; time is the clock's."""

    def __init__(self, **relay):
        self.clock = Clock()
        self.relay = Relay(self.clock, **relay)
        self.facts = {}
        self.journal = MemoryJournal(lambda: view(now=self.clock.now(), **self.facts))

    def executor(self, die_at=None):
        def checkpoint(name):
            if name == die_at:
                self.journal.alive = False
                raise Crashed

        return Executor(
            self.journal, lambda _: POLICY, self.clock.now, self.clock.monotonic, self.clock.sleep, checkpoint
        )

    def session(self, **script):
        return ScriptedSession(self.relay, **script)

    async def asked(self, target, cause="policy:1", **how):
        return await self.journal.request(request(target, cause, at=self.clock.now(), **how))

    async def restart(self):
        self.journal.alive = True
        return await self.journal.interrupted(self.clock.now())


async def test_a_cut_is_read_judged_sent_once_and_read_back():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    session = house.session()
    done = await house.executor().run(session, cut)
    assert done.state is State.CONFIRMED
    assert session.log == ["relay", "identity", "balance", "action", "answer", "relay"]
    assert house.journal.path(cut.id) == [State.REQUESTED, State.SENDING, State.CONFIRMED]
    assert house.relay.edges == [(0.0, False)]


async def test_a_reconnect_is_read_sent_once_and_read_back():
    house = House(connected=False)
    back = await house.asked(Target.CONNECTED, "recharge:1")
    session = house.session()
    done = await house.executor().run(session, back)
    assert done.state is State.CONFIRMED
    assert session.log == ["relay", "action", "answer", "relay"]
    assert house.relay.edges == [(0.0, True)]


@pytest.mark.parametrize("target", Target)
async def test_nothing_is_sent_when_the_relay_is_already_there(target):
    house = House(connected=target is Target.CONNECTED)
    asked = await house.asked(target)
    done = await house.executor().run(house.session(), asked)
    assert done.state is State.CONFIRMED
    assert house.relay.actions == []
    assert "already there, nothing sent" in house.journal.notes(asked.id)


async def test_the_evidence_tells_when_each_step_happened():
    house = House(lag=0.3)
    cut = await house.asked(Target.DISCONNECTED)
    await house.executor().run(house.session(), cut)
    note = house.journal.notes(cut.id)
    for step in ("relay read 0 ms", "permit 0 ms", "sent 0 ms", "answered 0 ms", "read back 300 ms"):
        assert step in note


async def test_a_slow_relay_is_waited_for():
    house = House(lag=2.0)
    cut = await house.asked(Target.DISCONNECTED)
    done = await house.executor().run(house.session(), cut)
    assert done.state is State.CONFIRMED
    assert len(house.relay.actions) == 1


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("target", Target)
async def test_a_crash_at_any_point_never_moves_the_relay_twice_and_ends_confirmed(point, target):
    house = House(connected=target is Target.DISCONNECTED)
    asked = await house.asked(target)
    with pytest.raises(Crashed):
        await house.executor(die_at=point).run_open(house.session())
    await house.restart()
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CONFIRMED]
    assert len(house.relay.edges) == 1
    assert house.relay.duplicates == 0
    assert len(house.relay.actions) == 1
    assert (State.UNKNOWN in house.journal.path(asked.id)) is (point != "before-sending")


async def test_crashes_at_every_point_one_after_another_lose_nothing():
    house = House(connected=False)
    await house.asked(Target.CONNECTED, "recharge:1")
    for point in POINTS * 2:
        with pytest.raises(Crashed):
            await house.executor(die_at=point).run_open(house.session())
            house.executor()  # not every point is passed when nothing is left to send
            raise Crashed
        await house.restart()
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CONFIRMED]
    assert len(house.relay.edges) == 1
    assert house.relay.duplicates == 0


@pytest.mark.parametrize("target", Target)
async def test_the_relay_is_read_before_a_resend_when_the_answer_was_lost(target):
    house = House(connected=target is Target.DISCONNECTED)
    asked = await house.asked(target)
    lost = await house.executor().run(house.session(fails={"answer": 0}), asked)
    assert lost.state is State.UNKNOWN
    assert len(house.relay.actions) == 1
    again = house.session()
    done = await house.executor().run(again, lost)
    assert done.state is State.CONFIRMED
    assert again.log == ["relay"]
    assert len(house.relay.actions) == 1


async def test_an_action_that_never_arrived_is_sent_again_only_after_reading():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    lost = await house.executor().run(house.session(fails={"action": 0}), cut)
    assert lost.state is State.UNKNOWN
    assert house.relay.actions == []
    session = house.session()
    done = await house.executor().run(session, lost)
    assert done.state is State.CONFIRMED
    assert session.log.index("relay") < session.log.index("action")
    assert len(house.relay.edges) == 1


async def test_a_relay_read_too_soon_after_a_lost_action_is_read_again():
    house = House(connected=False, lag=1.5)
    back = await house.asked(Target.CONNECTED, "recharge:1")
    lost = await house.executor().run(house.session(fails={"answer": 0}), back)
    done = await house.executor().run(house.session(), lost)
    assert done.state is State.CONFIRMED
    assert len(house.relay.actions) == 1


async def test_a_connection_lost_at_the_read_back_leaves_the_outcome_unknown():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    lost = await house.executor().run(house.session(fails={"relay": 1}), cut)
    assert lost.state is State.UNKNOWN
    assert "connection lost at relay" in house.journal.notes(cut.id)
    done = await house.executor().run(house.session(), lost)
    assert done.state is State.CONFIRMED
    assert len(house.relay.actions) == 1


async def test_a_relay_that_can_t_be_read_leaves_the_command_as_it_was():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    with pytest.raises(Lost):
        await house.executor().run(house.session(fails={"relay": 0}), cut)
    assert house.journal.states() == [State.REQUESTED]


async def test_a_wrong_meter_is_never_switched():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    with pytest.raises(WrongIdentity):
        await house.executor().run(house.session(identity=False), cut)
    assert house.relay.actions == []
    assert house.journal.states() == [State.REQUESTED]


async def test_a_refused_action_is_rejected_with_the_meters_reason():
    house = House()
    house.relay.result = ActionResult.READ_WRITE_DENIED
    cut = await house.asked(Target.DISCONNECTED)
    done = await house.executor().run(house.session(), cut)
    assert done.state is State.REJECTED
    assert "read-write-denied" in house.journal.notes(cut.id)


async def test_a_reconnect_refused_for_the_moment_is_tried_again_at_the_next_visit():
    house = House(connected=False)
    house.relay.result = ActionResult.TEMPORARY_FAILURE
    back = await house.asked(Target.CONNECTED, "recharge:1")
    first = await house.executor().run(house.session(), back)
    assert first.state is State.UNKNOWN
    house.relay.result = ActionResult.SUCCESS
    done = await house.executor().run(house.session(), first)
    assert done.state is State.CONFIRMED
    assert len(house.relay.edges) == 1


async def test_a_welded_relay_is_given_up_after_a_few_cuts():
    house = House(deaf=True)
    cut = await house.asked(Target.DISCONNECTED)
    for _ in range(6):
        await house.executor().run_open(house.session())
    assert house.journal.states() == [State.REJECTED]
    assert len(house.relay.actions) == 3
    assert "did not move in 3 attempts" in house.journal.notes(cut.id)


async def test_a_reconnect_that_finds_no_relay_moving_stays_open():
    house = House(connected=False, deaf=True)
    await house.asked(Target.CONNECTED, "recharge:1")
    for _ in range(5):
        await house.executor().run_open(house.session())
    assert house.journal.states() == [State.UNKNOWN]


@pytest.mark.parametrize("mode", range(7))
async def test_each_control_mode_is_taken_for_what_it_can_do(mode):
    house = House(mode=mode)
    cut = await house.asked(Target.DISCONNECTED)
    done = await house.executor().run(house.session(), cut)
    assert done.state is (State.REJECTED if mode == 0 else State.CONFIRMED)
    back = await house.asked(Target.CONNECTED, "recharge:1")
    restored = await house.executor().run(house.session(), back)
    if mode in (0, 2, 4):
        assert restored.state is State.CONFIRMED
        assert house.relay.contact
    else:
        assert restored.state is State.REJECTED
        assert "press the button at the meter" in house.journal.notes(back.id)
        assert house.relay.control == 2


async def test_ready_for_reconnection_is_not_sent_a_second_reconnect():
    house = House(mode=1)
    await house.executor().run(house.session(), await house.asked(Target.DISCONNECTED))
    await house.executor().run(house.session(), await house.asked(Target.CONNECTED, "recharge:1"))
    again = await house.executor().run(house.session(), await house.asked(Target.CONNECTED, "recharge:2"))
    assert again.state is State.REJECTED
    assert house.relay.actions == ["open", "close"]


async def test_a_cut_takes_ready_for_reconnection_away():
    house = House(mode=1)
    await house.executor().run(house.session(), await house.asked(Target.DISCONNECTED))
    await house.executor().run(house.session(), await house.asked(Target.CONNECTED, "recharge:1"))
    await house.executor().run(house.session(), await house.asked(Target.DISCONNECTED, "policy:2"))
    assert house.relay.control == 0


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"mode": Mode.NOTIFY}, "mode_notify"),
        ({"mode": Mode.PROPOSE}, "mode_propose"),
        ({"protected": "medical equipment"}, "protected"),
        ({"kill_switch": True}, "kill_switch"),
        ({"armed": False}, "disarmed"),
        ({"clock_deviation": 999.0}, "clock_suspect"),
    ],
)
async def test_a_rule_stops_the_cut_at_the_last_moment_and_says_why(facts, reason):
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    house.facts = facts
    done = await house.executor().run(house.session(), cut)
    assert done.state is State.CANCELLED
    assert house.relay.actions == []
    assert reason in house.journal.notes(cut.id)


async def test_a_forbidden_hour_stops_the_cut():
    house = House()
    house.clock.seconds = 14 * 3600
    cut = await house.asked(Target.DISCONNECTED)
    done = await house.executor().run(house.session(), cut)
    assert done.state is State.CANCELLED
    assert "forbidden_hour" in house.journal.notes(cut.id)
    assert house.relay.actions == []


async def test_a_reconnect_is_never_stopped_by_hour_mode_or_switch():
    house = House(connected=False)
    house.clock.seconds = 14 * 3600
    house.facts = {"mode": Mode.NOTIFY, "kill_switch": True, "armed": False, "protected": "medical equipment"}
    house.journal.kill_switch = True
    back = await house.asked(Target.CONNECTED, "recharge:1")
    assert (await house.executor().run(house.session(), back)).state is State.CONFIRMED


async def test_a_balance_recharged_at_the_meter_stops_the_cut():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    done = await house.executor().run(house.session(balance=100), cut)
    assert done.state is State.CANCELLED
    assert "in_credit" in house.journal.notes(cut.id)


async def test_an_expired_cut_is_not_sent():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    house.clock.seconds = 4 * 3600
    done = await house.executor().run(house.session(), cut)
    assert done.state is State.EXPIRED
    assert house.relay.actions == []


async def test_a_cut_that_a_person_released_is_sent_in_propose_mode():
    house = House()
    house.facts = {"mode": Mode.PROPOSE}
    cut = await house.asked(Target.DISCONNECTED)
    house.journal.quarantine_first(cut.id, house.clock.now())
    waiting = await house.journal.command(cut.id)
    assert (await house.executor().run(house.session(), waiting)).state is State.QUARANTINED
    released = await house.journal.release(cut.id, house.clock.now(), "officer")
    assert (await house.executor().run(house.session(), released)).state is State.CONFIRMED


@pytest.mark.parametrize("strict", [False, True])
async def test_a_cut_superseded_at_the_last_moment_is_not_sent(strict):
    house = House()
    house.journal.strict = strict
    cut = await house.asked(Target.DISCONNECTED)

    class Recharged(ScriptedSession):
        async def read_balance(self):
            await house.asked(Target.CONNECTED, "recharge:1")
            return await super().read_balance()

    done = await house.executor().run(Recharged(house.relay), cut)
    assert done.state is State.CANCELLED
    assert house.relay.actions == []


async def test_an_operators_cut_goes_past_the_balance():
    house = House()
    cut = await house.asked(Target.DISCONNECTED, "operator:1", origin=Origin.OPERATOR)
    assert (await house.executor().run(house.session(balance=50_000), cut)).state is State.CONFIRMED


async def test_a_cut_superseded_before_it_is_sent_is_cancelled_and_supply_stays_on():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    await house.asked(Target.CONNECTED, "recharge:1")
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CANCELLED, State.CONFIRMED]
    assert house.relay.actions == []
    assert "superseded" in house.journal.notes(cut.id)


async def test_a_cut_superseded_while_its_answer_is_lost_is_resolved_by_reading_and_then_undone():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    await house.executor().run(house.session(fails={"answer": 0}), cut)
    await house.asked(Target.CONNECTED, "recharge:1")
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CONFIRMED, State.CONFIRMED]
    assert house.relay.actions == ["open", "close"]
    assert house.relay.contact


async def test_a_cut_superseded_that_never_arrived_is_not_sent_again():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    await house.executor().run(house.session(fails={"action": 0}), cut)
    await house.asked(Target.CONNECTED, "recharge:1")
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CANCELLED, State.CONFIRMED]
    assert house.relay.actions == []


async def test_a_cut_still_at_work_in_the_meter_is_waited_out_before_the_reconnect():
    house = House(lag=1.8)
    cut = await house.asked(Target.DISCONNECTED)
    await house.executor().run(house.session(fails={"answer": 0}), cut)
    await house.asked(Target.CONNECTED, "recharge:1")
    await house.executor().run_open(house.session())
    house.clock.seconds += 10
    assert house.relay.state().connected
    assert house.journal.states() == [State.CONFIRMED, State.CONFIRMED]


@pytest.mark.parametrize("recharged", [False, True])
async def test_a_cut_that_does_not_show_yet_is_not_taken_for_one_that_never_came(recharged):
    house = House(lag=1.8, hidden=True)
    cut = await house.asked(Target.DISCONNECTED)
    await house.executor().run(house.session(fails={"answer": 0}), cut)
    if recharged:
        await house.asked(Target.CONNECTED, "recharge:1")
    await house.executor().run_open(house.session())
    house.clock.seconds += 10
    assert house.relay.state().connected is recharged
    assert set(house.journal.states()) == {State.CONFIRMED}
    assert house.relay.duplicates == 0
    assert len(house.relay.actions) == 1 + recharged


async def test_a_command_found_in_sending_is_read_first():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    house.relay.act("open")
    permit = await house.journal.begin_sending(cut.id, house.clock.now(), lambda _: None)
    done = await house.executor().run(house.session(), permit.command)
    assert done.state is State.CONFIRMED
    assert house.relay.actions == ["open"]


async def test_an_outcome_that_was_written_while_its_visit_was_stopped_counts():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    permit = await house.journal.begin_sending(cut.id, house.clock.now(), lambda _: None)
    proof = Evidence(None, house.relay.state(), sent=True)
    await house.journal.settle(cut.id, State.CONFIRMED, house.clock.now(), proof)
    session = house.session()
    done = await house.executor().run(session, permit.command)
    assert done.state is State.CONFIRMED
    assert session.log == []


async def test_a_stop_in_the_middle_is_journalled_as_unknown():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)

    class Hanging(ScriptedSession):
        async def open_relay(self, sent):
            self.relay.act("open")
            sent()
            await asyncio.Event().wait()

    running = asyncio.ensure_future(house.executor().run(Hanging(house.relay), cut))
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert house.journal.states() == [State.UNKNOWN]
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CONFIRMED]
    assert len(house.relay.actions) == 1


async def test_a_finished_command_is_left_alone():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    done = await house.executor().run(house.session(), cut)
    session = house.session()
    assert await house.executor().run(session, done) == done
    assert session.log == []


async def test_an_outcome_that_can_t_be_written_is_found_out_after_the_restart():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    house.journal.fails_to_settle = OSError("disk full")
    with pytest.raises(OSError, match="disk full"):
        await house.executor().run(house.session(), cut)
    house.journal.fails_to_settle = None
    assert await house.restart() == 1
    await house.executor().run_open(house.session())
    assert house.journal.states() == [State.CONFIRMED]
    assert len(house.relay.actions) == 1


async def test_commands_without_a_known_outcome_come_first_then_the_reconnect():
    house = House()
    cut = await house.asked(Target.DISCONNECTED)
    permit = await house.journal.begin_sending(cut.id, START, lambda _: None)
    await house.journal.settle(permit.command.id, State.UNKNOWN, START, Evidence(None, None, sent=True))
    await house.asked(Target.CONNECTED, "recharge:1")
    house.clock.seconds += timedelta(minutes=1).total_seconds()
    done = await house.executor().run_open(house.session())
    assert [command.target for command in done] == [Target.DISCONNECTED, Target.CONNECTED]


async def test_what_another_process_is_sending_is_neither_settled_nor_sent():
    house = House(connected=False)
    back = await house.asked(Target.CONNECTED, "recharge:1")
    sending = (await house.journal.begin_sending(back.id, house.clock.now(), None)).command
    house.journal.fails_to_settle = SentByAnother("worker 2 sends it")
    session = house.session()
    assert await house.executor().run(session, sending) == sending
    assert session.log == []
    assert house.relay.actions == []
