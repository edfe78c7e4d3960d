"""How full the file system of the database is, and what is given up first when it is nearly full (profiles)."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

#: Total, used and free octets of the file system that holds a path, as `shutil.disk_usage` gives them.
Usage = Callable[[Path], tuple[int, int, int]]

#: Shedding ends this much below the share at which it begins, so that it does not come and go with every file.
HYSTERESIS: Final = 0.02


@frozen
class Disk:
    """Octets of a file system as we may use them: what is kept for root counts as neither used nor free."""

    used: int
    free: int

    @property
    def share(self) -> float:
        """The used share, from 0 to 1, as `df` shows it."""
        return self.used / (self.used + self.free) if self.used + self.free else 1.0


def disk_of(path: Path, usage: Usage = shutil.disk_usage) -> Disk:
    """The file system of a file that may not be there yet. Raises OSError when it can't be asked."""
    _, used, free = usage(path.parent)
    return Disk(used, free)


@define
class Shedding:
    """Whether profiles are given up for now: from `begin` on, until the share is HYSTERESIS below it."""

    begin: float = 0.9
    on: bool = field(init=False, default=False)

    def look(self, share: float) -> bool:
        """Take the share in use; whether that changed anything."""
        before = self.on
        self.on = share >= self.begin - (HYSTERESIS if before else 0.0)
        return self.on is not before
