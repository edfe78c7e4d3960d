import sys
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
def shown(capsys):
    """Prints a line of figures past the capture: what a run proves is seen in every report."""

    def show(text):
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}")

    return show
