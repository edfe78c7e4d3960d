"""The journal of relay commands on SQLite: each method is one transaction, over all processes."""

from datetime import datetime
from typing import Any, Final

from attrs import define

from headend.commands.journal import LocalStateError, Permit, Recheck, Refusal, RefusedByRule, SentByAnother
from headend.commands.model import Command, Evidence, NewCommand, Origin, State, Step, Target
from headend.commands.transitions import NEEDS_READING
from headend.prepaid.caps import Caps, over_cap
from headend.storage import commandrows
from headend.storage.events import as_json
from headend.storage.inventory import known
from headend.storage.readers import Readers
from headend.storage.relay import see_relay
from headend.storage.requesting import request, segment_of
from headend.storage.senders import SENT_BY_LIVING, sent_by_another
from headend.storage.sqlite import Connection
from headend.storage.switches import is_armed, is_killed
from headend.storage.times import to_micros
from headend.storage.views import StoredAccount, account_of_meter, cut_counts, view
from headend.storage.workitems import follow
from headend.storage.writer import Writer

#: Only these have an outcome; every other change has a method of its own, with rules of its own.
_UNDER_WAY: Final = (State.SENDING, State.UNKNOWN)

_IN_ORDER: Final = (
    "m.serial = ? AND c.state IN ('requested', 'sending', 'unknown')"
    " ORDER BY c.state = 'requested', c.target = 'disconnected', c.id"
)

#: A meter that waits for money comes before one that is to be cut: supply may return with it.
_WITH_OPEN: Final = """
SELECT m.serial, max(w.reconnect) AS reconnect, min(w.at) AS oldest FROM (
  SELECT meter, target = 'connected' AS reconnect, requested_at AS at FROM commands
  WHERE state IN ('requested', 'unknown')
  UNION ALL SELECT meter, 1 = 0, requested_at FROM topups WHERE state IN ('requested', 'sending', 'unknown')
) w JOIN meters m ON m.id = w.meter GROUP BY m.id ORDER BY reconnect DESC, oldest, m.id
"""

_EXPIRED: Final = (
    "c.target = 'disconnected' AND c.state IN ('requested', 'quarantined') AND c.expires_at <= ? ORDER BY c.id"
)


@define(eq=False)
class SqliteJournal:
    """Journal on SQLite; `caps` bound disconnects over all processes that use the same database."""

    _writer: Writer
    _readers: Readers
    caps: Caps

    async def request(self, command: NewCommand) -> Command:
        """Journal a command, or give back the one that stands in its place; raises RefusedByRule and UnknownMeter."""
        return await self._writer.run(lambda connection: request(connection, self.caps, command))

    async def open_for(self, meter: str) -> list[Command]:
        """Open commands that are not in quarantine: UNKNOWN and SENDING first, then a reconnect, then a disconnect."""
        return await self._readers.run(lambda connection: commandrows.select(connection, _IN_ORDER, (meter,)))

    async def meters_with_open(self) -> list[tuple[str, bool]]:
        """Meters with REQUESTED or UNKNOWN commands, and whether one is a reconnect; those first, then the oldest."""
        return await self._readers.run(_meters_with_open)

    async def begin_sending(self, command_id: int, now: datetime, recheck: Recheck | None) -> Permit | Refusal:
        """REQUESTED -> SENDING, or the reason why not: the one choke point of every disconnect."""
        token = self._writer.token
        return await self._writer.run(lambda connection: _begin(connection, self.caps, command_id, now, recheck, token))

    async def settle(self, command_id: int, state: State, now: datetime, evidence: Evidence) -> Command:
        """Move to `state` with evidence, and keep the relay that was read; raises LocalStateError."""
        token = self._writer.token
        return await self._writer.run(lambda connection: _settle(connection, command_id, state, now, evidence, token))

    async def cancel(self, command_id: int, now: datetime, by: str, reason: str) -> Command:
        """Cancel a command that is not sent; raises RefusedByRule for one that is."""
        return await self._writer.run(lambda connection: cancel(connection, command_id, now, f"{reason} (by {by})"))

    async def release(self, command_id: int, now: datetime, by: str) -> Command:
        """QUARANTINED -> REQUESTED by a person other than the one who asked; raises RefusedByRule."""
        return await self._writer.run(lambda connection: release(connection, self.caps, command_id, now, by))

    async def interrupted(self, now: datetime) -> int:
        """At start-up: every SENDING of a process that lives no more becomes UNKNOWN; how many."""
        token = self._writer.token
        return await self._writer.run(lambda connection: interrupt(connection, now, among_others=token is not None))

    async def expire(self, now: datetime) -> int:
        """REQUESTED and QUARANTINED disconnects past their expiry become EXPIRED; how many."""
        return await self._writer.run(lambda connection: _expire(connection, now))

    async def command(self, command_id: int) -> Command | None:
        """One command."""
        return await self._readers.run(lambda connection: commandrows.find(connection, command_id))

    async def commands(
        self, *, meter: str | None = None, state: State | None = None, limit: int = 100
    ) -> list[Command]:
        """Commands, newest first."""
        return await self._readers.run(lambda connection: _commands(connection, meter, state, limit))

    async def steps(self, command_id: int) -> list[Step]:
        """The transitions of a command, oldest first."""
        return await self._readers.run(lambda connection: commandrows.steps_of(connection, command_id))


