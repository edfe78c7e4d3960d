from datetime import datetime

import click

from headend.cli.output import config_option, emit_json, json_option, say, shown, table
from headend.cli.running import Moment


@click.group()
def commands() -> None:
    """The journal of relay commands: what was asked, why, what was sent, and what the meter showed afterwards."""


@commands.command("list", epilog="\b\nExample:\n  headend commands list --state unknown")
@click.option("--meter", "serial", default=None, help="Of one meter only.")
@click.option("--state", default=None, help="requested, sending, confirmed, rejected, unknown, quarantined, …")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@config_option
@json_option
def list_(serial: str | None, state: str | None, limit: int, config: str | None, as_json: bool) -> None:
    """Commands, newest first."""
    from headend.cli.running import with_store
    from headend.commands.model import State

    try:
        wanted = None if state is None else State(state)
    except ValueError as error:
        known = ", ".join(each.value for each in State)
        raise click.BadParameter(f"{state!r} is no state; one of {known}", param_hint="--state") from error
    found = with_store(config, lambda store: store.journal.commands(meter=serial, state=wanted, limit=limit))
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.id, each.meter, each.target, each.state, each.changed_at, each.origin, each.requested_by, each.reason)
        for each in found
    ]
    table("Commands", ("id", "meter", "target", "state", "since", "origin", "by", "reason"), rows)


@commands.command(epilog="\b\nExample:\n  headend commands show 17")
@click.argument("command_id", metavar="ID", type=int)
@config_option
@json_option
def show(command_id: int, config: str | None, as_json: bool) -> None:
    """One command with every step and its evidence."""
    import json

    from headend.cli.running import with_store
    from headend.commands.model import Command, Step
    from headend.storage.errors import UnknownCommand
    from headend.storage.store import Store

    async def work(store: Store) -> tuple[Command, list[Step]]:
        command = await store.journal.command(command_id)
        if command is None:
            raise UnknownCommand(command_id)
        return command, await store.journal.steps(command_id)

    command, steps = with_store(config, work)
    evidence = None if command.evidence is None else json.loads(command.evidence)
    if as_json:
        emit_json({"command": command, "evidence": evidence, "steps": steps})
        return
    fields = {
        "meter": command.meter,
        "target": command.target,
        "state": command.state,
        "reason": command.reason,
        "asked for by": f"{command.requested_by} ({command.origin.value}), {command.cause}",
        "expires": command.expires_at,
        "replaced by": command.superseded_by,
        "evidence": command.evidence,
    }
    table(f"Command {command.id}", ("", ""), fields.items())
    table("Steps", ("time", "from", "to", "note"), [(each.at, each.before, each.after, each.note) for each in steps])


@commands.command(epilog='\b\nExample:\n  headend commands cancel 17 --reason "the consumer has paid"')
@click.argument("command_id", metavar="ID", type=int)
@click.option("--reason", required=True, help="Why; it stays in the journal.")
@config_option
@json_option
def cancel(command_id: int, reason: str, config: str | None, as_json: bool) -> None:
    """Cancel a command that was not sent yet."""
    from headend.app import now
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("cancel command", command_id, of="command", reason=reason)
    found = with_store(config, lambda store: store.journal.cancel(command_id, now(), person(), reason), act)
    emit_json(found) if as_json else say(f"command {found.id} is cancelled")


@commands.command(epilog="\b\nExample:\n  headend commands release 17")
@click.argument("command_id", metavar="ID", type=int)
@config_option
@json_option
def release(command_id: int, config: str | None, as_json: bool) -> None:
    """Let a quarantined command go on: over a cap, or one that waited for approval."""
    from headend.app import now
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("release command", command_id, of="command")
    found = with_store(config, lambda store: store.journal.release(command_id, now(), person()), act)
    emit_json(found) if as_json else say(f"command {found.id} is {found.state.value}")


@commands.command(epilog="\b\nExample:\n  headend commands latency --since 2026-11-01")
@click.option("--since", type=Moment(), default=None, help="Read back from then on.  [default: a week ago]")
@click.option("--all", "everything", is_flag=True, help="Also reconnects that no recharge asked for.")
@config_option
@json_option
def latency(since: datetime | None, everything: bool, config: str | None, as_json: bool) -> None:
    """How long supply took to return: from the recharge in the ledger to the relay read back."""
    from datetime import timedelta

    from headend.app import now
    from headend.cli.running import with_store

    start = since or now() - timedelta(days=7)
    found = with_store(config, lambda store: store.work.latency(start, recharges_only=not everything))
    spans = {"p50": found.p50, "p95": found.p95, "p99": found.p99, "longest": found.longest}
    seconds = {name: None if span is None else span.total_seconds() for name, span in spans.items()}
    shares = {"within_60_s": found.within_minute, "within_5_min": found.within_five_minutes}
    if as_json:
        emit_json({"since": start, "count": found.count, "seconds": seconds, **shares, "missed_15_min": found.missed})
        return
    rows = [("reconnects", str(found.count))]
    rows += [(name, "" if value is None else f"{value:.3f} s") for name, value in seconds.items()]
    rows += [(name.replace("_", " "), "" if share is None else f"{share:.1%}") for name, share in shares.items()]
    table(f"Recharge to verified relay since {shown(start)}", ("", ""), rows)
    say(f"{found.missed} took 15 minutes or longer; `headend work list` shows what is open")
