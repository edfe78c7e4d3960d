import pytest


def pytest_addoption(parser):
    parser.addoption("--nightly", action="store_true", help="also run the tests that take long (marker nightly)")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--nightly"):
        return
    skip = pytest.mark.skip(reason="takes long; run with --nightly")
    for item in items:
        if item.get_closest_marker("nightly"):
            item.add_marker(skip)
