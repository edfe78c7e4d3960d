"""What coverage is asked of the store: the profiles that meter models capture by the clock."""

from collections.abc import Mapping

from headend.errors import HeadendError
from headend.meters.registry import ModelRegistry, load_registry
from headend.settings import Settings


class NotPeriodic(HeadendError):  # noqa: N818  an answer, not a fault
    """A profile that no model captures periodically has no coverage."""

    exit_code = 2


def periods(settings: Settings, profile: str | None) -> Mapping[str, Mapping[str, int]]:
    """Model to profile to capture period in seconds, of one profile or of all. Raises NotPeriodic, ModelError."""
    models = settings.document.collection.models
    registry = load_registry([settings.beside(models)] if models else [])
    if profile is not None and profile not in _periodic(registry):
        known = ", ".join(sorted(_periodic(registry)))
        raise NotPeriodic(f"no meter model has a profile {profile!r} with a capture period; there are {known}")
    return {
        name: {
            each.name: each.capture_period
            for each in model.profiles
            if each.capture_period and profile in (None, each.name)
        }
        for name, model in registry.models.items()
    }


def _periodic(registry: ModelRegistry) -> set[str]:
    return {each.name for model in registry.models.values() for each in model.profiles if each.capture_period}
