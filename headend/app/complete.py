"""What keeps data complete, from configuration and meter models: which profiles have gaps, and how clocks are set."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache

from headend.meters.inventory import Meter
from headend.meters.model import MeterModel
from headend.prepaid.durations import duration
from headend.scheduler.clocks import ClockRules
from headend.scheduler.gaps import Periodic
from headend.settings import Settings, SettingsError


def periodic_profiles(model_of: Callable[[str], MeterModel]) -> Callable[[Meter], Sequence[Periodic]]:
    """The profiles of a meter that capture at fixed times."""

    @lru_cache(maxsize=64)
    def of(name: str) -> tuple[Periodic, ...]:
        return tuple(
            Periodic(profile.name, timedelta(seconds=profile.capture_period), profile.depth)
            for profile in model_of(name).profiles
            if profile.capture_period
        )

    return lambda meter: of(meter.model)


def clock_rules(settings: Settings) -> ClockRules:
    """The section [clock]; SettingsError for rules under which no clock could be set."""
    section = settings.document.clock
    try:
        return ClockRules(
            on=section.set,
            least=duration(section.set_from),
            most=duration(section.set_up_to),
            every=duration(section.at_most_every),
            interval=duration(section.interval),
        )
    except ValueError as error:
        raise SettingsError(f"{settings.source}: clock: {error}") from error
