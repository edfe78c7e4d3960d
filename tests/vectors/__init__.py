"""The recorded byte strings beside this file: `load("axdr")`. What the keys mean is in README.md."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from attrs import field, frozen

FOLDER = Path(__file__).parent
KINDS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@frozen
class Vector:
    """One byte string with what is known of it; `str` is its name, so that pytest shows that as the test's id."""

    name: str
    kind: str
    form: str
    octets: bytes = field(repr=lambda octets: octets.hex())
    source: str
    direction: str = ""
    expected: dict[str, Any] = field(factory=dict, repr=False)
    keys: dict[str, bytes] = field(factory=dict, repr=False)
    wrong_keys: Any = field(default=None, repr=False)
    invalid: bool = False
    reason: str = ""
    note: str = ""
    altered: str = ""
    verified_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


@cache
def load(kind: str) -> list[Vector]:
    """All vectors of one file; `kind` is its name without `.toml`."""
    entries = tomllib.loads((FOLDER / f"{kind}.toml").read_text("utf-8"))["vector"]
    return [_vector(entry) for entry in entries]


def load_form(form: str) -> list[Vector]:
    """All vectors of one form, from every file."""
    return [vector for kind in KINDS for vector in load(kind) if vector.form == form]


def _vector(entry: dict[str, Any]) -> Vector:
    return Vector(
        name=entry["name"],
        kind=entry["kind"],
        form=entry["form"],
        octets=bytes.fromhex(entry["hex"]),
        source=entry["source"],
        direction=entry.get("direction", ""),
        expected=entry.get("expected", {}),
        keys={name: bytes.fromhex(key) for name, key in entry.get("keys", {}).items()},
        wrong_keys=entry.get("wrong_keys"),
        invalid=entry.get("invalid", False),
        reason=entry.get("reason", ""),
        note=entry.get("note", ""),
        altered=entry.get("altered", ""),
        verified_by=tuple(entry.get("verified_by", ())),
    )
