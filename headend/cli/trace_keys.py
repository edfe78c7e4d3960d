"""The keys file of `headend trace`: TOML with `[[keys]]` tables."""

import tomllib
from pathlib import Path
from typing import Any, Final

from headend.dlms.errors import LocalError
from headend.dlms.security import KeyContext
from headend.dlms.trace import TraceKey
from headend.errors import HeadendError

_KEY_SIZES: Final = (16, 32)


class KeysError(HeadendError):
    """A keys file that can't be used; the text names file, entry and reason, and never a key."""

    exit_code = 2


def load_keys(path: Path) -> tuple[TraceKey, ...]:
    """The entries of a keys file; KeysError when one is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeysError(f"{path}: {error}") from error
    entries = content.get("keys")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise KeysError(f"{path}: [[keys]] tables are missing")
    return tuple(_entry(path, number, entry) for number, entry in enumerate(entries, 1))


def _entry(path: Path, number: int, entry: dict[str, Any]) -> TraceKey:
    where = f"{path}: keys entry {number}"
    title = _octets(where, "title", entry)
    if title is not None and len(title) != 8:
        raise KeysError(f"{where}: title has {len(title)} octets, not 8")
    encryption_key, master_key = _octets(where, "ek", entry), _octets(where, "kek", entry)
    authentication_key = _octets(where, "ak", entry) or b""
    key = encryption_key or master_key
    if key is None:
        raise KeysError(f"{where}: ek is missing (or kek, to unwrap keys with)")
    if master_key is not None and len(master_key) not in _KEY_SIZES:
        raise KeysError(f"{where}: kek has {len(master_key)} octets, not 16 or 32")
    try:
        context = KeyContext(key, authentication_key)
    except LocalError as error:
        raise KeysError(f"{where}: {error}") from error
    return TraceKey(None if encryption_key is None else context, title, master_key, authentication_key)


def _octets(where: str, name: str, entry: dict[str, Any]) -> bytes | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError) as error:
        raise KeysError(f"{where}: {name} is no hexadecimal text") from error
