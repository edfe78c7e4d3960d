"""What publishing and delivering need from the store, and what a channel is."""

from typing import Protocol

from headend.notify.manners import Manners
from headend.notify.model import EventRow
from headend.notify.outgoing import Lane, Outcome, Outgoing, Receipt


class EventFeed(Protocol):
    """Event rows in the order of commit, and how far each subscriber has come."""

    async def events(self, after: int, limit: int) -> list[EventRow]:
        """Rows with a number above `after`, in order, at most `limit`."""
        ...

    async def cursor(self, subscriber: str) -> int:
        """The number up to which a subscriber has everything, 0 at first."""
        ...

    async def set_cursor(self, subscriber: str, number: int) -> None:
        """Remember how far a subscriber has come, durably; a lower number is ignored."""
        ...


class DeliveryQueue(Protocol):
    """The messages that wait to go out, and what became of them. Every method is one durable transaction."""

    async def claim(self, lane: Lane, manners: Manners, limit: int) -> list[Outgoing]:
        """Due messages of a channel, each counted as an attempt first; what may not go out is put off or dropped.

        One that is not settled is due again after a while.
        """
        ...

    async def settle(self, message: Outgoing, outcome: Outcome, lane: Lane, manners: Manners) -> None:
        """Write down what became of an attempt; of one that has been settled already, nothing changes."""
        ...

    async def unconfirmed(self, lane: Lane, manners: Manners, limit: int) -> list[str]:
        """Provider ids to ask about now; a message whose receipt is overdue is repeated or failed instead."""
        ...

    async def receipt(self, channel: str, receipt: Receipt, manners: Manners) -> bool:
        """Take news of a message; False when no send of that id is known."""
        ...

    async def channel_changed(self, channel: str, *, away: bool, reason: str) -> None:
        """Tell, as an event, that a channel's provider can't be reached, or can again."""
        ...


class Channel(Protocol):
    """One way out. `send` never raises for what a provider or a network does; it says so in its outcome."""

    async def send(self, message: Outgoing) -> Outcome:
        """Hand one message over."""
        ...

    async def ask(self, provider_id: str) -> Receipt | None:
        """What became of a message, None when that can't be found out now."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
