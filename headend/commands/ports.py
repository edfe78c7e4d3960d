"""What the executor needs of an open session and of its surroundings."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from headend.dlms.enumerations import ActionResult
from headend.meters.inventory import Meter
from headend.meters.reading import RelayState
from headend.prepaid.model import AccountView
from headend.prepaid.policy import Policy
from headend.session.balance import Balance

#: The rules that hold for an account.
PolicyFor = Callable[[AccountView], Policy]
#: Told the name of each point that a crash test wants to die at.
Checkpoint = Callable[[str], None]
Sleep = Callable[[float], Awaitable[None]]
#: Called once the ACTION is handed to the transport, before its answer is waited for.
Sent = Callable[[], None]


class RelaySession(Protocol):
    """One association with one meter whose identity was checked when it was opened.

    Every method raises HeadendError when the answer can't be had; afterwards the outcome of an ACTION is not known.
    """

    @property
    def meter(self) -> Meter:
        """The meter at the other end."""
        ...

    async def confirm_identity(self) -> None:
        """Read the logical device name once more; WrongMeter if it is not this meter's."""
        ...

    async def read_relay(self) -> RelayState:
        """Output state, control state and control mode as they are now."""
        ...

    async def read_balance(self) -> Balance | None:
        """The balance register, None where the model has none."""
        ...

    async def open_relay(self, sent: Sent) -> ActionResult:
        """Send remote_disconnect once."""
        ...

    async def close_relay(self, sent: Sent) -> ActionResult:
        """Send remote_reconnect once."""
        ...
