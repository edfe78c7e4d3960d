"""Disconnect control, interface class 70 (Blue Book 4.5.8): states, control modes 0 to 6, and every edge on record.

Duplicate actuation, as this simulator counts it: a *remote* method (disconnect or reconnect) that arrives when
`control_state` already is the state that this method forces in the present control mode. It changes nothing at the
meter, yet whoever sent it did not look first. An edge that repeats the direction of the edge before it would be one
too; the table can't produce it, and it is counted all the same, so that a defect here shows. Manual and local actions
are never duplicates. A remote method that the control mode does not allow is refused, and counted as neither.

A relay edge is a real change of `output_state`.
"""

from enum import Enum, IntEnum
from typing import NamedTuple

from attrs import define


class ControlState(IntEnum):
    """Attribute 3."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY = 2


class Cause(Enum):
    """Who moved the relay."""

    REMOTE = "remote"
    MANUAL = "manual"
    LOCAL = "local"


class Action(Enum):
    """What can be done to a disconnect control, by whom, and to which side."""

    REMOTE_DISCONNECT = (Cause.REMOTE, False)
    REMOTE_RECONNECT = (Cause.REMOTE, True)
    MANUAL_DISCONNECT = (Cause.MANUAL, False)
    MANUAL_RECONNECT = (Cause.MANUAL, True)
    LOCAL_DISCONNECT = (Cause.LOCAL, False)
    LOCAL_RECONNECT = (Cause.LOCAL, True)

    @property
    def cause(self) -> Cause:
        """Who acts."""
        return self.value[0]


class Outcome(Enum):
    """What an action came to."""

    MOVED = "moved"  # control_state changed
    UNCHANGED = "unchanged"  # it already was there
    REFUSED = "refused"  # the control mode or the state does not allow it


class Edge(NamedTuple):
    """One change of the output, at a true time in milliseconds."""

    at: int
    connected: bool
    cause: Cause


_D, _C, _R = ControlState.DISCONNECTED, ControlState.CONNECTED, ControlState.READY
_Transitions = dict[tuple[Action, ControlState], ControlState]

_REMOTE_CUT: _Transitions = {
    (Action.REMOTE_DISCONNECT, _C): _D,  # b
    (Action.REMOTE_DISCONNECT, _R): _D,  # c
    (Action.REMOTE_DISCONNECT, _D): _D,
    (Action.LOCAL_DISCONNECT, _C): _R,  # g
    (Action.MANUAL_RECONNECT, _R): _C,  # e
}
_MANUAL_CUT: _Transitions = {(Action.MANUAL_DISCONNECT, _C): _R}  # f
_REMOTE_CLOSES: _Transitions = {
    (Action.REMOTE_RECONNECT, _D): _C,  # a
    (Action.REMOTE_RECONNECT, _R): _C,
    (Action.REMOTE_RECONNECT, _C): _C,
}
_REMOTE_READIES: _Transitions = {
    (Action.REMOTE_RECONNECT, _D): _R,  # d
    (Action.REMOTE_RECONNECT, _R): _R,
    (Action.REMOTE_RECONNECT, _C): _C,
}
_LOCAL_CLOSES: _Transitions = {(Action.LOCAL_RECONNECT, _R): _C}  # h

#: Per control mode, which action leads from which state to which; what is not listed is refused.
TRANSITIONS: tuple[_Transitions, ...] = (
    {},
    _REMOTE_CUT | _MANUAL_CUT | _REMOTE_READIES,
    _REMOTE_CUT | _MANUAL_CUT | _REMOTE_CLOSES,
    _REMOTE_CUT | _REMOTE_READIES,
    _REMOTE_CUT | _REMOTE_CLOSES,
    _REMOTE_CUT | _MANUAL_CUT | _REMOTE_READIES | _LOCAL_CLOSES,
    _REMOTE_CUT | _REMOTE_READIES | _LOCAL_CLOSES,
)


@define(eq=False)
class Relay:
    """One disconnect control. `welded`: the contacts stick, `control_state` moves and `output_state` does not."""

    control_mode: int = 4
    control_state: ControlState = ControlState.CONNECTED
    output_state: bool = True
    welded: bool = False
    edges: tuple[Edge, ...] = ()
    remote_actions: int = 0
    duplicate_actuations: int = 0

    def act(self, action: Action, at: int) -> Outcome:
        """Apply `action` at true time `at`."""
        target = TRANSITIONS[self.control_mode].get((action, self.control_state))
        self.remote_actions += action.cause is Cause.REMOTE
        if target is None:
            return Outcome.REFUSED
        if target is self.control_state:
            self.duplicate_actuations += 1
            return Outcome.UNCHANGED
        self.control_state = target
        self._move(target is ControlState.CONNECTED, action.cause, at)
        return Outcome.MOVED

    def _move(self, connected: bool, cause: Cause, at: int) -> None:  # noqa: FBT001 - the state of the output itself
        if connected is self.output_state or self.welded:
            return
        self.duplicate_actuations += bool(self.edges) and self.edges[-1].connected is connected
        self.output_state = connected
        self.edges = (*self.edges, Edge(at, connected, cause))
