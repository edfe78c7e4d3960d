"""Every kind of event that is published is described, and what is described is what goes out."""

import ast
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from headend.notify.model import EventRow
from headend.notify.mqtt import payload_of
from headend.notify.schemas import DIALECT, KINDS, known_as, schema

ROOT = Path(__file__).parents[2] / "headend"
KIND = re.compile(r"[a-z_]+\.[a-z_]+(\.[a-z_]+)?")


def spoken(node):
    """The kinds that an argument of emit can be: literals, and for a text that is put together its beginning."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from spoken(node.body)
        yield from spoken(node.orelse)
    elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        yield f"{node.values[0].value}*"


def emitted():
    for path in sorted((ROOT / "storage").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("emit", "_tell"):
                for argument in node.args:
                    yield from (kind for kind in spoken(argument) if KIND.fullmatch(kind) or kind.endswith(".*"))


def test_every_kind_that_the_store_emits_is_described():
    found = set(emitted())
    assert len(found) > 30
    assert {kind for kind in found if known_as(kind) is None and kind not in KINDS} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_one(kind):
    made = schema(kind)
    assert made["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(made)


def valid(row):
    message = json.loads(payload_of(row))
    checker = jsonschema.Draft202012Validator(schema(row.kind), format_checker=jsonschema.FormatChecker())
    return [f"{row.kind}: {error.json_path}: {error.message}" for error in checker.iter_errors(message)]


def row(kind="relay.connected", payload='{"control_state": 1, "control_mode": 4, "command": null}', **changes):
    values = {"number": 1, "at": datetime(2026, 11, 24, tzinfo=UTC), "kind": kind, "meter": "M1", "consumer_no": None}
    return EventRow(**{**values, **changes}, payload=payload)


def test_a_message_that_lacks_a_field_or_has_another_type_is_told():
    assert valid(row()) == []
    assert valid(row(payload='{"control_state": 1, "control_mode": 4}'))
    assert valid(row(payload='{"control_state": "1", "control_mode": 4, "command": null}'))
    assert valid(row(consumer_no="5"))
    assert valid(row(number=0))


def test_a_kind_that_is_not_described_still_has_what_all_have():
    assert known_as("nothing.known") is None
    assert valid(row("nothing.known", "{}")) == []
