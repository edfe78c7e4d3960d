import asyncio
import contextlib

import pytest
import uvloop


def pytest_asyncio_loop_factories(config, item):
    """Every test of this folder runs on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def soon():
    """A deadline that no test reaches unless it hangs."""
    return lambda: asyncio.get_running_loop().time() + 20


@pytest.fixture
def until():
    """Let the loop turn until something holds."""

    async def _until(holds):
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0)

    return _until


@pytest.fixture
def settle():
    """Let what is ready on the loop happen."""

    async def _settle():
        for _ in range(20):
            await asyncio.sleep(0)

    return _settle


@pytest.fixture
async def closing():
    """Closes what a test opened."""
    with contextlib.ExitStack() as stack:

        def keep(thing):
            stack.callback(thing.close)
            return thing

        yield keep
    for _ in range(5):
        await asyncio.sleep(0)
