"""The store alone, and the time of day: all that a command needs which touches no meter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from headend.settings import Settings
from headend.storage.store import Store


def now() -> datetime:
    """The time of day, for everything that is not handed a clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store without keys, for commands that touch no meter."""
    store = await Store.open(settings.store_path, kek=None, now=now)
    try:
        yield store
    finally:
        await store.close()
