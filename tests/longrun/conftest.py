import os
import sys
import tempfile
from pathlib import Path

# The stand-ins of this folder are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

import pytest
import structlog


@pytest.fixture(autouse=True)
def _quiet():
    # Dropped, not kept: a long run tells of a hundred thousand visits.
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()


def _drop(logger, name, event):
    raise structlog.DropEvent


@pytest.fixture
def in_memory(tmp_path):
    """A folder in memory where the system has one: a long run's syncs would only measure the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="headend-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def shown(capsys):
    """Prints a line of figures past the capture: what a run proves is seen in every report."""

    def show(text):
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}")

    return show
