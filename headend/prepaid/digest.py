"""A policy as one canonical text, so that two sets of rules can be told apart and a change can be named."""

import hashlib
import json
from datetime import date, time, timedelta
from typing import Any

import attrs

from headend.prepaid.policy import Policy


def policy_text(policy: Policy) -> str:
    """The rules as JSON with sorted keys and sets: equal policies, and only these, have the same text."""
    return json.dumps(_plain(policy), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def policy_digest(policy: Policy) -> str:
    """SHA-256 of the text, in hex."""
    return hashlib.sha256(policy_text(policy).encode()).hexdigest()


def changed_rules(before: str, after: str) -> dict[str, tuple[Any, Any]]:
    """The rules in which two policy texts differ: `caps.per_hour` and its like, with the value before and after."""
    old, new = _flat("", json.loads(before)), _flat("", json.loads(after))
    return {key: (old.get(key), new.get(key)) for key in sorted(old | new) if old.get(key) != new.get(key)}


def _plain(value: Any) -> Any:  # noqa: ANN401  any part of a policy
    if attrs.has(type(value)):
        return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, timedelta):
        return f"{value // timedelta(seconds=1)}s"
    if isinstance(value, date | time):
        return value.isoformat()
    return value


def _flat(prefix: str, value: Any) -> dict[str, Any]:  # noqa: ANN401  as above
    if not isinstance(value, dict):
        return {prefix: value}
    parts: dict[str, Any] = {}
    for key, each in value.items():
        parts |= _flat(f"{prefix}.{key}" if prefix else key, each)
    return parts
