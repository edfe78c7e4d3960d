"""docs/protocol.md names, for every row, tests that are there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
TEXT = (ROOT / "docs" / "protocol.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", TEXT)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: part or "all")
def test_a_test_that_the_table_names_is_there(file, name):
    (path,) = [folder / file for folder in (ROOT, TESTS, TESTS / "dlms") if (folder / file).is_file()]
    assert f"def {name or 'test_'}" in path.read_text("utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:headend/)?[\w/]+(?:\.py|/))`", TEXT))))
def test_code_that_the_table_names_is_there(path):
    folders = (ROOT, ROOT / "headend" / "dlms", TESTS, TESTS / "dlms")
    assert any((folder / path).exists() for folder in folders)


def test_every_row_names_a_test():
    rows = [line for line in TEXT.partition("## What tolerant")[0].splitlines() if line.startswith("| ")]
    bare = [row for row in rows if "test_" not in row and not row.startswith("| what ")]
    assert bare == []
    assert len(rows) > 40
