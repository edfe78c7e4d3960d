"""Recharges, cuts, losses and crashes in every order that hypothesis finds: a recharge always ends with supply on."""

import asyncio

from accounts import POLICY, request, view
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from memory_journal import Crashed, MemoryJournal
from scripted_meter import Clock, Lost, Relay, ScriptedSession

from headend.commands.executor import Executor
from headend.commands.journal import RefusedByRule
from headend.commands.model import State, Target
from headend.commands.transitions import OPEN
from headend.dlms.enumerations import ActionResult

POINTS = ("before-sending", "after-sending", "action-sent", "answer-received", "before-commit")
OPERATIONS = ("relay", "identity", "balance", "action", "answer")


def now(coroutine):
    """Run what never waits."""
    return asyncio.run(coroutine)


class Interleavings(RuleBasedStateMachine):
    @initialize(
        mode=st.sampled_from((2, 4)),
        lag=st.sampled_from((0.0, 0.25, 1.9)),
        hidden=st.booleans(),
        connected=st.booleans(),
    )
    def house(self, mode, lag, hidden, connected):
        self.clock = Clock()
        self.relay = Relay(self.clock, mode=mode, lag=lag, hidden=hidden, connected=connected)
        self.balance = -500
        self.journal = MemoryJournal(lambda: view(now=self.clock.now(), balance=self.balance))
        self.causes = 0
        self.wanted = None
        self.deaths = 0

    def _ask(self, target):
        self.causes += 1
        return self.journal.request(request(target, f"cause:{self.causes}", at=self.clock.now()))

    def _recharge(self):
        self.balance = 50_000
        step = self._ask(Target.CONNECTED)
        # Also called in the middle of a visit, where no loop may be started.
        try:
            step.send(None)
        except StopIteration:
            self.wanted = Target.CONNECTED
        else:
            raise AssertionError("the journal in memory never waits")

    @rule()
    def recharge(self):
        self._recharge()

    @rule()
    def credit_runs_out_and_a_cut_is_asked_for(self):
        self.balance = -500
        try:
            now(self._ask(Target.DISCONNECTED))
        except RefusedByRule:
            self.wanted = Target.CONNECTED  # the reconnect that is open still has to happen
        else:
            self.wanted = None

    @rule(seconds=st.sampled_from((0.1, 1.0, 30.0)))
    def time_passes(self, seconds):
        self.clock.seconds += seconds

    @rule(
        operation=st.sampled_from(OPERATIONS),
        after=st.integers(0, 3),
        loses=st.booleans(),
        die_at=st.none() | st.sampled_from(POINTS),
        recharge_at=st.none() | st.sampled_from(POINTS),
    )
    def visit(self, operation, after, loses, die_at, recharge_at):
        self._visit({operation: after} if loses else {}, die_at, recharge_at)

    @rule()
    def the_meter_is_busy_for_one_visit(self):
        self.relay.result = ActionResult.TEMPORARY_FAILURE
        self._visit({}, None, None)
        self.relay.result = ActionResult.SUCCESS

    @rule()
    def restart(self):
        now(self.journal.interrupted(self.clock.now()))

    def _visit(self, fails, die_at, recharge_at):
        pending = [recharge_at] if recharge_at else []

        def checkpoint(name):
            if name in pending:
                pending.remove(name)
                self._recharge()
            if name == die_at:
                self.journal.alive = False
                raise Crashed

        executor = Executor(
            self.journal, lambda _: POLICY, self.clock.now, self.clock.monotonic, self.clock.sleep, checkpoint
        )
        session = ScriptedSession(self.relay, balance=self.balance, fails=fails)
        try:
            now(executor.run_open(session))
        except Lost:
            self.clock.seconds += 1
        except Crashed:
            self.deaths += 1
            self.journal.alive = True
            now(self.journal.interrupted(self.clock.now()))

    @invariant()
    def the_relay_never_gets_an_action_for_what_already_is(self):
        if hasattr(self, "relay"):
            assert self.relay.duplicates == 0

    @invariant()
    def no_command_moves_the_relay_twice(self):
        if hasattr(self, "relay"):
            sent = [c for c in now(self.journal.commands(limit=10_000)) if c.attempts]
            assert len(self.relay.edges) <= len(sent)

    @invariant()
    def at_most_one_command_is_under_way(self):
        if hasattr(self, "journal"):
            assert sum(state in (State.SENDING, State.UNKNOWN) for state in self.journal.states()) <= 1

    def teardown(self):
        if not hasattr(self, "relay"):
            return
        for _ in range(6):
            self._visit({}, None, None)
            self.clock.seconds += 5
        left = [state for state in self.journal.states() if state in OPEN]
        assert left == [], f"still open after six undisturbed visits: {left}"
        if self.wanted is Target.CONNECTED:
            assert self.relay.state().connected


Interleavings.TestCase.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
TestInterleavings = Interleavings.TestCase
