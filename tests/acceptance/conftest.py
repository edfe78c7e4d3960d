import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from site_under_test import Site


@pytest.fixture
def site(tmp_path):
    """An empty site; whatever the test started is ended with it."""
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def one_meter(site):
    """One simulated meter in good credit, imported, no daemon; gives (site, serial, consumer number)."""
    site.start_simulator(meters=1)
    site.configure()
    site.import_all()
    meter = site.headend("meters", "list", "--json").json[0]
    return site, meter["serial"], meter["consumer_no"]
