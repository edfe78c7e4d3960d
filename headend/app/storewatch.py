"""A process that visits ends when its store writes no more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from headend.notify.pausing import pause
from headend.storage.store import Store

#: How often it is looked whether the store still writes.
LOOK_S: Final = 0.5


@asynccontextmanager
async def ending_with_the_store(store: Store, stop: Callable[[], None]) -> AsyncIterator[None]:
    """A store that writes no more ends the process by `stop`: only a fresh start reads back what the disk holds.

    Raises the store's StorageError once everything else has ended.
    """
    ended = asyncio.Event()

    async def watch() -> None:
        while store.stopped is None and not ended.is_set():
            await pause(ended, LOOK_S)
        if store.stopped is not None:
            stop()

    task = asyncio.create_task(watch(), name="store watched")
    try:
        yield
    finally:
        ended.set()
        await task
    if store.stopped is not None:
        raise store.stopped
