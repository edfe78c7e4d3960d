"""Waiting that can be cut short: how every loop of the daemon sleeps, and what tests put in its place."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

#: Waits until the event is set or so many seconds have passed.
Pause = Callable[[asyncio.Event, float], Awaitable[None]]


async def pause(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
