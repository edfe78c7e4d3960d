"""What can be asked of a running simulation over its control port; each order names its `op`."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from simulator.faults import Fault, Moment

_Serial = Annotated[str, Meta(min_length=1)]
_Side = Literal["disconnect", "reconnect"]
_Int32 = Annotated[int, Meta(ge=-(1 << 31), le=(1 << 31) - 1)]


class _Order(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op"):
    """Anything that can be asked."""


class Stats(_Order, frozen=True, tag="stats"):
    """Everything that is counted."""


class Meters(_Order, frozen=True, tag="meters"):
    """Where each meter is."""


class MeterState(_Order, frozen=True, tag="meter"):
    """One meter's state."""

    serial: _Serial


class Edges(_Order, frozen=True, tag="edges"):
    """Relay edges in the order of time, of one meter or of all."""

    serial: str | None = None


class Ledger(_Order, frozen=True, tag="ledger"):
    """The invocation counters received under a role's key."""

    serial: _Serial
    role: Literal["setting"] = "setting"


class Change(_Order, frozen=True, tag="set"):
    """Change a meter from outside: paise, W, control mode, seconds; `identity` is the number of the meter it plays."""

    serial: _Serial
    balance: _Int32 | UnsetType = UNSET
    load: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    relay_mode: Annotated[int, Meta(ge=0, le=6)] | UnsetType = UNSET
    clock_offset: float | UnsetType = UNSET
    payment_mode: Annotated[int, Meta(ge=0, le=1)] | UnsetType = UNSET
    welded: bool | UnsetType = UNSET
    identity: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class Button(_Order, frozen=True, tag="button"):
    """Press the button at the meter."""

    serial: _Serial
    press: _Side


class Local(_Order, frozen=True, tag="local"):
    """The meter acts by itself."""

    serial: _Serial
    do: _Side


class LogEvent(_Order, frozen=True, tag="event"):
    """An event is logged."""

    serial: _Serial
    code: Annotated[int, Meta(ge=1, le=350)]


class Script(_Order, frozen=True, tag="fault"):
    """The next `times` that `moment` comes (left out: any answer), `fault` strikes."""

    serial: _Serial
    fault: Fault
    times: Annotated[int, Meta(ge=1)] = 1
    moment: Moment | None = None


class ClearFaults(_Order, frozen=True, tag="clear_faults"):
    """Forget what was scripted."""

    serial: _Serial


class Reboot(_Order, frozen=True, tag="reboot"):
    """Restart a meter: its connections end, and none is taken for `seconds` of the host's clock."""

    serial: _Serial
    seconds: Annotated[float, Meta(ge=0.0, le=3600.0)] = 2.0


class Push(_Order, frozen=True, tag="push"):
    """The meter pushes to a place; `again` sends the octets of its last push once more."""

    serial: _Serial
    port: Annotated[int, Meta(ge=1, le=65535)]
    host: str = "127.0.0.1"
    transport: Literal["tcp", "udp"] = "tcp"
    kind: Literal["instantaneous", "alert"] = "instantaneous"
    plain: bool = False
    again: bool = False


class Shutdown(_Order, frozen=True, tag="shutdown"):
    """End the simulator."""


Order = (
    Stats
    | Meters
    | MeterState
    | Edges
    | Ledger
    | Change
    | Button
    | Local
    | LogEvent
    | Script
    | ClearFaults
    | Reboot
    | Push
    | Shutdown
)
OneMeterOrder = MeterState | Ledger | Change | Button | Local | LogEvent | Script | ClearFaults | Reboot
