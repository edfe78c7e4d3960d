from typing import TYPE_CHECKING, Any

import click

from headend.cli.output import config_option, emit_json, in_india, json_option, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headend.notify.model import EventRow
    from headend.storage.meterevents import MeterEvent
    from headend.storage.store import Store

_SEVERITIES = click.Choice(["info", "warning", "major", "critical"])
_TYPES = click.Choice(["tamper", "quality", "power", "setting", "relay", "other"])


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n  headend events --limit 20\n  headend events --follow --json | jq .kind\n"
    "  headend events --severity major --office 'Ranchi/East'\n"
    "  headend events --of-meters --type tamper --lasting     (with start and end)\n"
    "  headend events schema relay.disconnected",
)
@click.option("--follow", is_flag=True, help="Wait for more; Ctrl-C ends it.")
@click.option("--after", default=None, type=int, help="Only events with a larger number.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="The newest so many.")
@click.option("--kind", default="", help="Only this kind, such as meter.event, or all that begin so: command, relay.")
@click.option("--meter", default="", metavar="SERIAL", help="Only of this meter.")
@click.option("--office", default="", help="Only of meters of circle/division/sub-division, with all below it.")
@click.option("--severity", type=_SEVERITIES, default="info", help="Only what is at least so severe.")
@click.option("--of-meters", is_flag=True, help="The meters' own event logs, from start to end.")
@click.option("--type", "type_", type=_TYPES, help="With --of-meters: only of this type.")
@click.option("--lasting", is_flag=True, help="With --of-meters: only what has not ended.")
@config_option
@json_option
@click.pass_context
def events(context: click.Context, /, of_meters: bool, config: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401  click's options
    """What happened, in the order of commit: readings refused, commands, relays, recharges, switches.

    With --of-meters: what meters have logged themselves, tampers first of all, each from its start to its end.
    """
    import contextlib

    from headend.cli.running import with_store

    if context.invoked_subcommand is not None:
        return
    if not of_meters and (options["type_"] or options["lasting"]):
        raise click.UsageError("--type and --lasting go with --of-meters")
    if of_meters:
        if options["follow"]:
            raise click.UsageError("--follow shows events as they are told: leave out --of-meters")
        _show_meters(with_store(config, lambda store: _of_meters(store, options)), as_json)
        return
    with contextlib.suppress(KeyboardInterrupt):
        with_store(config, lambda store: _tell(store, options, as_json))


@events.command("schema", epilog="\b\nExamples:\n  headend events schema\n  headend events schema relay.disconnected")
@click.argument("kind", required=False)
def schema(kind: str | None) -> None:
    """Print the JSON Schema of the messages of a KIND (the topic's levels joined by dots), or all kinds there are."""
    import json

    from headend.notify.schemas import KINDS, known_as
    from headend.notify.schemas import schema as schema_of

    if kind is None:
        table("Kinds of events", ("kind", "what"), [(name, title) for name, (title, _) in KINDS.items()])
        return
    if known_as(kind) is None and kind not in KINDS:
        raise click.BadParameter(f"{kind!r} is no kind of event; `headend events schema` lists them", param_hint="KIND")
    click.echo(json.dumps(schema_of(kind), indent=2, ensure_ascii=False))


async def _tell(store: "Store", options: dict[str, Any], as_json: bool) -> None:
    import asyncio

    from headend.meters.events import Severity

    chosen = {key: options[key] for key in ("kind", "meter", "office")} | {"severity": Severity(options["severity"])}
    follow = options["follow"]
    found = await store.events.chosen(after=options["after"] or 0, limit=options["limit"], **chosen)
    last = await store.events.last_number()
    _show(found, as_json, follow)
    while follow:
        await asyncio.sleep(0.3)
        newest = await store.events.last_number()
        if newest > last:
            found = await store.events.chosen(after=last, limit=newest - last, **chosen)
            last = max(newest, *(each.number for each in found), last)
            _show(found, as_json, follow)


def _show(found: "Sequence[EventRow]", as_json: bool, follow: bool) -> None:
    import json

    if as_json:
        for each in found:
            emit_json(
                {
                    "number": each.number,
                    "at": each.at,
                    "kind": each.kind,
                    "meter": each.meter,
                    "consumer_no": each.consumer_no,
                    "payload": json.loads(each.payload),
                }
            )
    elif follow:
        for each in found:
            who = each.meter or each.consumer_no or ""
            click.echo(f"{each.number:>6} {in_india(each.at):%H:%M:%S} {each.kind:<24} {who:<14} {each.payload}")
    else:
        rows = [(each.number, each.at, each.kind, each.meter, each.consumer_no, each.payload) for each in found]
        table("Events", ("number", "time", "event", "meter", "consumer", "details"), rows)


async def _of_meters(store: "Store", options: dict[str, Any]) -> "list[MeterEvent]":
    from headend.meters.events import EventKind, Severity

    return await store.meter_events.events(
        office=options["office"],
        meter=options["meter"],
        severity=Severity(options["severity"]),
        kind=None if options["type_"] is None else EventKind(options["type_"]),
        lasting=options["lasting"],
        limit=options["limit"],
    )


def _show_meters(found: "Sequence[MeterEvent]", as_json: bool) -> None:
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.meter, each.severity, each.kind, each.code, each.name, each.started_at, each.ended_at, each.office)
        for each in found
    ]
    table("Events of meters", ("meter", "severity", "type", "id", "what", "from", "to", "office"), rows)
