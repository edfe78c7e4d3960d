import asyncio
import sys
from pathlib import Path

import pytest

# This folder's house, and the server of PostgreSQL that the contracts of the store use.
sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))
sys.path.insert(0, str(Path(__file__).parent))

from postgres_server import Server
from site_under_test import Site


def pytest_collection_modifyitems(config, items):
    if config.getoption("--store") == "embedded":
        return
    skip = pytest.mark.skip(reason="about the embedded store's file")
    for item in items:
        if item.get_closest_marker("embedded"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def postgresql(request):
    """The server of this run with `--store postgresql`, None for the embedded store."""
    server = Server() if request.config.getoption("--store") == "postgresql" else None
    yield server
    if server is not None:
        server.close()


@pytest.fixture
def site(tmp_path, postgresql):
    """An empty site; whatever the test started is ended with it."""
    made = Site(tmp_path, None if postgresql is None else asyncio.run(postgresql.database(tmp_path)))
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
