"""The composition root: the only room where the others are wired together.

`Setup` is everything that the configuration names. `Headend` is a store with what visits its meters. A command that
needs the meters takes the daemon's lock for the time of its visit, or asks the daemon through the database.
"""

from headend.app.setup import NoTariff, Setup
from headend.app.wiring import Headend, now, open_headend, open_store

__all__ = ["Headend", "NoTariff", "Setup", "now", "open_headend", "open_store"]
