"""The key-encryption key: it wraps every meter key, and lives in a file, the environment or a systemd credential.

It is never written to the database, so a stolen database or backup holds no usable key. The database keeps a check
value, by which a wrong key is recognised before it unwraps anything.
"""

import base64
import binascii
import hmac
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import define, field
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headend.storage.errors import StorageError

KEK_OCTETS: Final = 32
ENVIRONMENT: Final = "HEADEND_KEK"
CREDENTIAL: Final = "headend-kek"

#: The name in `meta` of the value by which a database recognises its key.
KEK_CHECK: Final = "kek_check"

_NONCE_OCTETS: Final = 12


class KekError(StorageError):
    """The key-encryption key is missing, malformed, badly protected, or not the one of this database."""


@define(eq=False)
class Kek:
    """A key-encryption key of 32 octets (AES-256-GCM); `source` says where it came from and is safe to show."""

    _octets: bytes = field(repr=False)
    source: str
    _random: Callable[[int], bytes] = field(default=os.urandom, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a key of another length: KekError."""
        if len(self._octets) != KEK_OCTETS:
            raise KekError(f"{self.source}: a key-encryption key has {KEK_OCTETS} octets, this has {len(self._octets)}")

    def check_value(self) -> bytes:
        """What the database keeps to recognise this key; it gives nothing of the key away."""
        return hmac.digest(self._octets, b"headend key check value", "sha256")[:16]

    def wrap(self, secret: bytes, place: str) -> bytes:
        """The secret encrypted for one place (`meter/role/field`); it unwraps nowhere else."""
        nonce = self._random(_NONCE_OCTETS)
        return nonce + AESGCM(self._octets).encrypt(nonce, secret, place.encode())

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """The secret; raises KekError when it was not wrapped with this key for this place."""
        try:
            return AESGCM(self._octets).decrypt(wrapped[:_NONCE_OCTETS], wrapped[_NONCE_OCTETS:], place.encode())
        except (InvalidTag, ValueError):
            raise KekError(f"a stored key ({place}) does not unwrap with the key from {self.source}") from None


def find_kek(environment: Mapping[str, str], file: Path | None = None) -> Kek | None:
    """The key from `file`, else from HEADEND_KEK, else from the systemd credential `headend-kek`; None without any.

    A file holds 64 hexadecimal digits, the same in base64, or 32 raw octets; HEADEND_KEK hexadecimal digits or base64.
    """
    if file is not None:
        return _from_file(file)
    if (text := environment.get(ENVIRONMENT)) is not None:
        return Kek(_decoded(text.encode(), ENVIRONMENT), f"the environment variable {ENVIRONMENT}")
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if folder and (credential := Path(folder) / CREDENTIAL).exists():
        return _from_file(credential)
    return None


def create_kek_file(path: Path, random: Callable[[int], bytes] = os.urandom) -> Kek:
    """Make a new key in a file that only its owner can read; raises KekError when the file is there already."""
    octets = random(KEK_OCTETS)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KekError(f"{path}: the file is there already; it may wrap keys in use, so it is not replaced") from None
    except OSError as error:
        raise KekError(f"{path}: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(octets.hex() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return Kek(octets, str(path))


def _from_file(path: Path) -> Kek:
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise KekError(f"{path}: the key-encryption key can't be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
        raise KekError(f"{path}: others may read or change the key-encryption key; run `chmod 600 {path}`")
    return Kek(_decoded(content, str(path)), str(path))


def _decoded(content: bytes, source: str) -> bytes:
    # 32 visible characters are a key of half the strength in hexadecimal digits, not raw octets.
    if len(content) == KEK_OCTETS and not (content.isascii() and content.decode().isprintable()):
        return content
    text = content.strip()
    for decode in (binascii.unhexlify, lambda octets: base64.b64decode(octets, validate=True)):
        try:
            octets = decode(text)
        except (binascii.Error, ValueError):
            continue
        if len(octets) == KEK_OCTETS:
            return octets
    raise KekError(
        f"{source}: not a key-encryption key; write {KEK_OCTETS * 2} hexadecimal digits, for example from"
        f" `openssl rand -hex {KEK_OCTETS}`"
    )
