"""What a meter remembers over the loss of its power, so that the simulator may be killed: counters and relay actions.

Each is a record of 17 octets, appended to a file before the meter answers, and done again by the next start: ledgers,
relays, edges, supply and their events are as if nothing had happened. What else was written to a meter is forgotten.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from struct import Struct
from typing import Final

from attrs import define, field

from headend.errors import HeadendError
from simulator.associations import Role
from simulator.clock import Now
from simulator.fleet import Fleet
from simulator.relay import Action

#: Number of the meter, what it was, its value, when it was in milliseconds.
_RECORD: Final = Struct(">IBIQ")
_BEGAN, _ACTED = 0, 1
_ACTIONS: Final = tuple(Action)
_SEED_MASK: Final = 0xFFFF_FFFF


class MemoryFileError(HeadendError):
    """The file can't be used; the text says why, and the way out."""

    exit_code = 2


@define(eq=False)
class Recalled:
    """Now, or `at` while the past is done again."""

    now: Now
    at: int | None

    def __call__(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return self.now() if self.at is None else self.at


@define(eq=False)
class Memory:
    """An open file; `began` is when the fleet was first started, from where its meters count."""

    path: Path
    began: int
    _file: int = field(repr=False)
    _past: tuple[tuple[int, int, int, int], ...] = field(repr=False)

    @classmethod
    def open(cls, path: Path, seed: int, meters: int, now: int) -> "Memory":
        """The file at `path`, made where there is none; MemoryFileError, also for one of another fleet."""
        began = (meters, _BEGAN, seed & _SEED_MASK, now)
        try:
            past = tuple(_records(path.read_bytes())) if path.exists() else ()
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            # A record that was cut off in the middle would shift all that follow it.
            os.ftruncate(file, len(past) * _RECORD.size)
        except OSError as error:
            raise MemoryFileError(f"{path}: {error.strerror}") from error
        if past and past[0][:3] != began[:3]:
            os.close(file)
            raise MemoryFileError(f"{path}: it is of a fleet with another seed or size: give that, or another file")
        memory = cls(path, past[0][3] if past else now, file, past[1:])
        if not past:
            memory._write(*began)
        return memory

    def recall(self, fleet: Fleet, clock: Recalled) -> None:
        """Do the past again, on the clock that the meters of `fleet` have; from then on note what happens."""
        for number, what, value, at in self._past:
            clock.at = at
            meter = fleet.meters[number - 1]
            if what == _ACTED:
                meter.act(_ACTIONS[value])
            else:
                meter.ledger(Role(what)).offer(value, at)
        clock.at, self._past = None, ()
        for meter in fleet.meters:
            meter.remember(partial(self._note, meter.identity.number))

    def close(self) -> None:
        """Note nothing more."""
        os.close(self._file)

    def _note(self, number: int, what: Role | Action, value: int, at: int) -> None:
        if isinstance(what, Role):
            self._write(number, what.value, value, at)
        else:
            self._write(number, _ACTED, _ACTIONS.index(what), at)

    def _write(self, *record: int) -> None:
        os.write(self._file, _RECORD.pack(*record))


def _records(octets: bytes) -> Iterator[tuple[int, int, int, int]]:
    whole = len(octets) // _RECORD.size * _RECORD.size
    yield from _RECORD.iter_unpack(octets[:whole])
