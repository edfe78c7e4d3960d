import asyncio
import sys
from pathlib import Path

import pytest
import structlog

# The stand-ins of this folder, and the makers of the contract tests, are imported by name.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "contracts")]


@pytest.fixture
def logs():
    """What is logged while the test runs."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def until():
    """Waits for a state; the deadline is a backstop for a test that can't pass any more."""

    async def wait(what, seconds=20):
        async with asyncio.timeout(seconds):
            while not what():  # noqa: ASYNC110 - sockets and a store tell nobody
                await asyncio.sleep(0.005)

    return wait
