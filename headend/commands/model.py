"""A relay command: a target state for one meter, with the cause it rests on and what became of it."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from headend.meters.reading import RelayState


class Target(StrEnum):
    """What the relay must be; never a toggle."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"


class State(StrEnum):
    """Where a command stands; which change is allowed stands in `transitions.py`."""

    REQUESTED = "requested"
    SENDING = "sending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Origin(StrEnum):
    """Who asked: the prepaid policy, a person at the command line or console, or an external system."""

    POLICY = "policy"
    OPERATOR = "operator"
    EXTERNAL = "external"


@frozen
class NewCommand:
    """A command to be journalled.

    `cause` is the idempotency key: a meter gets one command per cause (`policy:<decision>`, `recharge:<payment id>`,
    `operator:<uuid>`). `balance` is what it rests on, in paise, read or computed `balance_at`.
    """

    meter: str
    target: Target
    cause: str
    origin: Origin
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    balance: int | None = None
    balance_at: datetime | None = None
    emergency: bool = False


@frozen
class Command:
    """A journalled command. `id` grows with time; `superseded_by` is the id of the command that replaced it.

    `evidence` is a JSON text: relay before and after, what was sent, the rule that refused it.
    """

    id: int
    meter: str
    target: Target
    cause: str
    origin: Origin
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    state: State
    changed_at: datetime
    attempts: int
    balance: int | None
    balance_at: datetime | None
    emergency: bool
    superseded_by: int | None
    evidence: str | None


@frozen
class Step:
    """One transition of a command, as the journal keeps it."""

    command: int
    at: datetime
    before: State | None
    after: State
    note: str


@frozen
class Evidence:
    """What proves an outcome: the relay before and after, and whether an ACTION was sent."""

    before: RelayState | None
    after: RelayState | None
    sent: bool
    note: str = ""
