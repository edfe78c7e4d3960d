"""The real server on simulated meters, seen through Debian's chromium."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))

from browsing import Browsing, refuse_without_browser
from faces_under_test import faces_of, first_log_in
from site_under_test import Site


@pytest.fixture(scope="module")
def chromium():
    """One browser for a file of tests; each page gets a context of its own.

    It ends with the file: while it is there, a loop runs in this thread, and tests with a loop of their own can't.
    """
    refuse_without_browser()
    with Browsing() as browsing:
        yield browsing


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Simulator, text messages and daemon with its web faces; the first consumer's balance is below zero."""
    site = Site(tmp_path_factory.mktemp("faces"))
    try:
        with faces_of(site) as started:
            yield started
    finally:
        site.close()


@pytest.fixture(scope="module")
def administrator(chromium, faces):
    """The name of the first administrator, who has set a password."""
    page = chromium.page()
    first_log_in(page, faces.welcome_link())
    page.context.close()
    return "admin"


@pytest.fixture(scope="module")
def proposing(tmp_path_factory):
    """Three consumers below zero in an office that proposes cuts, of which one person may approve two."""
    site = Site(tmp_path_factory.mktemp("proposing"))
    try:
        with faces_of(site, meters=4, mode="propose", debtors=3, approve_alone=2) as started:
            yield started
    finally:
        site.close()
