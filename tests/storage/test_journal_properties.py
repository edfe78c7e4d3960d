"""The journal under any order of requests, sending, outcomes, cancels, time and restarts keeps its promises."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from store_making import START, Clock, cut, meter, open_sqlite, proof, restore, settle_in

from headend.commands.journal import LocalStateError, Permit, RefusedByRule
from headend.commands.model import Evidence, Origin, State, Target
from headend.commands.transitions import FINAL, OPEN
from headend.prepaid.caps import Caps

METERS = st.integers(1, 3)
CAPS = Caps(per_hour=2, per_day=4, per_segment_hour=100)


class Journalling(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(START)
        self.sent = []  # (when, emergency) of every disconnect that was allowed out
        self.killed = False
        self.finals = {}
        self.causes = 0
        self.open()
        self.run(settle_in(self.store, Path(self.folder.name), count=3))

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def open(self):
        self.store = self.run(open_sqlite(Path(self.folder.name), self.clock, caps=CAPS, armed=True))
        self.journal = self.store.journal

    def teardown(self):
        self.run(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    def commands(self, *states):
        return [command for command in self.run(self.journal.commands(limit=1000)) if command.state in states]

    def pick(self, index, *states):
        found = self.commands(*states)
        return found[index % len(found)] if found else None

    @rule(number=METERS, origin=st.sampled_from([Origin.POLICY, Origin.OPERATOR]), emergency=st.booleans())
    def ask_for_a_cut(self, number, origin, emergency):
        self.causes += 1
        emergency = emergency and origin is Origin.OPERATOR
        new = cut(self.clock, number, cause=f"c{self.causes}", origin=origin, emergency=emergency, minutes=90)
        open_before = self.run(self.journal.open_for(new.meter))
        try:
            command = self.run(self.journal.request(new))
        except RefusedByRule:
            assert self.killed or any(one.target is Target.CONNECTED for one in open_before)
            return
        assert not self.killed
        assert command.target is Target.DISCONNECTED

    @rule(number=METERS)
    def ask_for_supply(self, number):
        self.causes += 1
        command = self.run(self.journal.request(restore(self.clock, number, cause=f"r{self.causes}")))
        assert command.target is Target.CONNECTED
        for other in self.commands(State.REQUESTED, State.QUARANTINED):
            assert other.meter != command.meter or other.target is Target.CONNECTED

    @rule(index=st.integers(0, 50))
    def send(self, index):
        command = self.pick(index, State.REQUESTED)
        if command is None:
            return
        sending = [one for one in self.commands(State.SENDING) if one.meter == command.meter]
        answer = self.run(self.journal.begin_sending(command.id, self.clock.now, None))
        if not isinstance(answer, Permit):
            assert command.target is Target.DISCONNECTED or sending
            return
        assert not sending
        if command.target is Target.DISCONNECTED:
            assert not self.killed
            assert command.expires_at > self.clock.now
            assert command.superseded_by is None
            self.sent.append((self.clock.now, command.emergency))

    @rule(index=st.integers(0, 50), state=st.sampled_from(State), read=st.booleans())
    def settle(self, index, state, read):
        command = self.pick(index, *State)
        if command is None:
            return
        evidence = (
            proof(self.clock, connected=command.target is Target.CONNECTED) if read else Evidence(None, None, sent=True)
        )
        try:
            settled = self.run(self.journal.settle(command.id, state, self.clock.now, evidence))
        except LocalStateError:
            assert self.run(self.journal.command(command.id)) == command
            return
        assert command.state in (State.SENDING, State.UNKNOWN)
        assert command.state is State.SENDING or read
        assert settled.state is state

    @rule(index=st.integers(0, 50))
    def cancel(self, index):
        command = self.pick(index, *State)
        if command is None:
            return
        try:
            self.run(self.journal.cancel(command.id, self.clock.now, "operator-1", "a mistake"))
        except RefusedByRule:
            assert command.state not in (State.REQUESTED, State.QUARANTINED)

    @rule(index=st.integers(0, 50))
    def release(self, index):
        command = self.pick(index, State.QUARANTINED)
        if command is None:
            return
        try:
            self.run(self.journal.release(command.id, self.clock.now, "officer-2"))
        except RefusedByRule:
            assert self.run(self.journal.command(command.id)).state is State.QUARANTINED
        else:
            assert not self.killed

    @rule(minutes=st.sampled_from([1, 20, 61, 600]))
    def time_passes(self, minutes):
        self.clock.forward(minutes=minutes)

    @rule()
    def expire(self):
        self.run(self.journal.expire(self.clock.now))
        for command in self.commands(State.REQUESTED, State.QUARANTINED):
            assert command.target is Target.CONNECTED or command.expires_at > self.clock.now

    @rule()
    def turn_the_kill_switch(self):
        self.killed = not self.killed
        self.run(self.store.switches.set_kill_switch(on=self.killed, by="operator-1"))

    @rule()
    @precondition(lambda self: self.causes > 0)
    def restart(self):
        self.run(self.store.close())
        self.open()
        self.run(self.journal.interrupted(self.clock.now))
        assert self.commands(State.SENDING) == []

    @invariant()
    def one_open_command_a_meter(self):
        standing = [one.meter for one in self.commands(*OPEN) if one.superseded_by is None]
        assert len(standing) == len(set(standing))

    @invariant()
    def caps_hold_in_every_hour_and_day(self):
        for span, most in ((timedelta(hours=1), CAPS.per_hour), (timedelta(days=1), CAPS.per_day)):
            for moment, _ in self.sent:
                within = [one for one in self.sent if moment - span < one[0] <= moment]
                assert len([one for one in within if not one[1]]) <= most

    @invariant()
    def what_is_final_stays(self):
        for command in self.commands(*FINAL):
            assert self.finals.setdefault(command.id, command.state) is command.state

    @invariant()
    def the_database_is_whole(self):
        report = self.run(self.store.check())
        assert report.ok, report.findings


def test_the_meters_are_those_of_the_makers():
    assert meter(3).serial == "HED0000003"


TestJournalling = Journalling.TestCase
TestJournalling.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
