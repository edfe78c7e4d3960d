import sys
from pathlib import Path

import pytest

# The makers of the contract tests, and the programs of this folder, are imported by name.
sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from store_making import START, Clock, open_sqlite


@pytest.fixture
def clock():
    return Clock(START)


@pytest.fixture
async def store(tmp_path, clock):
    opened = await open_sqlite(tmp_path, clock, armed=True)
    yield opened
    await opened.close()


@pytest.fixture
def program():
    """The command line of a program of this folder, which stands in for another process."""
    return lambda name, *arguments: [sys.executable, str(Path(__file__).parent / f"{name}.py"), *map(str, arguments)]
