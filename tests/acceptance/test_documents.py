"""What the documents point at is there: code, tests and each other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])

CODE = re.compile(r"`((?:headend|simulator|tests|bench|config|docs)/[\w./-]+\.(?:py|toml|md|sql|svg|txt))(?:::(\w+))?`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_test_that_a_document_names_is_there(document):
    for name, test in CODE.findall(document.read_text()):
        assert (ROOT / name).is_file(), name
        if test:
            assert f"def {test}(" in (ROOT / name).read_text(), f"{name}::{test}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_rule_of_safety_names_code_and_a_test():
    rows = [line for line in (ROOT / "docs/safety.md").read_text().splitlines() if re.match(r"\| \d+ ", line)]
    assert len(rows) > 20
    for row in rows:
        assert "`headend/" in row
        assert "`tests/" in row
