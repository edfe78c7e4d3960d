"""Schedules as the configuration writes them, each mistake named by schedule and key."""

from collections.abc import Iterable
from datetime import time
from difflib import get_close_matches
from zoneinfo import ZoneInfoNotFoundError

from attrs import evolve

from headend.meters.registry import ModelRegistry
from headend.prepaid.durations import duration
from headend.scheduler.defaults import DEFAULT_SCHEDULES, EVENTS
from headend.scheduler.plan import BASE_TASKS, Schedule, Window
from headend.settings import ScheduleSection, Settings, SettingsError


def read_schedules(settings: Settings, models: ModelRegistry) -> tuple[Schedule, ...]:
    """The schedules of the configuration; those of the house where it names none. Raises SettingsError."""
    sections = settings.document.schedules
    if sections is None:
        return tuple(evolve(each, tasks=_expanded(each.tasks, models)) for each in DEFAULT_SCHEDULES)
    found: list[Schedule] = []
    for section in sections:
        if any(section.name == each.name for each in found):
            raise _fault(settings, section, "name: two schedules have it")
        found.append(_schedule(settings, section, models))
    return tuple(found)


def _schedule(settings: Settings, section: ScheduleSection, models: ModelRegistry) -> Schedule:
    try:
        _check_tasks(section.tasks, models)
        _check_models(section.models, models)
        return Schedule(
            name=section.name,
            every=None if section.every is None else duration(section.every),
            cron=section.cron,
            tasks=_expanded(section.tasks, models),
            groups=tuple(section.groups),
            offices=tuple(office.strip("/") for office in section.offices),
            lanes=tuple(section.lanes),
            models=tuple(section.models),
            jitter=duration(section.jitter),
            priority=section.priority,
            window=None if section.window is None else _window(section.window),
            time_zone=section.time_zone,
            catch_up=None if section.catch_up is None else duration(section.catch_up),
            suspended=section.suspend,
        )
    except ZoneInfoNotFoundError as error:
        raise _fault(settings, section, f"time_zone: no zone is named {section.time_zone!r}") from error
    except ValueError as error:
        raise _fault(settings, section, str(error).removeprefix(f"schedule {section.name}: ")) from error


def _window(text: str) -> Window:
    try:
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise ValueError(f"window: {text!r} is not a span of the day such as 00:30-05:00") from error
    return Window(start, end)


def _expanded(tasks: Iterable[str], models: ModelRegistry) -> tuple[str, ...]:
    logs = [name for name in sorted(_profiles(models)) if name.startswith("events_")]
    return tuple(dict.fromkeys(name for task in tasks for name in (logs if task == EVENTS else [task])))


def _check_tasks(tasks: Iterable[str], models: ModelRegistry) -> None:
    known = {*BASE_TASKS, EVENTS, *_profiles(models)}
    for task in tasks:
        if task not in known:
            raise ValueError(f"tasks: nothing is named {task!r}; {_known(task, known)}")


def _check_models(names: Iterable[str], models: ModelRegistry) -> None:
    for name in names:
        if name not in models.models:
            raise ValueError(f"models: no meter model is named {name!r}; {_known(name, set(models.models))}")


def _profiles(models: ModelRegistry) -> set[str]:
    return {profile.name for model in models.models.values() for profile in model.profiles}


def _known(name: str, known: set[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"


def _fault(settings: Settings, section: ScheduleSection, reason: str) -> SettingsError:
    return SettingsError(f"{settings.source}: schedules, {section.name!r}: {reason}")
