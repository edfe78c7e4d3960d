from typing import Any

import click

from headend.cli.output import config_option, emit_json, json_option, say, table


@click.group()
def meters() -> None:
    """The inventory: which meter stands where, and what it must present itself as."""


@meters.command("import", epilog="\b\nExample:\n  headend meters import fleet.csv --dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@config_option
@json_option
def import_(file: str, dry_run: bool, config: str | None, as_json: bool) -> None:
    """Import meters from a CSV file. A file with a mistake is refused whole; importing it again is safe.

    Columns: serial, logical_device_name, system_title, model, address, server_sap, lane, office, consumer_no, group,
    time_zone.
    """
    from pathlib import Path

    from headend.cli.import_progress import import_progress
    from headend.cli.running import acting_by_hand, aside, with_store

    models = _model_names(config)
    with import_progress(file) as progress:
        report = with_store(
            config,
            lambda store: store.registry.import_meters(Path(file), dry_run=dry_run, models=models, progress=progress),
            aside() if dry_run else acting_by_hand("import meters", Path(file).name),
        )
    if as_json:
        emit_json(report)
        return
    would = "would be " if dry_run else ""
    say(f"{file}: {report.added} meters {would}added, {report.changed} changed, {report.unchanged} as they were")


@meters.command(
    epilog="\b\nExample:\n  headend meters add SN0001 --address tcp://10.0.0.7:4059 \\\n"
    "    --logical-device-name HES00000000SN0001 --office 'Ranchi/East/Kokar'"
)
@click.argument("serial")
@click.option(
    "--address",
    required=True,
    help="tcp://HOST:PORT, hdlc+tcp://…, udp://…, serial:///dev/ttyUSB0?baud=9600, or dial-in: (it calls us)",
)
@click.option("--logical-device-name", required=True, help="What the meter shows as 0.0.42.0.0.255.")
@click.option("--system-title", default=None, help="8 octets in hex; learned at the first visit when left out.")
@click.option("--model", default="is15959-single-phase", show_default=True, help="Meter model.")
@click.option("--server-sap", default=1, show_default=True, help="Logical device behind the address.")
@click.option("--lane", default="", help="What the meter shares with others: a gateway, a bus, a cell.")
@click.option("--office", default="", help="circle/division/sub-division")
@click.option("--consumer-no", default=None, help="11 digits.")
@click.option("--group", default="default", show_default=True, help="Group that schedules name.")
@click.option("--time-zone", default="Asia/Kolkata", show_default=True)
@config_option
@json_option
def add(serial: str, config: str | None, as_json: bool, **fields: Any) -> None:  # noqa: ANN401  click's options
    """Add one meter."""
    from headend.cli.running import acting_by_hand, with_store
    from headend.meters.inventory import Meter

    title = fields.pop("system_title")
    try:
        meter = Meter(serial=serial, system_title=bytes.fromhex(title) if title else None, **fields)
    except ValueError as error:
        raise click.BadParameter(f"{title!r} is not hexadecimal: {error}", param_hint="--system-title") from error
    models = _model_names(config)
    act = acting_by_hand("add meter", serial, meter.office, address=meter.address)
    with_store(config, lambda store: store.registry.add_meter(meter, models=models), act)
    if as_json:
        emit_json(meter)
        return
    say(f"meter {meter.serial} added")


def _model_names(config: str | None) -> frozenset[str]:
    """The models that may be named: one that is not there is found now, and not when the meter is to be visited."""
    from headend.meters.registry import load_registry
    from headend.settings import load_settings

    settings = load_settings(config)
    own = settings.document.collection.models
    return frozenset(load_registry([settings.beside(own)] if own else []).models)


@meters.command("list", epilog="\b\nExample:\n  headend meters list --json")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """All meters, by serial."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.fleet.meters())
    if as_json:
        emit_json(found)
        return
    rows = [(meter.serial, meter.consumer_no, meter.address, meter.model, meter.office) for meter in found]
    table(f"{len(found)} meters", ("meter", "consumer", "address", "model", "office"), rows)


@meters.command(epilog="\b\nExample:\n  headend meters show SN0001")
@click.argument("serial", metavar="METER")
@config_option
@json_option
def show(serial: str, config: str | None, as_json: bool) -> None:
    """One meter: identity, and its newest readings."""
    from headend.cli.lookup import meter_of
    from headend.cli.running import with_store
    from headend.meters.inventory import Meter
    from headend.meters.reading import Reading
    from headend.storage.store import Store

    async def work(store: Store) -> tuple[Meter, list[Reading]]:
        meter = await meter_of(store, serial)
        return meter, await store.fleet.latest(serial)

    meter, readings = with_store(config, work)
    if as_json:
        emit_json({"meter": meter, "latest": readings})
        return
    fields = {
        "logical device name": meter.logical_device_name,
        "system title": meter.system_title.hex() if meter.system_title else "(learned at the first visit)",
        "model": meter.model,
        "address": meter.address,
        "server SAP": meter.server_sap,
        "lane": meter.lane_name,
        "office": meter.office,
        "consumer": meter.consumer_no,
        "group": meter.group,
        "time zone": meter.time_zone,
    }
    table(f"Meter {meter.serial}", ("", ""), fields.items())
    rows = [(each.name, each.value, each.unit, each.obis, each.received) for each in readings]
    table("Newest readings", ("register", "value", "unit", "object", "received"), rows)


@meters.command(
    epilog="\b\nExamples:\n  headend meters discover SN0001 --out meters/maker-x.toml\n"
    "  headend meters discover SN0001 --role reader --name maker-x > maker-x.toml"
)
@click.argument("serial", metavar="METER")
@click.option(
    "--out", type=click.Path(dir_okay=False), default=None, help="File for the model; else it goes to stdout."
)
@click.option("--role", default=None, help="Association to ask in, as the meter's present model names it.")
@click.option("--name", default=None, help="Name of the model.  [default: discovered-METER]")
@config_option
@json_option
def discover(
    serial: str, out: str | None, role: str | None, name: str | None, config: str | None, as_json: bool
) -> None:
    """Write a meter model from what a meter lists, captures and scales.

    The model that the inventory names for the meter says how to associate; generic-dlms is one to start with. What
    another model knows gets its name from there, the rest a name made of its OBIS code.
    """
    from pathlib import Path

    from headend.cli.discover import checked_text, find_out, summary, told, write
    from headend.cli.running import acting_by_hand, with_headend

    act = acting_by_hand("discover", serial, of="meter", role=role)
    discovery = with_headend(config, lambda headend: find_out(headend, serial, role, name), act)
    text = checked_text(discovery.model)
    path = None if out is None else Path(out)
    if path is not None:
        write(path, text)
    if as_json:
        emit_json(summary(discovery, path, text))
        return
    if path is None:
        click.echo(text, nl=False)
    say(told(discovery) + (f"; written to {path}" if path else ""))
