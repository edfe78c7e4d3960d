"""A meter model to TOML, so that what a meter was found to have becomes a file that `load_model` accepts."""

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs

from headend.dlms.cosem import Obis
from headend.meters.model import MeterModel


def model_to_toml(model: MeterModel) -> str:
    """The text that `load_model` turns into an equal model; defaults are left out."""
    plain = _plain(model)
    scalars = {key: value for key, value in plain.items() if not _is_table(value)}
    tables = {key: value for key, value in plain.items() if _is_table(value)}
    return "\n".join([*_pairs(scalars), *_tables(tables)]) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a model
    if isinstance(value, Obis):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if attrs.has(type(value)):
        return {
            attribute.name: _plain(getattr(value, attribute.name))
            for attribute in attrs.fields(type(value))
            if not _is_default(value, attribute)
        }
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _is_default(value: object, attribute: "attrs.Attribute[Any]") -> bool:
    if attribute.default is attrs.NOTHING:
        return False
    default = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type] # a class at run time, a function to mypy
        default = default.factory()  # type: ignore[union-attr]
    return bool(getattr(value, attribute.name) == default)


def _is_table(value: Any) -> bool:  # noqa: ANN401 - any part of a model
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _pairs(values: dict[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{_key(key)} = {_inline(value)}"


def _tables(tables: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tables.items():
        path = f"{prefix}{_key(key)}"
        if isinstance(value, list):
            for item in value:
                yield from ("", f"[[{path}]]", *_pairs(item))
        elif value and all(isinstance(item, dict) for item in value.values()):
            yield from _tables(value, f"{path}.")
        else:
            yield from ("", f"[{path}]", *_pairs(value))


def _inline(value: Any) -> str:  # noqa: ANN401 - any part of a model
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "[\n" + "".join(f"  {_inline(item)},\n" for item in value) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    # JSON's texts, numbers and booleans are TOML's too, but for U+007F.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False)
