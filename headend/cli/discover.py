"""A meter model from a meter: what `headend meters discover` does once its options are read."""

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from headend.app import Headend
from headend.cli.lookup import meter_of
from headend.errors import HeadendError
from headend.meters.loading import load_model
from headend.meters.model import MeterModel
from headend.meters.writing import model_to_toml
from headend.session.discovery import Discovery
from headend.storage.lock import AlreadyRunning, DaemonLock


class DaemonRuns(HeadendError):  # noqa: N818  an answer, not a fault
    """Two processes never visit one meter, and this one needs an association of its own for a while."""


class NotWritten(HeadendError):  # noqa: N818  as above
    """The file can't be written; nothing is there that was not there before."""


async def find_out(headend: Headend, serial: str, role: str | None, name: str | None) -> Discovery:
    """The model of a meter, read in a visit by this process. Raises DaemonRuns beside a daemon."""
    meter = await meter_of(headend.store, serial)
    try:
        with DaemonLock.acquire(headend.store.path):
            return await headend.discover(meter, role, name or f"discovered-{serial}")
    except AlreadyRunning as running:
        raise DaemonRuns(
            f"{running}; a model is found out in a visit of its own, so stop the daemon, discover, and start it again"
        ) from running


def checked_text(model: MeterModel) -> str:
    """The model as TOML that is known to be read back as the same model."""
    text = model_to_toml(model)
    if load_model(text, f"model {model.name}") != model:
        raise HeadendError(f"model {model.name} does not survive being written; nothing was written")
    return text


def write(path: Path, text: str) -> None:
    """Put the text into the file, whole or not at all. Raises NotWritten."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotWritten(f"{path}: {error.strerror}") from error


def summary(discovery: Discovery, path: Path | None, text: str) -> dict[str, Any]:
    """What was found, for machines; with the model's text where it went into no file."""
    model = discovery.model
    found = {
        "name": model.name,
        "description": model.description,
        "registers": [register.name for register in model.registers],
        "profiles": {profile.name: len(profile.columns) for profile in model.profiles},
        "pushes": [push.name for push in model.pushes],
        "objects": sorted(model.objects),
        "relay": None if model.relay is None else str(model.relay.obis),
        "prepaid": model.prepaid is not None,
        "refused": [str(obis) for obis in discovery.refused],
    }
    return found | ({"toml": text} if path is None else {"file": str(path)})


def told(discovery: Discovery) -> str:
    """One line for the person who asked."""
    model = discovery.model
    unnamed = Counter(register.name.startswith("obis_") for register in model.registers)[True]
    parts = [
        f"{len(model.registers)} registers" + (f" ({unnamed} without a name we know)" if unnamed else ""),
        f"{len(model.profiles)} profiles",
        f"{len(model.pushes)} push setups",
        "a relay" if model.relay else "no relay",
        "a prepaid account" if model.prepaid else "no prepaid account",
    ]
    refused = f"; {len(discovery.refused)} objects let this role read nothing" if discovery.refused else ""
    return f"model {model.name}: {', '.join(parts)}{refused}"
