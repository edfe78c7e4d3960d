"""Permits: how many visits run at once, in a lane (a gateway, a bus, a meter) and in the process.

A permit is taken only when a visit starts at once, and is given back when it ends; nobody waits while holding one. A
share is kept free for relay work, so that a reconnect never queues behind a round of collection.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import Factory, define, field, frozen

from headend.scheduler.ports import Outcome

#: So many visits in a row to different meters of a shared lane find nobody: the gateway is down, not its meters.
_SILENT_LANE: Final = 3
_SILENT: Final = frozenset({Outcome.UNREACHABLE, Outcome.EXPIRED})
_LANE_PAUSE: Final = timedelta(seconds=20)
_LONGEST_LANE_PAUSE: Final = timedelta(minutes=10)


@frozen
class LaneRules:
    """Permits of the process and of a lane (`per_lane`, or `lanes` by name), and how many are kept for relay work."""

    process: int = 256
    kept: int = 32
    per_lane: int = 1
    lanes: Mapping[str, int] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        """Refuse permits with which nothing could run: ValueError."""
        if self.process < 1 or self.per_lane < 1 or min(self.lanes.values(), default=1) < 1:
            raise ValueError("a lane and the process need at least one permit")
        if not 0 <= self.kept < self.process:
            raise ValueError("the permits kept for relay work must leave at least one for collection")

    def permits(self, lane: str) -> int:
        """Permits of a lane."""
        return self.lanes.get(lane, self.per_lane)

    def kept_in(self, lane: str) -> int:
        """Permits of a lane kept for relay work: an eighth, at least one where there are two."""
        permits = self.permits(lane)
        return max(1, permits // 8) if permits > 1 else 0


@define
class _Lane:
    """A lane in use or out of order; a quiet one has no object at all."""

    running: int = 0
    collecting: int = 0
    silent: int = 0
    blocked_until: datetime | None = None


@define
class Lanes:
    """The permits in use."""

    rules: LaneRules
    running: int = 0
    collecting: int = 0
    _lanes: dict[str, _Lane] = field(factory=dict)

    def take(self, lane: str, *, relay: bool, now: datetime) -> bool:
        """Take a permit of the process and of the lane, or neither."""
        if not self.has_room(relay=relay) or not self.lane_has_room(lane, relay=relay, now=now):
            return False
        state = self._lanes.setdefault(lane, _Lane())
        state.running += 1
        state.collecting += not relay
        self.running += 1
        self.collecting += not relay
        return True

    def give_back(self, lane: str, *, relay: bool) -> None:
        """Give back what `take` took with the same arguments."""
        state = self._lanes[lane]
        state.running -= 1
        state.collecting -= not relay
        self.running -= 1
        self.collecting -= not relay
        self._forget(lane, state)

    def has_room(self, *, relay: bool) -> bool:
        """Whether the process has a permit for relay work, or for collection."""
        return self.running < self.rules.process and (relay or self.collecting < self.rules.process - self.rules.kept)

    def lane_has_room(self, lane: str, *, relay: bool, now: datetime) -> bool:
        """Whether the lane has a permit. A lane out of order lets one visit try at a time, relay work at any time."""
        state = self._lanes.get(lane)
        if state is None:
            return True
        permits = self.rules.permits(lane)
        if state.blocked_until is not None:
            # One visit finds out whether the lane is in order again, and only relay work before the pause is over.
            return state.running == 0 and (relay or now >= state.blocked_until)
        if relay:
            return state.running < permits
        return state.running < permits and state.collecting < permits - self.rules.kept_in(lane)

    def heard(self, lane: str, outcome: Outcome, *, shared: bool, now: datetime) -> bool:
        """Learn from a visit: a shared lane in which nobody answers is left alone for a while.

        True when a lane that was out of order is in order again.
        """
        if outcome not in _SILENT:
            if (state := self._lanes.get(lane)) is None:
                return False
            was_out = state.blocked_until is not None
            state.silent, state.blocked_until = 0, None
            self._forget(lane, state)
            return was_out
        if not shared:
            return False
        state = self._lanes.setdefault(lane, _Lane())
        state.silent += 1
        if state.silent >= _SILENT_LANE:
            pause = _LANE_PAUSE * 2 ** min(state.silent - _SILENT_LANE, 10)
            state.blocked_until = now + min(pause, _LONGEST_LANE_PAUSE)
        return False

    def blocked_until(self, lane: str) -> datetime | None:
        """Until when the lane is out of order."""
        state = self._lanes.get(lane)
        return None if state is None else state.blocked_until

    def blocked(self, now: datetime) -> list[str]:
        """The lanes out of order now."""
        return [
            name for name, lane in self._lanes.items() if lane.blocked_until is not None and lane.blocked_until > now
        ]

    def _forget(self, name: str, lane: _Lane) -> None:
        if lane.running == 0 and lane.silent == 0 and lane.blocked_until is None:
            del self._lanes[name]