def interrupt(connection: Connection, now: datetime, *, among_others: bool = False) -> int:
    """Every SENDING becomes UNKNOWN: whoever was sending is gone, and nobody knows what the meter did.

    `among_others`: other processes are at work, and what those are sending is left alone.
    """
    theirs = f" AND NOT {SENT_BY_LIVING}" if among_others else ""
    sending = commandrows.select(connection, f"c.state = 'sending'{theirs}", ())
    for command in sending:
        commandrows.move(connection, command.id, State.UNKNOWN, now, "interrupted while sending")
    return len(sending)


def hold_disconnects(connection: Connection, now: datetime, why: str) -> None:
    """Put every disconnect that is not sent into quarantine, where a person looks at it."""
    for command in commandrows.select(connection, "c.target = 'disconnected' AND c.state = 'requested'", ()):
        commandrows.move(connection, command.id, State.QUARANTINED, now, why)


def _begin(
    connection: Connection,
    caps: Caps,
    command_id: int,
    now: datetime,
    recheck: Recheck | None,
    token: int | None,
) -> Permit | Refusal:
    command = commandrows.get(connection, command_id)
    if command.state is not State.REQUESTED:
        return Refusal(command.state, f"the command is {command.state.value}")
    if command.superseded_by is not None:
        return _refuse(connection, command, State.CANCELLED, now, f"replaced by command {command.superseded_by}")
    if (other := _being_sent(connection, command)) is not None:
        return Refusal(command.state, f"command {other} of this meter is being sent")
    if command.target is Target.DISCONNECTED:
        refusal = _refusal(connection, caps, command, now, recheck)
        if refusal is not None:
            return _refuse(connection, command, refusal.state, now, refusal.reason)
        connection.execute("UPDATE commands SET counted_at = ? WHERE id = ?", (to_micros(now), command_id))
    connection.execute("UPDATE commands SET sender = ? WHERE id = ?", (token, command_id))
    return Permit(commandrows.move(connection, command_id, State.SENDING, now, ""))


def _refusal(
    connection: Connection, caps: Caps, command: Command, now: datetime, recheck: Recheck | None
) -> Refusal | None:
    """Why a disconnect may not go out now. Stopped by a switch or a cap it waits for a person; else it is over."""
    if command.expires_at <= now:
        return Refusal(State.EXPIRED, "expired before it was sent")
    meter = known(connection, command.meter)
    account = account_of_meter(connection, meter.id)
    stopped = _stopped(connection, command) or _over_cap(connection, caps, command, segment_of(account, meter), now)
    if stopped is not None:
        return Refusal(State.QUARANTINED, stopped)
    refused = _rechecked(connection, command, account, now, recheck)
    return None if refused is None else Refusal(State.CANCELLED, refused)


def _being_sent(connection: Connection, command: Command) -> int | None:
    row = connection.execute(
        "SELECT c.id FROM commands c JOIN meters m ON m.id = c.meter WHERE m.serial = ? AND c.state = 'sending'",
        (command.meter,),
    ).fetchone()
    return None if row is None else int(row[0])


def _stopped(connection: Connection, command: Command) -> str | None:
    if is_killed(connection):
        return "the kill switch stops every disconnect"
    if command.origin is Origin.POLICY and not is_armed(connection):
        return "the house is disarmed"
    return None


def _over_cap(connection: Connection, caps: Caps, command: Command, segment: str, now: datetime) -> str | None:
    if command.emergency:
        return None
    hit = over_cap(caps, cut_counts(connection, now, segment, but=command.id))
    return None if hit is None else hit.value


