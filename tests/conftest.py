import pytest


def pytest_addoption(parser):
    parser.addoption("--nightly", action="store_true", help="also run the tests that take long (marker nightly)")
    parser.addoption(
        "--store",
        default="embedded",
        choices=("embedded", "postgresql"),
        help="where the head-end of the acceptance tests keeps its data: a file, or a server that the tests start",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--nightly"):
        return
    skip = pytest.mark.skip(reason="takes long; run with --nightly")
    for item in items:
        if item.get_closest_marker("nightly"):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    """How many inputs all fuzz targets were given, where they were."""
    counts = [
        value
        for report in terminalreporter.stats.get("passed", ())
        for name, value in getattr(report, "user_properties", ())
        if name == "fuzz executions" and report.when == "call"
    ]
    if counts:
        terminalreporter.write_line(f"fuzz: {sum(counts):,} executions by {len(counts)} targets, nothing found")
