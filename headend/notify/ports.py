"""What publishing needs from the store."""

from typing import Protocol

from headend.notify.model import EventRow


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
