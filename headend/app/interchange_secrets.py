"""Secrets that other systems share with us: from a file, the environment or a systemd credential; never in the TOML."""

import os
import stat
from pathlib import Path
from typing import Final, Protocol

from headend.settings import Settings, SettingsError

#: Fewer letters can be tried out.
_SHORTEST: Final = 16


class SecretSection(Protocol):
    """A section of the configuration that names where its secret is."""

    @property
    def secret_file(self) -> str | None:
        """A file, relative to the configuration."""
        ...

    @property
    def secret_env(self) -> str | None:
        """An environment variable."""
        ...

    @property
    def secret_credential(self) -> str | None:
        """A systemd credential."""
        ...


def secrets_of(settings: Settings, name: str, section: SecretSection) -> tuple[str, ...]:
    """The secrets of a section, one a line; none where it names no place. SettingsError for one that can't be used."""
    if section.secret_env is not None:
        text = os.environ.get(section.secret_env)
        if text is None:
            raise SettingsError(f"{settings.source}: {name}.secret_env: {section.secret_env} is not set")
        return _lines(text, f"{settings.source}: {name}.secret_env: {section.secret_env}")
    path = _place(settings, name, section)
    return () if path is None else _lines(_content(path), str(path))


def _place(settings: Settings, name: str, section: SecretSection) -> Path | None:
    if section.secret_credential is not None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise SettingsError(f"{settings.source}: {name}.secret_credential: no CREDENTIALS_DIRECTORY from systemd")
        return Path(folder) / section.secret_credential
    return None if section.secret_file is None else settings.beside(section.secret_file)


def _content(path: Path) -> str:
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the secret can't be read: {type(error).__name__}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
        raise SettingsError(f"{path}: others may read or change the secret; run `chmod 600 {path}`")
    return text


def _lines(text: str, place: str) -> tuple[str, ...]:
    secrets = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not secrets or min(map(len, secrets)) < _SHORTEST:
        raise SettingsError(
            f"{place}: a secret has {_SHORTEST} characters or more, such as `openssl rand -hex 32` makes"
        )
    return secrets
