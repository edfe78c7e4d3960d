"""Disconnect control (IC 70): Blue Book 4.5.8."""

from enum import IntEnum

from headend.dlms.axdr import Data, integer

OUTPUT_STATE, CONTROL_STATE, CONTROL_MODE = 2, 3, 4
REMOTE_DISCONNECT, REMOTE_RECONNECT = 1, 2


class ControlState(IntEnum):
    """Attribute 3."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY_FOR_RECONNECTION = 2


class ControlMode(IntEnum):
    """Attribute 4: what may cut, and what it takes to reconnect."""

    NONE = 0
    ALL_THEN_BUTTON = 1
    ALL_THEN_REMOTE = 2
    NO_MANUAL_THEN_BUTTON = 3
    NO_MANUAL_THEN_REMOTE = 4
    ALL_THEN_BUTTON_OR_LOCAL = 5
    NO_MANUAL_THEN_BUTTON_OR_LOCAL = 6

    @property
    def can_be_cut_remotely(self) -> bool:
        """Whether remote_disconnect does anything."""
        return self is not ControlMode.NONE

    @property
    def reconnects_remotely(self) -> bool:
        """Whether remote_reconnect restores supply with nobody at the meter."""
        return self in (ControlMode.ALL_THEN_REMOTE, ControlMode.NO_MANUAL_THEN_REMOTE)


def method_parameter() -> Data:
    """What both methods take: integer(0)."""
    return integer(0)
