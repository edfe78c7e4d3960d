"""Which change of a command's state is possible: one table, and everything that changes a state asks it.

A command is journalled as REQUESTED, or QUARANTINED when it is over a cap or waits for a second person. SENDING is
durable before the ACTION goes out, so a SENDING found at start-up means that nobody knows what the meter did: it is now
UNKNOWN, and UNKNOWN is left only by reading the relay, under the same key as the ACTION (a frame still on its way then
carries an older invocation counter and the meter refuses it). CONFIRMED, REJECTED, EXPIRED and CANCELLED are final.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from headend.commands.journal import LocalStateError
from headend.commands.model import State

#: From each state (None: not journalled yet) the states that may follow.
TRANSITIONS: Final[Mapping[State | None, frozenset[State]]] = MappingProxyType(
    {
        None: frozenset({State.REQUESTED, State.QUARANTINED}),
        State.REQUESTED: frozenset({State.SENDING, State.QUARANTINED, State.EXPIRED, State.CANCELLED}),
        State.QUARANTINED: frozenset({State.REQUESTED, State.EXPIRED, State.CANCELLED}),
        State.SENDING: frozenset({State.CONFIRMED, State.REJECTED, State.UNKNOWN}),
        State.UNKNOWN: frozenset({State.CONFIRMED, State.REQUESTED}),
        State.CONFIRMED: frozenset(),
        State.REJECTED: frozenset(),
        State.EXPIRED: frozenset(),
        State.CANCELLED: frozenset(),
    }
)

#: Nothing follows these.
FINAL: Final = frozenset(state for state in State if not TRANSITIONS[state])

#: Still to be done, approved, or found out.
OPEN: Final = frozenset(State) - FINAL

#: The executor has work with these; QUARANTINED waits for a person.
RUNNABLE: Final = frozenset({State.REQUESTED, State.SENDING, State.UNKNOWN})

#: Possible only with the relay read after the fact, as evidence.
NEEDS_READING: Final = frozenset({(State.UNKNOWN, State.CONFIRMED), (State.UNKNOWN, State.REQUESTED)})


def allowed(before: State | None, after: State) -> bool:
    """Whether a command in `before` (None: not journalled yet) may become `after`."""
    return after in TRANSITIONS[before]


def sources(after: State) -> frozenset[State]:
    """The states from which a journalled command may become `after`: what a guard in a WHERE lists."""
    return frozenset(state for state in State if after in TRANSITIONS[state])


def require(before: State | None, after: State) -> None:
    """Raise LocalStateError unless a command in `before` may become `after`."""
    if not allowed(before, after):
        came_from = "not journalled" if before is None else before.value
        raise LocalStateError(f"a command that is {came_from} can't become {after.value}")
