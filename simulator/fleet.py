"""Many meters from one seed: the same seed, count and scenario give the same fleet, in any process on any day."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from attrs import define, evolve, field, frozen
from msgspec import UNSET

from simulator.clock import DAY_MS, Deviation, Now
from simulator.faults import MeterFaults, harmless
from simulator.identity import Identity
from simulator.meter import Meter
from simulator.plan import MeterPlan
from simulator.scenario import FaultSection, GroupSection, MeterSection, Scenario

_DEVIATIONS = {
    "standard": Deviation.STANDARD,
    "inverted": Deviation.INVERTED,
    "unspecified": Deviation.UNSPECIFIED,
}


@frozen
class Kind:
    """What a meter is like by the scenario, why its consumer is protected, whether its line is `quiet` by chance."""

    plan: MeterPlan
    faults: FaultSection
    quiet: bool
    protected: str


@define(eq=False)
class Fleet:
    """`meters` in the order of their numbers; serial numbers find them."""

    seed: int
    scenario: Scenario
    now: Now
    meters: Sequence[Meter]
    _by_serial: dict[str, Meter] = field(init=False)
    _faults: dict[int, MeterFaults] = field(factory=dict, init=False)
    _kinds: "Kinds" = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._by_serial = {meter.identity.serial: meter for meter in self.meters}
        self._kinds = Kinds(self.scenario)

    @classmethod
    def create(cls, count: int, seed: int, scenario: Scenario, now: Now) -> "Fleet":
        """`count` meters numbered from 1."""
        kinds = Kinds(scenario)
        meters = [
            Meter.create(Identity(number, scenario.maker), kinds.of(number).plan, seed, now)
            for number in range(1, count + 1)
        ]
        return cls(seed, scenario, now, meters)

    def by_serial(self, serial: str) -> Meter | None:
        """The meter whose own serial number this is."""
        return self._by_serial.get(serial)

    def protected(self, meter: Meter) -> str:
        """Why the consumer at this meter must not be cut, empty if he may be."""
        return self._kinds.of(meter.identity.number).protected

    @property
    def faults_struck(self) -> int:
        """How many faults struck so far."""
        return sum(faults.struck for faults in self._faults.values())

    def faults(self, meter: Meter) -> MeterFaults | None:
        """The faults of the meter's line, None while nothing can go wrong there."""
        number = meter.identity.number
        known = self._faults.get(number)
        if known is None and not self._kinds.of(number).quiet:
            return self.scriptable_faults(meter)
        return known

    def scriptable_faults(self, meter: Meter) -> MeterFaults:
        """As `faults`, made if there were none, to be given a script."""
        number = meter.identity.number
        if number not in self._faults:
            rates = self._kinds.of(number).faults
            self._faults[number] = MeterFaults(rates, int.from_bytes(meter.seed, "big"))
        return self._faults[number]


class Kinds:
    """Which kind each meter is: the groups of the scenario laid over its general section, later groups last."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._made = lru_cache(maxsize=1024)(self._make)

    def of(self, number: int) -> Kind:
        """The kind of meter `number`."""
        groups = tuple(index for index, group in enumerate(self._scenario.group) if number in group)
        return self._made(groups, number % 2 == 0)

    def _make(self, indexes: tuple[int, ...], even: bool) -> Kind:  # noqa: FBT001 - which half of a mixed fleet
        groups: list[GroupSection] = [self._scenario.group[index] for index in indexes]
        plan = MeterPlan()
        for section in (self._scenario.meters, *(group.settings for group in groups)):
            plan = _laid_over(plan, section, even=even)
        own_faults = [group.faults for group in groups if group.faults is not None]
        faults = own_faults[-1] if own_faults else self._scenario.faults
        return Kind(plan, faults, harmless(faults), next((group.protected for group in groups if group.protected), ""))


def _laid_over(plan: MeterPlan, section: MeterSection, *, even: bool) -> MeterPlan:
    given = {key: value for key, value in msgspec.structs.asdict(section).items() if value is not UNSET}
    changes: dict[str, Any] = {_RENAMED[key]: value for key, value in given.items() if key in _RENAMED}
    if "load_kind" in given:
        changes["flat"] = given["load_kind"] == "flat"
    if "payment_mode" in given:
        changes["payment_mode"] = int(given["payment_mode"] == "prepaid")
    if "clock_deviation" in given:
        mixed = Deviation.INVERTED if even else Deviation.STANDARD
        changes["deviation"] = _DEVIATIONS.get(given["clock_deviation"], mixed)
    if "clock_offset_seconds" in given:
        changes["clock_offset"] = given["clock_offset_seconds"] * 1000
    plan = evolve(plan, **changes)
    if "history_days" in given:
        blocks = given["history_days"] * DAY_MS // 1000 // plan.block_period
        plan = evolve(plan, daily_depth=given["history_days"], block_depth=blocks)
    return plan


_RENAMED = {
    "load_watts": "watts",
    "load_spread_percent": "spread",
    "tariff_paise_per_kwh": "tariff",
    "opening_balance_paise": "opening_balance",
    "control_mode": "control_mode",
    "payment_objects": "payment_objects",
    "zone_minutes": "zone_minutes",
    "clock_drift_ppm": "drift_ppm",
    "block_period_seconds": "block_period",
    "firmware": "firmware",
}
