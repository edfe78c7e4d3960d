"""What goes wrong between the meter and whoever talks to it: by chance from the seed, or by an exact script."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from attrs import define, field

from simulator.scenario import FaultSection


class Fault(Enum):
    """One thing that goes wrong. Seconds are of the host's clock."""

    DROP = "drop"  # the connection ends before the request is looked at
    SPLIT = "split"  # the answer comes in single octets
    DELAY = "delay"  # the answer comes a little later
    GARBLE = "garble"  # one bit of the answer is wrong
    LATE = "late"  # the answer comes when nobody waits for it any more
    REFUSE = "refuse"  # a new connection ends at once
    REBOOT = "reboot"  # all connections of the meter end, and none is taken for a while
    LOSE_ANSWER = "lose_answer"  # the request is served, then the connection ends instead of an answer
    LOSE_ACTION_ANSWER = "lose_action_answer"  # the same, for an ACTION only
    SILENCE = "silence"  # the request is served, the answer never comes, the connection stays


class Moment(Enum):
    """When a fault may strike."""

    CONNECT = "connect"
    ASSOCIATE = "associate"
    GET = "get"
    SET = "set"
    ACTION = "action"
    OTHER = "other"


_ALWAYS_ON = {Fault.REFUSE: Moment.CONNECT, Fault.LOSE_ACTION_ANSWER: Moment.ACTION}

#: One step of Knuth's MMIX generator: enough chance for faults, and a state of one number per meter.
_MULTIPLIER, _INCREMENT, _MASK = 6_364_136_223_846_793_005, 1_442_695_040_888_963_407, (1 << 64) - 1


class Scripted(NamedTuple):
    """The next `times` that `moment` comes (None: any answer), `fault` strikes."""

    fault: Fault
    times: int = 1
    moment: Moment | None = None

    def fits(self, moment: Moment) -> bool:
        """Whether it strikes at `moment`."""
        wanted = _ALWAYS_ON.get(self.fault, self.moment)
        return moment is wanted if wanted is not None else moment is not Moment.CONNECT


@define(eq=False)
class MeterFaults:
    """The faults of one meter; the script comes first, chance second, and at most one fault strikes at a time."""

    rates: FaultSection
    state: int
    script: deque[Scripted] = field(factory=deque)
    struck: int = 0

    def strike(self, moment: Moment) -> Fault | None:
        """The fault that strikes now, if any."""
        fault = self._scripted(moment) or self._by_chance(moment)
        self.struck += fault is not None
        return fault

    def below(self, limit: int) -> int:
        """A number from 0 up to and without `limit`, by chance."""
        return int(self._chance() * limit)

    def seconds(self, fault: Fault) -> float:
        """How long the fault takes."""
        return _SECONDS[fault](self.rates)

    def _scripted(self, moment: Moment) -> Fault | None:
        for index, entry in enumerate(self.script):
            if entry.fits(moment):
                if entry.times > 1:
                    self.script[index] = entry._replace(times=entry.times - 1)
                else:
                    del self.script[index]
                return entry.fault
        return None

    def _by_chance(self, moment: Moment) -> Fault | None:
        for fault, rate in _chances(self.rates, moment):
            if self._chance() < rate:
                return fault
        return None

    def _chance(self) -> float:
        self.state = (self.state * _MULTIPLIER + _INCREMENT) & _MASK
        return (self.state >> 11) / (1 << 53)


@lru_cache(maxsize=1024)
def _chances(rates: FaultSection, moment: Moment) -> tuple[tuple[Fault, float], ...]:
    """What may strike at `moment`, and how likely; asked for at every answer of every meter."""
    each = ((fault, getattr(rates, fault.value)) for fault in Fault if Scripted(fault).fits(moment))
    return tuple((fault, rate) for fault, rate in each if rate)


_SECONDS: dict[Fault, Callable[[FaultSection], float]] = {
    Fault.DELAY: lambda rates: rates.delay_seconds,
    Fault.LATE: lambda rates: rates.late_seconds,
    Fault.REBOOT: lambda rates: rates.reboot_seconds,
}


def harmless(rates: FaultSection) -> bool:
    """Whether nothing happens by chance."""
    return not any(getattr(rates, fault.value) for fault in Fault)


def garbled(octets: bytes, chance: Callable[[int], int]) -> bytes:
    """`octets` with one bit turned over."""
    bit = chance(len(octets) * 8)
    position = bit // 8
    return octets[:position] + bytes((octets[position] ^ 1 << bit % 8,)) + octets[position + 1 :]
