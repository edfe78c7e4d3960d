import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from exchange_house import House


@pytest.fixture
async def house(tmp_path):
    """A store with two meters and two consumers, and no daemon."""
    made = House(tmp_path)
    async with made.opened():
        yield made
