"""The composition root: the only room where the others are wired together.

`Setup` is everything that the configuration names. `Headend` is a store with what visits its meters. A command that
needs the meters takes the daemon's lock for the time of its visit, or asks the daemon through the database.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headend.app.opening import now, open_store
    from headend.app.setup import NoTariff, Setup
    from headend.app.wiring import Headend, open_headend

__all__ = ["Headend", "NoTariff", "Setup", "now", "open_headend", "open_store"]

_HOMES = {
    "Headend": "wiring",
    "NoTariff": "setup",
    "Setup": "setup",
    "now": "opening",
    "open_headend": "wiring",
    "open_store": "opening",
}


def __getattr__(name: str) -> object:
    """Import a name when it is asked for: a command that lists meters need not load what visits them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
