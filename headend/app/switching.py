"""What a relay command by a person or another system is made of: one place, so that both meet the same rules."""

from datetime import datetime
from uuid import uuid4

from headend.app.wiring import Headend
from headend.commands.model import NewCommand, Origin, Target


def command_by_hand(
    headend: Headend, serial: str, target: Target, reason: str, by: str, at: datetime, *, emergency: bool = False
) -> NewCommand:
    """A command that a person asks for; it expires as the policy says."""
    return NewCommand(
        meter=serial,
        target=target,
        cause=f"operator:{uuid4()}",
        origin=Origin.OPERATOR,
        reason=reason,
        requested_by=by,
        requested_at=at,
        expires_at=at + headend.setup.policy.command_expiry,
        emergency=emergency,
    )


def command_from_outside(
    headend: Headend, serial: str, target: Target, reason: str, by: str, cause: str, at: datetime
) -> NewCommand:
    """A command that another system asks for, once by its `cause`; never an emergency."""
    return NewCommand(
        meter=serial,
        target=target,
        cause=f"external:{cause}",
        origin=Origin.EXTERNAL,
        reason=reason,
        requested_by=by,
        requested_at=at,
        expires_at=at + headend.setup.policy.command_expiry,
    )
