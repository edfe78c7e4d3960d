"""Meter keys, wrapped; and their import from a TOML file, all of it or nothing."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from headend.session.ports import KeySet, Now
from headend.storage.counters import forget_received
from headend.storage.errors import ImportRefused, Problem
from headend.storage.events import emit
from headend.storage.inventory import meter_id
from headend.storage.kek import Kek, KekError
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.writer import Writer

#: Our system title where an entry names none: three letters of the maker, then a number (Green Book 9.2.3.4.8).
CLIENT_TITLE: Final = b"HED\x00\x00\x00\x00\x01"

ROLES: Final = ("setting", "reader", "push", "display", "firmware")

_SECRETS: Final = {"ek": (16, 32), "ak": (16, 32), "secret": (1, 64), "master": (16, 32)}
_FIELDS: Final = frozenset({"meter", "role", "client_title", *_SECRETS})
_COLUMN_OF: Final = {"ek": "encryption", "ak": "authentication", "secret": "secret", "master": "master"}


@frozen
class KeyEntry:
    """Entry `number` of a key file; octets, unwrapped only as long as the import lasts."""

    number: int
    meter: str
    role: str
    client_title: bytes
    secrets: dict[str, bytes] = field(repr=False)


@define(eq=False)
class Keys:
    """KeyRing on SQLite. Without a KEK everything but keys works."""

    _writer: Writer
    _readers: Readers
    _kek: Kek | None
    _now: Now

    @property
    def present(self) -> bool:
        """Whether the key-encryption key is there."""
        return self._kek is not None

    async def keys(self, meter: str, role: str) -> KeySet | None:
        """The keys of that role, or None when none were imported; raises KekError without the right KEK."""
        row = await self._readers.look(lambda connection: _select(connection, meter, role))
        return None if row is None else _unwrapped(self._required(), meter, role, row)

    async def import_keys(self, file: Path, *, client_title: bytes = CLIENT_TITLE) -> int:
        """Import a TOML file of `[[keys]]`; how many entries. Raises ImportRefused with all problems, keeps nothing."""
        kek = self._required()
        entries, problems = parse_keys(_read(file), client_title)
        imported_at = self._now()
        await self._writer.run(lambda connection: _store(connection, kek, str(file), entries, problems, imported_at))
        return len(entries)

    def _required(self) -> Kek:
        if self._kek is None:
            raise KekError(
                "no key-encryption key was given: set `kek_file` in the configuration, HEADEND_KEK, or the systemd"
                " credential headend-kek"
            )
        return self._kek


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImportRefused(str(file), (Problem(0, "", f"the file can't be read: {error.strerror}"),)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The parser's message may quote the line, and that line may hold a key.
        raise ImportRefused(str(file), (Problem(0, "", "the file is not TOML in UTF-8"),)) from None


def parse_keys(document: dict[str, Any], client_title: bytes) -> tuple[list[KeyEntry], list[Problem]]:
    """The entries of a key document, and what is wrong with it; problems name entry and field, never a value."""
    problems = [
        Problem(0, name, "unknown; a key file holds [[keys]] entries only") for name in document if name != "keys"
    ]
    found = document.get("keys")
    if not isinstance(found, list) or not found:
        return [], [*problems, Problem(0, "keys", "no [[keys]] entry")]
    entries = []
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(found, start=1):
        parsed, wrong = _entry(number, entry, client_title)
        problems += wrong
        if parsed is None:
            continue
        if (parsed.meter, parsed.role) in seen:
            problems.append(Problem(number, "role", f"meter {parsed.meter}, role {parsed.role} stands twice"))
        seen.add((parsed.meter, parsed.role))
        entries.append(parsed)
    return entries, problems


def _entry(number: int, entry: object, client_title: bytes) -> tuple[KeyEntry | None, list[Problem]]:
    if not isinstance(entry, dict):
        return None, [Problem(number, "keys", "not a table")]
    problems = [Problem(number, name, "unknown field") for name in sorted(entry.keys() - _FIELDS)]
    missing = [name for name in ("meter", "role") if not isinstance(entry.get(name), str) or not entry[name]]
    problems += [Problem(number, name, "missing") for name in missing]
    if isinstance(entry.get("role"), str) and entry["role"] not in ROLES:
        problems.append(Problem(number, "role", f"unknown role; one of {', '.join(ROLES)}"))
    title, wrong = _octets(number, entry, "client_title", (8, 8))
    problems += wrong
    secrets = {}
    for name, lengths in _SECRETS.items():
        octets, wrong = _octets(number, entry, name, lengths)
        problems += wrong
        if octets is not None:
            secrets[name] = octets
    if not secrets and not problems:
        problems.append(Problem(number, "secret", "the entry holds no key"))
    if problems:
        return None, problems
    return KeyEntry(number, entry["meter"], entry["role"], title or client_title, secrets), []


def _octets(
    number: int, entry: dict[str, Any], name: str, lengths: tuple[int, int]
) -> tuple[bytes | None, list[Problem]]:
    text = entry.get(name)
    if text is None:
        return None, []
    try:
        octets = bytes.fromhex(text)
    except (TypeError, ValueError):
        return None, [Problem(number, name, "not hexadecimal digits in quotes")]
    least, most = lengths
    right = least <= len(octets) <= most if name == "secret" else len(octets) in lengths
    if not right:
        wanted = f"{least} to {most}" if name == "secret" else " or ".join(map(str, sorted({least, most})))
        return None, [Problem(number, name, f"has {len(octets)} octets, must have {wanted}")]
    return octets, []


def _store(
    connection: Connection,
    kek: Kek,
    file: str,
    entries: list[KeyEntry],
    problems: list[Problem],
    imported_at: datetime,
) -> None:
    known = {serial: row_id for row_id, serial in connection.execute("SELECT id, serial FROM meters")}
    unknown = [
        Problem(entry.number, "meter", f"{entry.meter} is not in the inventory")
        for entry in entries
        if entry.meter not in known
    ]
    if problems or unknown:
        raise ImportRefused(file, tuple(sorted([*problems, *unknown], key=lambda problem: problem.line)))
    for entry in entries:
        _store_entry(connection, kek, entry, known[entry.meter], imported_at)
    emit(connection, imported_at, "keys.imported", payload={"entries": len(entries)})


def _store_entry(connection: Connection, kek: Kek, entry: KeyEntry, meter: int, imported_at: datetime) -> None:
    before = _select(connection, entry.meter, entry.role)
    wrapped = {name: kek.wrap(octets, _place(entry.meter, entry.role, name)) for name, octets in entry.secrets.items()}
    connection.execute(
        "INSERT INTO keys (meter, role, client_title, encryption, authentication, secret, master, imported_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (meter, role) DO UPDATE SET"
        " (client_title, encryption, authentication, secret, master, imported_at)"
        " = (excluded.client_title, excluded.encryption, excluded.authentication, excluded.secret, excluded.master,"
        " excluded.imported_at)",
        (
            meter,
            entry.role,
            entry.client_title,
            *(wrapped.get(name) for name in _COLUMN_OF),
            to_micros(imported_at),
        ),
    )
    if before is not None and _unwrapped(kek, entry.meter, entry.role, before).encryption != entry.secrets.get("ek"):
        forget_received(connection, meter, entry.role)


def _select(connection: Connection, meter: str, role: str) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT client_title, encryption, authentication, secret FROM keys WHERE meter = ? AND role = ?",
        (meter_id(connection, meter), role),
    ).fetchone()
    return row


def _unwrapped(kek: Kek, meter: str, role: str, row: tuple[Any, ...]) -> KeySet:
    title, *wrapped = row
    encryption, authentication, secret = (
        None if octets is None else kek.unwrap(octets, _place(meter, role, name))
        for name, octets in zip(("ek", "ak", "secret"), wrapped, strict=True)
    )
    return KeySet(title, encryption=encryption, authentication=authentication, secret=secret)


def _place(meter: str, role: str, name: str) -> str:
    return f"{meter}/{role}/{name}"
