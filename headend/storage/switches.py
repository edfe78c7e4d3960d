"""House-wide switches (armed, kill switch) and the mode of each office."""

import functools
from datetime import datetime
from typing import Final

from attrs import define

from headend.prepaid.model import Mode
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.modes import (
    ModeProposal,
    note_policy,
    open_proposals,
    policy_in_force,
    propose_mode,
    take_proposal,
)
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.writer import Writer

_ARMED: Final = "armed"
_KILL: Final = "kill_switch"


@define(eq=False)
class Switches:
    """What stands between a decision and a cut. Off and `notify` unless somebody said otherwise."""

    _writer: Writer
    _readers: Readers
    _now: Now

    async def armed(self) -> bool:
        """Whether the policy may cut at all since the daemon started."""
        return await self._readers.run(is_armed)

    async def set_armed(self, *, on: bool, by: str) -> None:
        """Arm or disarm; every start of a daemon disarms."""
        await self._writer.run(lambda connection: set_armed(connection, self._now(), on=on, by=by))

    async def kill_switch(self) -> bool:
        """Whether every disconnect is stopped; it stays on over restarts and never blocks a reconnect."""
        return await self._readers.run(is_killed)

    async def set_kill_switch(self, *, on: bool, by: str) -> None:
        """Stop every disconnect, or allow them again."""
        await self._writer.run(lambda connection: _set(connection, _KILL, on, self._now(), by))

    async def mode(self, office: str) -> Mode:
        """The mode of an office, its own or that of the nearest office above it."""
        return await self._readers.run(lambda connection: mode_of(connection, office))

    async def modes(self) -> dict[str, Mode]:
        """The modes that were set, by office; `` is the whole house."""
        return await self._readers.run(all_modes)

    async def set_mode(self, office: str, mode: Mode, *, by: str) -> None:
        """Set the mode of an office and of all below it that have none of their own; `` is the whole house."""
        await self._writer.run(lambda connection: _set_mode(connection, office, mode, self._now(), by))

    async def propose_mode(self, office: str, mode: Mode, *, by: str) -> ModeProposal:
        """Ask for a mode that a second person confirms; nothing changes yet."""
        return await self._writer.run(lambda connection: propose_mode(connection, office, mode, by, self._now()))

    async def confirm_mode(self, number: int, *, by: str) -> ModeProposal:
        """Set the mode that another person asked for; raises RefusedByRule, UnknownProposal."""

        def unit(connection: Connection) -> ModeProposal:
            found = take_proposal(connection, number, by, self._now())
            _set_mode(connection, found.office, found.mode, self._now(), f"{found.proposed_by} and {by}")
            return found

        return await self._writer.run(unit)

    async def proposed_modes(self) -> list[ModeProposal]:
        """Modes that wait for a second person."""
        return await self._readers.run(lambda connection: open_proposals(connection, self._now()))

    async def use_policy(self, name: str, digest: str, body: str) -> bool:
        """Remember the policy in force, with an event when it is another than before. Whether it is another."""
        if await self._readers.run(policy_in_force) == digest:
            return False
        return await self._writer.run(lambda connection: note_policy(connection, name, digest, body, self._now()))


def is_armed(connection: Connection) -> bool:
    """Whether the policy may cut."""
    return _get(connection, _ARMED)


def is_killed(connection: Connection) -> bool:
    """Whether the kill switch is on."""
    return _get(connection, _KILL)


def set_armed(connection: Connection, at: datetime, *, on: bool, by: str) -> None:
    """Arm or disarm in the current transaction."""
    _set(connection, _ARMED, on, at, by)


def mode_of(connection: Connection, office: str) -> Mode:
    """The mode of the nearest office that has one: sub-division, division, circle, house; else `notify`."""
    for path in above(office):
        row = connection.execute("SELECT mode FROM office_modes WHERE office = ?", (path,)).fetchone()
        if row is not None:
            return Mode(row[0])
    return Mode.NOTIFY


@functools.lru_cache(maxsize=4096)
def above(office: str) -> tuple[str, ...]:
    """An office, each above it, and the house (``)."""
    parts = office.split("/")
    paths = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return tuple(dict.fromkeys((*paths, "")))


def _get(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT value FROM switches WHERE name = ?", (name,)).fetchone()
    return row is not None and bool(row[0])


def _set(connection: Connection, name: str, on: bool, at: datetime, by: str) -> None:  # noqa: FBT001  the value itself
    before = _get(connection, name)
    connection.execute(
        "INSERT INTO switches (name, value, changed_at, changed_by) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET (value, changed_at, changed_by) ="
        " (excluded.value, excluded.changed_at, excluded.changed_by)",
        (name, int(on), to_micros(at), by),
    )
    if before != on:
        emit(connection, at, f"switch.{name}", payload={"on": on, "by": by})


def all_modes(connection: Connection) -> dict[str, Mode]:
    """The modes that were set, by office; `` is the whole house."""
    return {
        office: Mode(mode)
        for office, mode in connection.execute("SELECT office, mode FROM office_modes ORDER BY office")
    }


def _set_mode(connection: Connection, office: str, mode: Mode, at: datetime, by: str) -> None:
    connection.execute(
        "INSERT INTO office_modes (office, mode, changed_at, changed_by) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (office) DO UPDATE SET (mode, changed_at, changed_by) ="
        " (excluded.mode, excluded.changed_at, excluded.changed_by)",
        (office.strip("/"), mode.value, to_micros(at), by),
    )
    emit(connection, at, "office.mode", payload={"office": office, "mode": mode, "by": by})
