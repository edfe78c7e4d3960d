"""The store alone, and the time of day: all that a command needs which touches no meter."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from attrs import frozen

from headend.commands.ports import Sleep
from headend.session.ports import Monotonic, Now
from headend.settings import Settings
from headend.storage.store import Store


def now() -> datetime:
    """The time of day, for everything that is not handed a clock."""
    return datetime.now(UTC)


@frozen
class Clock:
    """Where a head-end has its time from: the time of day, seconds that only grow, and how it waits.

    A simulation hands in one that shares its timeline with the simulated meters.
    """

    now: Now = now
    monotonic: Monotonic = time.monotonic
    sleep: Sleep = asyncio.sleep


#: The clock of this machine.
MACHINE_CLOCK = Clock()


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store without keys, for commands that touch no meter."""
    store = await Store.open(settings.store_path, kek=None, now=now, url=settings.document.store.url)
    try:
        yield store
    finally:
        await store.close()
