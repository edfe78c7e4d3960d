import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from office_house import HOSTILE, open_web


@pytest.fixture
async def web(tmp_path):
    async with open_web(tmp_path) as found:
        yield found


@pytest.fixture
async def hostile_web(tmp_path):
    async with open_web(tmp_path, HOSTILE) as found:
        yield found
