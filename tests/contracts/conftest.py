import sys
from pathlib import Path

import pytest

# The makers of this folder are imported by name, here and by tests/storage.
sys.path.insert(0, str(Path(__file__).parent))

from postgres_server import Server
from store_making import START, Clock, open_postgres, open_sqlite

#: Every store that implements the ports meets the same tests.
STORES = {"sqlite": open_sqlite, "postgresql": open_postgres}


@pytest.fixture(scope="session")
def postgresql():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def clock():
    return Clock(START)


@pytest.fixture(params=sorted(STORES))
async def opened(request, tmp_path, clock):
    """Opens stores on the same data, as processes would; all are closed at the end."""
    stores = []
    given = {"server": request.getfixturevalue("postgresql")} if request.param == "postgresql" else {}

    async def opener(**options):
        store = await STORES[request.param](tmp_path, clock, **given, **options)
        stores.append(store)
        return store

    yield opener
    for store in stores:
        await store.close()


@pytest.fixture
async def store(opened):
    return await opened(armed=True)
