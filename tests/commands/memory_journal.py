"""The journal port in memory, as the port describes it: what the executor is tried against."""

from datetime import datetime, timedelta

from attrs import evolve

from headend.commands.journal import Permit, Recheck, Refusal, RefusedByRule
from headend.commands.model import Command, Evidence, NewCommand, State, Step, Target
from headend.commands.transitions import NEEDS_READING, OPEN, allowed, require


class Crashed(BaseException):
    """The process died here."""


class MemoryJournal:
    def __init__(self, view, cap=100):
        self.view = view  # () -> AccountView
        self.cap = cap
        self.kill_switch = False
        self.alive = True
        self.strict = False  # whether a command that is gone raises, or is refused
        self.fails_to_settle = None
        self._commands = {}
        self._steps = []

    # what the port offers

    async def request(self, command: NewCommand) -> Command:
        self._check_alive()
        for known in self._commands.values():
            if (known.meter, known.cause) == (command.meter, command.cause):
                return known
        open_ones = [c for c in self._of(command.meter) if c.superseded_by is None]
        state = State.REQUESTED
        if command.target is Target.DISCONNECTED:
            if self.kill_switch:
                raise RefusedByRule("kill switch")
            if any(c.target is Target.CONNECTED for c in open_ones):
                raise RefusedByRule("a reconnect is open")
            if open_ones:
                return open_ones[0]
            if self._cuts() >= self.cap:
                state = State.QUARANTINED
        elif any(c.target is Target.CONNECTED for c in open_ones):
            return next(c for c in open_ones if c.target is Target.CONNECTED)
        number = len(self._commands) + 1
        new = Command(
            id=number,
            meter=command.meter,
            target=command.target,
            cause=command.cause,
            origin=command.origin,
            reason=command.reason,
            requested_by=command.requested_by,
            requested_at=command.requested_at,
            expires_at=command.expires_at,
            state=state,
            changed_at=command.requested_at,
            attempts=0,
            balance=command.balance,
            balance_at=command.balance_at,
            emergency=command.emergency,
            superseded_by=None,
            evidence=None,
        )
        require(None, state)
        for older in open_ones:
            self._supersede(older, number, command.requested_at)
        self._commands[number] = new
        self._steps.append(Step(number, command.requested_at, None, state, "requested"))
        return new

    async def open_for(self, meter: str) -> list[Command]:
        self._check_alive()
        return sorted(self._of(meter), key=_order)

    async def meters_with_open(self) -> list[tuple[str, bool]]:
        self._check_alive()
        runnable = [c for c in self._commands.values() if c.state in (State.REQUESTED, State.UNKNOWN)]
        meters = {c.meter: any(o.target is Target.CONNECTED for o in runnable if o.meter == c.meter) for c in runnable}
        return sorted(meters.items(), key=lambda item: not item[1])

    async def begin_sending(self, command_id: int, now: datetime, recheck: Recheck | None) -> Permit | Refusal:
        self._check_alive()
        command = self._commands[command_id]
        if not allowed(command.state, State.SENDING):
            if self.strict:
                require(command.state, State.SENDING)
            return Refusal(command.state, "no longer requested")
        if command.superseded_by is not None:
            return self._refuse(command, State.CANCELLED, now, f"superseded by {command.superseded_by}")
        if command.target is Target.DISCONNECTED:
            if now >= command.expires_at:
                return self._refuse(command, State.EXPIRED, now, "expired")
            if self.kill_switch:
                return self._refuse(command, State.CANCELLED, now, "kill_switch")
            assert recheck is not None, "a disconnect is never sent without a recheck"
            reason = recheck(self.view())
            if reason is not None:
                return self._refuse(command, State.CANCELLED, now, reason)
        else:
            assert recheck is None, "nothing may stand in a reconnect's way"
        command = evolve(command, attempts=command.attempts + 1)
        return Permit(self._move(command, State.SENDING, now, "sending"))

    async def settle(self, command_id: int, state: State, now: datetime, evidence: Evidence) -> Command:
        self._check_alive()
        if self.fails_to_settle is not None:
            raise self.fails_to_settle
        command = self._commands[command_id]
        require(command.state, state)
        if (command.state, state) in NEEDS_READING:
            assert evidence.after is not None, "an unknown outcome is left by reading only"
        return self._move(evolve(command, evidence=repr(evidence)), state, now, evidence.note)

    async def cancel(self, command_id: int, now: datetime, by: str, reason: str) -> Command:
        self._check_alive()
        command = self._commands[command_id]
        require(command.state, State.CANCELLED)
        return self._move(command, State.CANCELLED, now, f"{by}: {reason}")

    async def release(self, command_id: int, now: datetime, by: str) -> Command:
        self._check_alive()
        command = self._commands[command_id]
        assert command.state is State.QUARANTINED
        return self._move(command, State.REQUESTED, now, f"released by {by}")

    async def interrupted(self, now: datetime) -> int:
        self._check_alive()
        sending = [c for c in self._commands.values() if c.state is State.SENDING]
        for command in sending:
            self._move(command, State.UNKNOWN, now, "interrupted")
        return len(sending)

    async def expire(self, now: datetime) -> int:
        self._check_alive()
        late = [
            c
            for c in self._commands.values()
            if c.target is Target.DISCONNECTED and now >= c.expires_at and allowed(c.state, State.EXPIRED)
        ]
        for command in late:
            self._move(command, State.EXPIRED, now, "expired")
        return len(late)

    async def command(self, command_id: int) -> Command | None:
        self._check_alive()
        return self._commands.get(command_id)

    async def commands(self, *, meter=None, state=None, limit=100):
        self._check_alive()
        found = [c for c in self._commands.values() if meter in (None, c.meter) and state in (None, c.state)]
        return list(reversed(found))[:limit]

    async def steps(self, command_id: int) -> list[Step]:
        self._check_alive()
        return [step for step in self._steps if step.command == command_id]

    # what only tests ask for

    def quarantine_first(self, command_id: int, now: datetime) -> None:
        self._move(self._commands[command_id], State.QUARANTINED, now, "waits for a person")

    def states(self) -> list[State]:
        return [c.state for c in self._commands.values()]

    def notes(self, command_id: int) -> str:
        return "\n".join(step.note for step in self._steps if step.command == command_id)

    def path(self, command_id: int) -> list[State]:
        return [step.after for step in self._steps if step.command == command_id]

    def _check_alive(self):
        if not self.alive:
            raise Crashed

    def _of(self, meter):
        return [c for c in self._commands.values() if c.meter == meter and c.state in OPEN]

    def _cuts(self):
        return sum(c.target is Target.DISCONNECTED for c in self._commands.values())

    def _supersede(self, older, number, now):
        superseded = evolve(older, superseded_by=number)
        self._commands[older.id] = superseded
        if allowed(older.state, State.CANCELLED):
            self._move(superseded, State.CANCELLED, now, f"superseded by {number}")

    def _refuse(self, command, state, now, reason):
        self._move(command, state, now, reason)
        return Refusal(state, reason)

    def _move(self, command, state, now, note):
        require(command.state, state)
        assert now >= command.changed_at - timedelta(0)
        moved = evolve(command, state=state, changed_at=now)
        self._commands[command.id] = moved
        self._steps.append(Step(command.id, now, command.state, state, note))
        return moved


def _order(command):
    unclear = command.state in (State.UNKNOWN, State.SENDING)
    return (not unclear, command.target is not Target.CONNECTED, command.id)
