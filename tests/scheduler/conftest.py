import sys
from pathlib import Path

# The stand-ins of this folder are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

import pytest
import structlog


@pytest.fixture(autouse=True)
def _quiet():
    with structlog.testing.capture_logs():
        yield
