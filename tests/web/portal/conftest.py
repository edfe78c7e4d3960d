import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from portal_house import house_in


@pytest.fixture
async def house(tmp_path):
    """A head-end with two consumers, 50 rupees below zero, and its portal."""
    async with house_in(tmp_path) as made:
        yield made
