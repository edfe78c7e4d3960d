"""The only place that sends a relay ACTION: read, ask the journal, send once, read back, settle.

A command is never sent again before the relay was read. When the outcome can't be known the command becomes UNKNOWN,
and the next visit reads before anything else: commands without a known outcome come first, then a reconnect, then a
disconnect.
"""

import asyncio
from datetime import timedelta
from typing import Final

from attrs import evolve, field, frozen

from headend.commands.conclusion import Outcome, after_answer, after_reading, lost, reached, switching, without_sending
from headend.commands.journal import Journal, LocalStateError, Permit, Recheck, Refusal, SentByAnother
from headend.commands.model import Command, Evidence, State, Target
from headend.commands.ports import Checkpoint, PolicyFor, RelaySession, Sleep
from headend.commands.recheck import Fresh, recheck
from headend.commands.stopwatch import Stopwatch
from headend.commands.transitions import RUNNABLE
from headend.errors import HeadendError
from headend.meters.reading import RelayState
from headend.session.ports import Monotonic, Now

#: Seconds between two looks at a relay that is on its way; together what a slow contactor and its meter take.
SETTLE_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
#: An ACTION whose answer was lost may still be at work in the meter: "it did not happen" is believed after this long.
LAG: Final = timedelta(seconds=2)


def _no_checkpoint(_: str) -> None:
    pass


@frozen
class Executor:
    """Executes journalled commands over an open session.

    `checkpoint` is told each point that a crash test wants to die at: before-sending, after-sending, action-sent,
    answer-received, before-commit.
    """

    journal: Journal
    policy_for: PolicyFor
    now: Now
    monotonic: Monotonic
    sleep: Sleep = asyncio.sleep
    checkpoint: Checkpoint = _no_checkpoint
    pauses: tuple[float, ...] = SETTLE_PAUSES
    lag: timedelta = field(default=LAG)

    async def run_open(self, session: RelaySession) -> list[Command]:
        """Run every open command of the session's meter once, in the journal's order, new ones as they come."""
        done: list[Command] = []
        while (command := await self._next(session, done)) is not None:
            done.append(await self.run(session, command))
        return done

    async def run(self, session: RelaySession, command: Command) -> Command:
        """One command as far as it goes now; gives it back as the journal has it.

        Raises HeadendError when the relay can't be read before anything is sent (the command stays as it was), or the
        meter is not the one it should be. What happens after the ACTION is journalled, not raised.
        """
        if command.state not in RUNNABLE:
            return command
        watch = Stopwatch(self.monotonic)
        if command.state is State.SENDING:
            command = await self._interrupted(command)
            if command.state not in RUNNABLE or command.state is State.SENDING:
                return command
        before = await self._stable_relay(session)
        watch.mark("relay read")
        if command.state is State.UNKNOWN:
            before = await self._after_lag(session, command, before)
            command = await self._settle(command, after_reading(command.target, before), watch)
        if command.state is not State.REQUESTED:
            return command
        return await self._execute(session, command, before, watch)

    async def _next(self, session: RelaySession, done: list[Command]) -> Command | None:
        seen = {command.id for command in done}
        for command in await self.journal.open_for(session.meter.serial):
            if command.id not in seen and command.state in RUNNABLE:
                return command
        return None

    async def _interrupted(self, command: Command) -> Command:
        """SENDING at the start of a visit: the visit that sent it is gone, and its outcome with it.

        Unless that visit was stopped while its outcome was being written, and it is written by now.
        """
        evidence = Evidence(None, None, sent=True, note="the visit that was sending it ended without an outcome")
        try:
            return await self.journal.settle(command.id, State.UNKNOWN, self.now(), evidence)
        except SentByAnother:
            return command
        except LocalStateError:
            found = await self._reread(command)
            if found.state is State.SENDING:
                raise
            return found

    async def _execute(self, session: RelaySession, command: Command, before: RelayState, watch: Stopwatch) -> Command:
        judge = None if command.target is Target.CONNECTED else await self._recheck(session, command, before)
        self.checkpoint("before-sending")
        answer = await self._permit(command, judge)
        if not isinstance(answer, Permit):
            return await self._reread(command)
        watch.mark("permit")
        outcome = await self._send_once(session, answer.command, before, watch)
        self.checkpoint("before-commit")
        return await self._settle(answer.command, outcome, watch)

    async def _permit(self, command: Command, judge: Recheck | None) -> Permit | Refusal | None:
        """The journal's answer; None when the command was superseded, cancelled or expired while the relay was read."""
        try:
            return await self.journal.begin_sending(command.id, self.now(), judge)
        except LocalStateError:
            if (await self._reread(command)).state is State.REQUESTED:
                raise
            return None

    async def _recheck(self, session: RelaySession, command: Command, before: RelayState) -> Recheck:
        await session.confirm_identity()
        fresh = Fresh(before, await session.read_balance())
        steps = await self.journal.steps(command.id)
        approved = any(step.before is State.QUARANTINED and step.after is State.REQUESTED for step in steps)
        return recheck(command, fresh, self.policy_for, approved=approved)

    async def _send_once(
        self, session: RelaySession, command: Command, before: RelayState, watch: Stopwatch
    ) -> Outcome:
        """From the permit on, every way out has an outcome: a lost answer and a lost process are the same thing."""
        sent = False

        def handed_over() -> None:
            nonlocal sent
            sent = True
            watch.mark("sent")
            self.checkpoint("action-sent")

        try:
            self.checkpoint("after-sending")
            if (outcome := without_sending(command.target, before)) is not None:
                return outcome
            act = session.close_relay if command.target is Target.CONNECTED else session.open_relay
            result = await act(handed_over)
            watch.mark("answered")
            self.checkpoint("answer-received")
            after = await self._relay_after(session, command)
            watch.mark("read back")
        except HeadendError as error:
            return lost(before, str(error), sent=sent)
        except BaseException as stopped:
            await self._settle(command, lost(before, f"stopped: {type(stopped).__name__}", sent=sent), watch)
            raise
        return after_answer(command, result, before, after)

    async def _relay_after(self, session: RelaySession, command: Command) -> RelayState:
        """The relay once it is where the command wants it, or as it was at the last look."""
        relay = await session.read_relay()
        for pause in self.pauses:
            if reached(command.target, relay) and not switching(relay):
                break
            await self.sleep(pause)
            relay = await session.read_relay()
        return relay

    async def _stable_relay(self, session: RelaySession) -> RelayState:
        """The relay once contact and control state agree; the contact alone counts where they never do."""
        relay = await session.read_relay()
        for pause in self.pauses:
            if not switching(relay):
                break
            await self.sleep(pause)
            relay = await session.read_relay()
        return relay

    async def _after_lag(self, session: RelaySession, command: Command, relay: RelayState) -> RelayState:
        """The relay again when it was read too soon after a lost ACTION to say that nothing happened."""
        wait = self.lag - (self.now() - command.changed_at)
        if reached(command.target, relay) or wait <= timedelta(0):
            return relay
        await self.sleep(min(wait, self.lag).total_seconds())
        return await self._stable_relay(session)

    async def _settle(self, command: Command, outcome: Outcome, watch: Stopwatch) -> Command:
        evidence = evolve(outcome.evidence, note=f"{outcome.evidence.note} ({watch})")
        return await self.journal.settle(command.id, outcome.state, self.now(), evidence)

    async def _reread(self, command: Command) -> Command:
        found = await self.journal.command(command.id)
        if found is None:
            raise LocalStateError(f"command {command.id} has vanished from the journal")
        return found
