"""Journalling a relay command: the rules that a request meets, inside the transaction that writes it.

A reconnect always gets in, and replaces an open disconnect. A disconnect meets the kill switch, the protected list, an
open reconnect, what the office's mode allows, and the caps; over a cap, or where the mode asks for a person, it is
quarantined.
"""

from typing import Final

from headend.commands.journal import RefusedByRule
from headend.commands.model import Command, NewCommand, Origin, State, Target
from headend.prepaid.caps import Caps, over_cap
from headend.prepaid.model import Mode
from headend.storage import commandrows
from headend.storage.inventory import Known, known
from headend.storage.sqlite import Connection
from headend.storage.switches import is_armed, is_killed, mode_of
from headend.storage.times import to_micros
from headend.storage.views import StoredAccount, account_of_meter, cut_counts

_OPEN: Final = (
    "c.meter = ? AND c.state IN ('requested', 'sending', 'unknown', 'quarantined') AND c.superseded_by IS NULL"
)

#: States in which nothing has been sent, so that a command which is replaced is simply cancelled.
_NOT_SENT: Final = (State.REQUESTED, State.QUARANTINED)


def request(connection: Connection, caps: Caps, new: NewCommand) -> Command:
    """Journal a command, or give back the one that stands in its place; raises RefusedByRule and UnknownMeter."""
    meter = known(connection, new.meter)
    same_cause = commandrows.select(connection, "c.meter = ? AND c.cause = ?", (meter.id, new.cause))
    if same_cause:
        return same_cause[0]
    found = commandrows.select(connection, _OPEN, (meter.id,))
    standing = found[0] if found else None
    if new.target is Target.CONNECTED:
        return _request_reconnect(connection, meter, new, standing)
    return _request_disconnect(connection, caps, meter, new, standing)


def segment_of(account: StoredAccount | None, meter: Known) -> str:
    """The segment that a meter's disconnects are counted in: its account's office, else its own."""
    return account.account.office if account is not None else meter.office


def _request_reconnect(connection: Connection, meter: Known, new: NewCommand, standing: Command | None) -> Command:
    if standing is not None and standing.target is Target.CONNECTED:
        return standing
    if standing is None:
        return _insert(connection, meter, new, State.REQUESTED, meter.office, "")
    # The old command leaves the index of open ones first; the number of its successor is known only afterwards.
    _supersede(connection, standing.id, standing.id)
    command = _insert(connection, meter, new, State.REQUESTED, meter.office, f"replaces command {standing.id}")
    _supersede(connection, standing.id, command.id)
    if standing.state in _NOT_SENT:
        commandrows.move(
            connection, standing.id, State.CANCELLED, new.requested_at, f"replaced by command {command.id}"
        )
    return command


def _request_disconnect(
    connection: Connection, caps: Caps, meter: Known, new: NewCommand, standing: Command | None
) -> Command:
    account = account_of_meter(connection, meter.id)
    _refuse_forbidden(connection, new, account)
    if standing is not None and standing.target is Target.CONNECTED:
        raise RefusedByRule(
            f"meter {new.meter}: a reconnect (command {standing.id}) is open; nothing is cut before it ends"
        )
    if standing is not None:
        return standing
    segment = segment_of(account, meter)
    waits_for = _quarantine_reason(connection, caps, new, account, segment)
    if waits_for is None:
        return _insert(connection, meter, new, State.REQUESTED, segment, "")
    return _insert(connection, meter, new, State.QUARANTINED, segment, waits_for)


def _refuse_forbidden(connection: Connection, new: NewCommand, account: StoredAccount | None) -> None:
    if is_killed(connection):
        raise RefusedByRule(f"meter {new.meter}: the kill switch stops every disconnect")
    if account is not None and account.account.protected is not None:
        raise RefusedByRule(f"meter {new.meter}: its consumer is protected ({account.account.protected})")
    if new.origin is not Origin.POLICY:
        return
    if account is None:
        raise RefusedByRule(f"meter {new.meter}: it has no account that a cut for credit could rest on")
    if not is_armed(connection):
        raise RefusedByRule(f"meter {new.meter}: the house is disarmed; an operator arms it")
    if mode_of(connection, account.account.office) is Mode.NOTIFY:
        raise RefusedByRule(f"meter {new.meter}: its office only notifies")


def _quarantine_reason(
    connection: Connection, caps: Caps, new: NewCommand, account: StoredAccount | None, segment: str
) -> str | None:
    if new.origin is Origin.POLICY and account is not None:
        mode = mode_of(connection, account.account.office)
        if mode is Mode.PROPOSE:
            return "waits for approval: the office has the mode `propose`"
    if new.emergency:
        return None
    hit = over_cap(caps, cut_counts(connection, new.requested_at, segment))
    return None if hit is None else hit.value


def _insert(connection: Connection, meter: Known, new: NewCommand, state: State, segment: str, note: str) -> Command:
    counted = new.target is Target.DISCONNECTED and state is State.REQUESTED
    requested_at = to_micros(new.requested_at)
    cursor = connection.execute(
        "INSERT INTO commands (meter, target, cause, origin, reason, requested_by, requested_at, expires_at, state,"
        " changed_at, balance, balance_at, emergency, segment, counted_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            meter.id,
            new.target.value,
            new.cause,
            new.origin.value,
            new.reason,
            new.requested_by,
            requested_at,
            to_micros(new.expires_at),
            state.value,
            requested_at,
            new.balance,
            to_micros(new.balance_at),
            int(new.emergency),
            segment,
            requested_at if counted else None,
        ),
    )
    command_id = int(cursor.lastrowid or 0)
    commandrows.record_step(connection, command_id, None, state, new.requested_at, note or new.reason)
    command = commandrows.get(connection, command_id)
    commandrows.announce(connection, command, new.requested_at, note)
    return command


def _supersede(connection: Connection, command_id: int, by: int) -> None:
    connection.execute("UPDATE commands SET superseded_by = ? WHERE id = ?", (by, command_id))
