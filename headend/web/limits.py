"""How often somebody may try: counted by key, in memory, and bounded however many keys come."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field

#: Keys that are remembered; the one that was quiet longest is forgotten first.
_MOST_KEYS: Final = 20_000


@define(eq=False)
class Limiter:
    """At most `most` within `span`, a key; each that is let through fills again evenly over the span."""

    most: int
    span: timedelta
    now: Callable[[], datetime]
    _levels: OrderedDict[str, tuple[float, datetime]] = field(init=False, factory=OrderedDict)

    def take(self, key: str, most: int | None = None) -> float:
        """Count one; 0 when it is within bounds, else the seconds until the next one would be."""
        now, bound = self.now(), self.most if most is None else most
        level, at = self._levels.pop(key, (0.0, now))
        rate = bound / self.span.total_seconds()
        level = max(0.0, level - (now - at).total_seconds() * rate)
        wait = 0.0 if level + 1 <= bound else (level + 1 - bound) / rate
        self._levels[key] = (level if wait else level + 1, now)
        while len(self._levels) > _MOST_KEYS:
            self._levels.popitem(last=False)
        return wait

    def forget(self, key: str) -> None:
        """Begin anew: a right password clears the wrong ones before it."""
        self._levels.pop(key, None)