def _rechecked(
    connection: Connection, command: Command, account: StoredAccount | None, now: datetime, recheck: Recheck | None
) -> str | None:
    if account is None:
        no_credit = "the meter has no account that a cut for credit could rest on"
        return no_credit if command.origin is Origin.POLICY else None
    if recheck is not None and (why := recheck(view(connection, account, now))):
        return why
    protected = account.account.protected
    return None if protected is None else f"the consumer is protected ({protected})"


def _refuse(connection: Connection, command: Command, state: State, now: datetime, reason: str) -> Refusal:
    commandrows.move(connection, command.id, state, now, reason)
    return Refusal(state, reason)


def _settle(
    connection: Connection, command_id: int, state: State, now: datetime, evidence: Evidence, token: int | None
) -> Command:
    before = commandrows.get(connection, command_id)
    if before.state not in _UNDER_WAY:
        raise LocalStateError(f"command {command_id} is {before.state} and has no outcome to settle")
    if before.state is State.SENDING and (other := sent_by_another(connection, "commands", command_id, token)):
        raise SentByAnother(f"command {command_id} is being sent by worker {other[0]}, process {other[1]}")
    if (before.state, state) in NEEDS_READING and evidence.after is None:
        raise LocalStateError(f"command {command_id}: an unknown outcome is settled only by reading the relay")
    command = commandrows.move(connection, command_id, state, now, evidence.note, as_json(evidence))
    proof = evidence.after or evidence.before
    if proof is not None:
        confirmed = state is State.CONFIRMED and evidence.sent
        see_relay(connection, known(connection, command.meter), proof, command.id if confirmed else None)
    follow(connection, command, now)
    return command


def cancel(connection: Connection, command_id: int, now: datetime, note: str) -> Command:
    """Cancel in the current transaction what is not sent; raises RefusedByRule."""
    command = commandrows.get(connection, command_id)
    if command.state not in (State.REQUESTED, State.QUARANTINED):
        raise RefusedByRule(f"command {command_id} is {command.state.value}; only what is not sent can be cancelled")
    return commandrows.move(connection, command_id, State.CANCELLED, now, note)


def release(connection: Connection, caps: Caps, command_id: int, now: datetime, by: str) -> Command:
    """QUARANTINED -> REQUESTED in the current transaction; raises RefusedByRule, also for what is over a cap."""
    command = commandrows.get(connection, command_id)
    if (why := _not_releasable(connection, caps, command, now, by)) is not None:
        raise RefusedByRule(f"command {command_id}: {why}")
    connection.execute(
        "UPDATE commands SET released_by = ?, counted_at = ? WHERE id = ?",
        (by, to_micros(now) if command.target is Target.DISCONNECTED else None, command_id),
    )
    return commandrows.move(connection, command_id, State.REQUESTED, now, f"released by {by}")


def _not_releasable(connection: Connection, caps: Caps, command: Command, now: datetime, by: str) -> str | None:
    if command.state is not State.QUARANTINED:
        return f"it is {command.state.value}, not quarantined"
    if by == command.requested_by:
        return f"{by} asked for it; a second person releases it"
    if command.target is Target.CONNECTED:
        return None
    if command.expires_at <= now:
        return "it has expired; ask for it again"
    if is_killed(connection):
        return "the kill switch stops every disconnect"
    meter = known(connection, command.meter)
    segment = segment_of(account_of_meter(connection, meter.id), meter)
    hit = over_cap(caps, cut_counts(connection, now, segment, but=command.id))
    return None if hit is None else f"{hit.value}: release it when there is room under the cap"


def _expire(connection: Connection, now: datetime) -> int:
    expired = commandrows.select(connection, _EXPIRED, (to_micros(now),))
    for command in expired:
        commandrows.move(connection, command.id, State.EXPIRED, now, "expired before it was sent")
    return len(expired)


def _meters_with_open(connection: Connection) -> list[tuple[str, bool]]:
    return [(serial, bool(reconnect)) for serial, reconnect, _ in connection.execute(_WITH_OPEN)]


def _commands(connection: Connection, meter: str | None, state: State | None, limit: int) -> list[Command]:
    conditions: list[tuple[str, Any]] = [("1 = ?", 1)]
    if meter is not None:
        conditions.append(("m.serial = ?", meter))
    if state is not None:
        conditions.append(("c.state = ?", state.value))
    where = " AND ".join(condition for condition, _ in conditions)
    parameters = [value for _, value in conditions]
    return commandrows.select(connection, f"{where} ORDER BY c.id DESC LIMIT ?", (*parameters, limit))
