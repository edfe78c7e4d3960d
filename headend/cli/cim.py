from datetime import datetime
from pathlib import Path

import click

from headend.cli.output import config_option, emit_json, json_option, say, table
from headend.cli.running import Moment


@click.group()
def cim() -> None:
    """Messages of IEC 61968-9 (CIM), by files instead of the web."""


@cim.command(epilog="\b\nExample:\n  headend cim handle disconnect.xml")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
def handle(file: Path, config: str | None) -> None:
    """Take EndDeviceControls from a file and print the ResponseMessage; the same message is never done twice.

    The relay commands are journalled under the rules of `headend relay`; the daemon carries them out, reads the relays
    back and answers to the ReplyAddress. The message once more, or `headend cim show`, tells where it stands.
    """
    import sys

    from headend.app.interchange_cim import CimDesk
    from headend.cli.running import acting_by_hand, person, with_headend

    act = acting_by_hand("take controls", file.name)
    status, body = with_headend(config, lambda headend: CimDesk(headend).handle(file.read_bytes(), person()), act)
    click.echo(body.decode())
    if status != 200:
        say(f"error: answered with status {status}")
        sys.exit({400: 2, 409: 4}.get(status, 1))


@cim.command(epilog="\b\nExample:\n  headend cim show 0f5c2a1e --json")
@click.argument("message_id", metavar="MESSAGE_ID")
@config_option
@json_option
def show(message_id: str, config: str | None, as_json: bool) -> None:
    """One message that was taken: each control with its command, and whether it was answered."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.exchanges.of(message_id))
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            each.control.meter,
            each.control.switch.value,
            None if each.command is None else each.command.id,
            each.code if each.command is None else each.command.state.value,
            each.refused if each.command is None else each.note,
        )
        for each in found.controls
    ]
    answered = found.replied_at.isoformat() if found.replied_at else f"not yet ({found.tries} tries)"
    table(f"{found.source}: {found.message_id}, answered: {answered}", ("meter", "", "command", "state", "note"), rows)


@cim.command("list", epilog="\b\nExample:\n  headend cim list --limit 20")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="The newest so many.")
@config_option
@json_option
def list_(limit: int, config: str | None, as_json: bool) -> None:
    """Messages that were taken, newest first."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.exchanges.exchanges(limit))
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.received_at, each.source, each.message_id, len(each.controls), each.replied_at, each.reply_error)
        for each in found
    ]
    table("Messages of other systems", ("time", "source", "message", "controls", "answered", "error"), rows)


@cim.command(
    epilog="\b\nExamples:\n  headend cim export events --since 2026-11-24 > events.xml\n"
    "  headend cim export readings --meter SN0001\n"
    "  headend cim export readings --meter SN0001 --since 2026-11-01 --until 2026-11-08"
)
@click.argument("what", type=click.Choice(["events", "readings"]))
@click.option("--meter", default=None, metavar="METER", help="Only this one.")
@click.option("--since", type=Moment(), default=None, help="From this moment on.")
@click.option("--until", type=Moment(), default=None, help="Before this moment.  [default: now]")
@config_option
def export(what: str, meter: str | None, since: datetime | None, until: datetime | None, config: str | None) -> None:
    """Print EndDeviceEvents, or MeterReadings: the newest of each meter, or one meter's history."""
    from headend.app import Headend
    from headend.app.interchange_export import ExportDesk
    from headend.cli.running import with_headend

    if what == "events" and since is None:
        raise click.UsageError("events need --since")
    if what == "readings" and since is not None and meter is None:
        raise click.UsageError("the history is told of one meter: name it with --meter")

    async def work(headend: Headend) -> bytes:
        desk, end = ExportDesk(headend), until or headend.clock.now()
        if since is None:
            return await desk.readings(meter)
        if what == "events":
            return await desk.events(since, end, meter)
        return await desk.history(meter or "", since, end)

    click.echo(with_headend(config, work).decode())
