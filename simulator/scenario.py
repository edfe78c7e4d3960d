"""A scenario: what a simulated fleet is like, read from TOML; every mistake is named by file, key and reason."""

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from headend.errors import HeadendError


class ScenarioError(HeadendError):
    """The scenario can't be used; the text names file, key and reason."""

    exit_code = 2


_Count = Annotated[int, Meta(ge=1)]
_NotNegative = Annotated[int, Meta(ge=0)]
_Percent = Annotated[int, Meta(ge=0, le=100)]
_Chance = Annotated[float, Meta(ge=0.0, le=1.0)]
_Seconds = Annotated[float, Meta(ge=0.0, le=3600.0)]
_LongTime = Annotated[float, Meta(ge=0.0, le=1e7)]
_Positive = Annotated[float, Meta(gt=0.0, le=100_000.0)]
_Int32 = Annotated[int, Meta(ge=-(1 << 31), le=(1 << 31) - 1)]
_Maker = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
_Block = Literal[900, 1800, 3600]
_Zone = Annotated[int, Meta(ge=-720, le=840)]
#: `7`, `3-9` or several of them with commas between.
_Numbers = Annotated[str, Meta(pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$")]


class TimeSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`start`: the meters' time when the simulator starts, now if left out; `factor`: how fast it runs."""

    start: datetime | None = None
    factor: _Positive = 1.0


class MeterSection(Struct, frozen=True, forbid_unknown_fields=True):
    """What meters are like, money in paise; what is left out comes from the general section, or from the plan."""

    load_watts: _Count | UnsetType = UNSET
    load_spread_percent: _Percent | UnsetType = UNSET
    load_kind: Literal["household", "flat"] | UnsetType = UNSET
    tariff_paise_per_kwh: _NotNegative | UnsetType = UNSET
    opening_balance_paise: _Int32 | UnsetType = UNSET
    payment_mode: Literal["prepaid", "postpaid"] | UnsetType = UNSET
    payment_objects: Literal["registers", "account"] | UnsetType = UNSET
    control_mode: Annotated[int, Meta(ge=0, le=6)] | UnsetType = UNSET
    zone_minutes: _Zone | UnsetType = UNSET
    clock_deviation: Literal["standard", "inverted", "unspecified", "mixed"] | UnsetType = UNSET
    clock_offset_seconds: int | UnsetType = UNSET
    clock_drift_ppm: Annotated[int, Meta(ge=-100_000, le=100_000)] | UnsetType = UNSET
    block_period_seconds: _Block | UnsetType = UNSET
    history_days: _Count | UnsetType = UNSET
    firmware: str | UnsetType = UNSET


class ConsumerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """What the exported list of consumers and the inventory say beside the meter itself."""

    tariff: str = "default"
    category: str = "domestic"
    balance_source: Literal["ledger", "meter"] = "ledger"
    model: str = "is15959-single-phase"
    group: str = "default"
    offices: tuple[str, ...] = ("Ranchi/Ranchi East/Kokar", "Ranchi/Ranchi East/Lalpur", "Ranchi/Ranchi West/Ratu")
    time_zone: str = "Asia/Kolkata"


class FaultSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Chances per answer (`refuse`: per connection) and what the faults take, in seconds of the host's clock."""

    drop: _Chance = 0.0
    split: _Chance = 0.0
    delay: _Chance = 0.0
    garble: _Chance = 0.0
    late: _Chance = 0.0
    refuse: _Chance = 0.0
    reboot: _Chance = 0.0
    lose_answer: _Chance = 0.0
    lose_action_answer: _Chance = 0.0
    silence: _Chance = 0.0
    delay_seconds: _Seconds = 0.2
    late_seconds: _Seconds = 30.0
    reboot_seconds: _Seconds = 2.0


class GroupSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Some meters, by their numbers from 1, that differ from the others; `protected` is why they are never cut."""

    meters: _Numbers
    settings: MeterSection = MeterSection()
    faults: FaultSection | None = None
    protected: str = ""

    def __contains__(self, number: int) -> bool:
        """Whether meter `number` belongs here."""
        return any(first <= number <= last for first, last in number_ranges(self.meters))


class HappeningSection(Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to some meters while the simulator runs; seconds are of the meters' time.

    `outage`: no supply for `lasts_seconds`. `event`: the event `code` is logged, its end after `lasts_seconds` (0: it
    has none). `firmware`: another one, after a restart of `lasts_seconds`; it may capture blocks in another period.
    `clock`: the clock is `offset_seconds` ahead. With `spread_seconds`, meter after meter.
    """

    kind: Literal["outage", "event", "firmware", "clock"]
    meters: _Numbers
    after_seconds: _LongTime = 0.0
    lasts_seconds: _LongTime = 0.0
    spread_seconds: _LongTime = 0.0
    code: Annotated[int, Meta(ge=1, le=349)] = 201
    firmware: str = "2.0.0"
    block_period_seconds: _Block | None = None
    offset_seconds: Annotated[float, Meta(ge=-1e6, le=1e6)] = 0.0

    def __contains__(self, number: int) -> bool:
        """Whether it happens to meter `number`."""
        return any(first <= number <= last for first, last in number_ranges(self.meters))


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole scenario; the empty one is a plain fleet."""

    title: str = ""
    maker: _Maker = "SIM"
    time: TimeSection = TimeSection()
    meters: MeterSection = MeterSection()
    consumers: ConsumerSection = ConsumerSection()
    faults: FaultSection = FaultSection()
    group: tuple[GroupSection, ...] = ()
    happening: tuple[HappeningSection, ...] = ()


def read_scenario(path: Path) -> Scenario:
    """The scenario in `path`; ScenarioError when it can't be read or used."""
    try:
        scenario = msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{path}: {_explain(str(error))}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not valid TOML: {error}") from error
    _check(path, scenario)
    return scenario


@lru_cache(maxsize=256)
def number_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """The closed ranges that `3-9,12` writes."""
    pairs = (part.partition("-") for part in text.split(","))
    return tuple((int(first), int(last or first)) for first, _, last in pairs)


def _check(path: Path, scenario: Scenario) -> None:
    if scenario.time.start is not None and scenario.time.start.tzinfo is None:
        raise ScenarioError(f"{path}: key time.start: a zone is missing, write it as 2026-01-31T18:00:00+05:30")
    named = {f"group[{index}]": group.meters for index, group in enumerate(scenario.group)}
    named |= {f"happening[{index}]": each.meters for index, each in enumerate(scenario.happening)}
    for key, meters in named.items():
        for first, last in number_ranges(meters):
            if first < 1 or last < first:
                raise ScenarioError(f"{path}: key {key}.meters: {first}-{last} names no meters, they count from 1")


def _explain(message: str) -> str:
    reason, found, place = message.partition(" - at `$")
    key = place.rstrip("`").lstrip(".") if found else ""
    missing = re.search(r"unknown field `([^`]+)`", reason)
    if missing:
        key, reason = ".".join(filter(None, (key, missing[1]))), "no such key; see the scenarios in config/scenarios"
    return f"key {key or '(top)'}: {reason[0].lower()}{reason[1:]}"
