from typing import TYPE_CHECKING, Any

import click

from headend.cli.output import config_option, emit_json, json_option, say, table

if TYPE_CHECKING:
    from datetime import timedelta

    from headend.scheduler.plan import Schedule


@click.group()
def schedules() -> None:
    """What is read how often: the schedules of the configuration, or those of the house where it names none."""


@schedules.command("list", epilog="\b\nExample:\n  headend schedules list --slots 3")
@click.option("--slots", default=1, show_default=True, type=click.IntRange(1, 100), help="Next slots to show.")
@config_option
@json_option
def list_(slots: int, config: str | None, as_json: bool) -> None:
    """All schedules, the most urgent first, with their next slots."""
    found = sorted(_all(config, slots), key=lambda each: (each["priority"], each["name"]))
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            each["name"],
            each["when"],
            each["jitter"],
            each["priority"],
            ", ".join(each["tasks"]),
            _state(each),
            *_next(each),
        )
        for each in found
    ]
    table("Schedules", ("schedule", "when", "spread", "priority", "what", "state", "next"), rows)


@schedules.command(epilog="\b\nExample:\n  headend schedules show 'daily data'")
@click.argument("name")
@click.option("--slots", default=5, show_default=True, type=click.IntRange(1, 100), help="Next slots to show.")
@config_option
@json_option
def show(name: str, slots: int, config: str | None, as_json: bool) -> None:
    """One schedule with its next slots, and how many meters it covers."""
    import asyncio

    from headend.app import open_store
    from headend.settings import load_settings

    (found,) = [each for each in _all(config, slots) if each["name"] == _known(config, name)]

    async def count() -> int:
        async with open_store(load_settings(config)) as store:
            schedule = next(each for each in _schedules(config) if each.name == name)
            return sum(schedule.covers(meter) for meter in await store.fleet.meters())

    found["meters"] = asyncio.run(count())
    if as_json:
        emit_json(found)
        return
    lines = [(key, ", ".join(map(str, value)) if isinstance(value, list) else value) for key, value in found.items()]
    table(f"Schedule {name}", ("", ""), [line for line in lines if line[0] != "next" and line[1] not in ("", None)])
    table("Next slots", ("begins",), [(slot,) for slot in found["next"]])


@schedules.command(epilog="\b\nExample:\n  headend schedules suspend 'daily data'")
@click.argument("name")
@config_option
@json_option
def suspend(name: str, config: str | None, as_json: bool) -> None:
    """Let no slot of a schedule begin until it is resumed. A round under way goes on: `headend rounds pause`."""
    from headend.cli.running import acting_by_hand, person, with_store

    _known(config, name)
    with_store(config, lambda store: store.steering.suspend(name, person()), acting_by_hand("suspend schedule", name))
    emit_json({"schedule": name, "suspended": True}) if as_json else say(f"{name}: no slot begins until it is resumed")


@schedules.command(epilog="\b\nExample:\n  headend schedules resume 'daily data'")
@click.argument("name")
@config_option
@json_option
def resume(name: str, config: str | None, as_json: bool) -> None:
    """Let a suspended schedule go on: the slot that is under way begins now, older ones are left out."""
    from headend.cli.running import acting_by_hand, person, with_store
    from headend.commands.journal import RefusedByRule

    schedule = next(each for each in _schedules(config) if each.name == _known(config, name))
    if schedule.suspended:
        raise RefusedByRule(f"schedule {name!r} is suspended by the configuration: remove `suspend = true` there")
    act = acting_by_hand("resume schedule", name)
    was = with_store(config, lambda store: store.steering.resume(name, person()), act)
    if as_json:
        emit_json({"schedule": name, "suspended": False, "was_suspended": was})
    else:
        say(f"{name}: goes on" if was else f"{name} was not suspended")


def _schedules(config: str | None) -> "tuple[Schedule, ...]":
    from headend.app.setup import Setup
    from headend.settings import load_settings

    return Setup.read(load_settings(config)).schedules


def _known(config: str | None, name: str) -> str:
    from headend.settings import SettingsError

    names = [each.name for each in _schedules(config)]
    if name not in names:
        raise SettingsError(f"no schedule is named {name!r}; there are {', '.join(map(repr, names)) or 'none'}")
    return name


def _all(config: str | None, slots: int) -> "list[dict[str, Any]]":
    from headend.app import now
    from headend.cli.running import with_store
    from headend.scheduler.plan import coming_slots

    suspended = with_store(config, lambda store: store.steering.suspensions())
    return [
        {
            "name": each.name,
            "when": each.cron if each.every is None else _span(each.every),
            "time_zone": each.time_zone,
            "tasks": list(each.tasks),
            "groups": list(each.groups),
            "offices": list(each.offices),
            "lanes": list(each.lanes),
            "models": list(each.models),
            "jitter": _span(each.jitter),
            "window": None if each.window is None else f"{each.window.start:%H:%M}-{each.window.end:%H:%M}",
            "catch_up": None if each.catch_up is None else _span(each.catch_up),
            "priority": each.priority,
            "suspended": each.suspended or each.name in suspended,
            "suspended_by": "configuration" if each.suspended else suspended.get(each.name, (None, None))[1],
            "next": coming_slots(each, now(), slots),
        }
        for each in _schedules(config)
    ]


def _span(span: "timedelta") -> str:
    seconds = int(span.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _state(each: "dict[str, Any]") -> str:
    return f"suspended by {each['suspended_by']}" if each["suspended"] else "runs"


def _next(each: "dict[str, Any]") -> list[str]:
    from headend.cli.output import shown

    return [", ".join(shown(slot) for slot in each["next"])]
