import click

from headend.cli.output import config_option, emit_json, json_option, say, table


@click.group()
def rounds() -> None:
    """Rounds of collection over the fleet: how far they are, pause, cancel; and what was given up in them.

    Relay work, recharges and reads by hand go on whatever becomes of a round.
    """


@rounds.command("list", epilog="\b\nExample:\n  headend rounds list --all --json")
@click.option("--all", "everything", is_flag=True, help="Also rounds that have ended.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="The newest so many.")
@config_option
@json_option
def list_(everything: bool, limit: int, config: str | None, as_json: bool) -> None:
    """Rounds, the newest first, in meters: done, given up, still to come."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.steering.rounds(limit, every=everything))
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            each.id,
            each.progress.schedule,
            each.progress.slot,
            each.progress.state,
            _share(each.progress.done + each.progress.given_up, each.progress.size),
            each.progress.done,
            each.progress.given_up,
            each.progress.size - each.progress.done - each.progress.given_up,
            each.changed_by,
        )
        for each in found
    ]
    columns = ("id", "schedule", "slot", "state", "done %", "done", "given up", "to come", "by")
    table("Rounds", columns, rows)


@rounds.command(epilog="\b\nExample:\n  headend rounds pause 12")
@click.argument("number", metavar="ID", type=int)
@config_option
@json_option
def pause(number: int, config: str | None, as_json: bool) -> None:
    """Begin no more visits of a round. The next slot's round runs: suspend the schedule to hold that too."""
    _steer(number, "paused", config, as_json)


@rounds.command(epilog="\b\nExample:\n  headend rounds resume 12")
@click.argument("number", metavar="ID", type=int)
@config_option
@json_option
def resume(number: int, config: str | None, as_json: bool) -> None:
    """Let a paused round go on where it stood."""
    _steer(number, "running", config, as_json)


@rounds.command(epilog="\b\nExample:\n  headend rounds cancel 12")
@click.argument("number", metavar="ID", type=int)
@config_option
@json_option
def cancel(number: int, config: str | None, as_json: bool) -> None:
    """End a round; visits under way end by themselves. The next slot begins as planned."""
    _steer(number, "cancelled", config, as_json)


@rounds.command("given-up", epilog="\b\nExample:\n  headend rounds given-up --office 'Ranchi/East'")
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(min=1), help="The oldest so many.")
@config_option
@json_option
def given_up(office: str, limit: int, config: str | None, as_json: bool) -> None:
    """Meters whose data is missing and not tried again by itself, with the first cause, the oldest first."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.steering.given_up_in(office, limit))
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.meter, each.outcome, each.failures, each.first_at, each.first_cause, ", ".join(each.tasks))
        for each in found
    ]
    table("Given up", ("meter", "outcome", "tries", "since", "first cause", "what is missing"), rows)


@rounds.command(epilog="\b\nExamples:\n  headend rounds requeue 10000017\n  headend rounds requeue --all")
@click.argument("meters", metavar="[METER]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that was given up.")
@config_option
@json_option
def requeue(meters: tuple[str, ...], everything: bool, config: str | None, as_json: bool) -> None:
    """Try again now what was given up, whatever pause the meter was in."""
    from headend.cli.running import acting_by_hand, with_store

    if everything == bool(meters):
        raise click.UsageError("name meters, or say --all")
    act = acting_by_hand("requeue", "everything" if everything else ", ".join(meters))
    count = with_store(config, lambda store: store.steering.requeue(None if everything else meters), act)
    emit_json({"requeued": count}) if as_json else say(f"{count} meters are tried again by the daemon")


def _steer(number: int, state: str, config: str | None, as_json: bool) -> None:
    from headend.cli.running import acting_by_hand, person, with_store
    from headend.scheduler.steering import RoundState

    act = acting_by_hand(f"let a round be {state}", number)
    found = with_store(config, lambda store: store.steering.steer(number, RoundState(state), person()), act)
    if as_json:
        emit_json(found)
    else:
        say(f"round {number} of {found.progress.schedule}: {found.progress.state}")


def _share(done: int, size: int) -> str:
    return f"{100 * done / size:.1f}" if size else "100.0"
