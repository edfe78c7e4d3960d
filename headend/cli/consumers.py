import click

from headend.cli.output import config_option, emit_json, json_option, say, table


@click.group()
def consumers() -> None:
    """Prepaid consumers and their accounts."""


@consumers.command("import", epilog="\b\nExample:\n  headend consumers import consumers.csv --dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@config_option
@json_option
def import_(file: str, dry_run: bool, config: str | None, as_json: bool) -> None:
    """Import consumers from a CSV file. A file with a mistake is refused whole; importing it again is safe.

    Columns: consumer_no (11 digits), name, language (hi or en), mobile, category, office, tariff, protected (empty, or
    why this consumer must never be cut), balance_source (ledger or meter), meter (serial), opening_balance (rupees);
    and, where wanted, sanctioned_load (kW). A file without that column leaves the loads as they are.
    """
    from pathlib import Path

    from headend.app import Setup
    from headend.cli.import_progress import import_progress
    from headend.cli.running import acting_by_hand, aside, with_store
    from headend.settings import load_settings

    # Read first, so that a tariff that is not configured is found here and not when energy is charged.
    known = Setup.read(load_settings(config)).tariffs
    tariffs = frozenset(known)
    by_load = frozenset(name for name, tariff in known.items() if tariff.fixed_per_kw)
    with import_progress(file) as progress:
        report = with_store(
            config,
            lambda store: store.registry.import_consumers(
                Path(file), dry_run=dry_run, tariffs=tariffs, progress=progress, by_load=by_load
            ),
            aside() if dry_run else acting_by_hand("import consumers", Path(file).name),
        )
    if as_json:
        emit_json(report)
        return
    would = "would be " if dry_run else ""
    say(f"{file}: {report.added} consumers {would}added, {report.changed} changed, {report.unchanged} as they were")


@consumers.command(
    "list", epilog="\b\nExample:\n  headend consumers list --without-number --office 'Ranchi/Ranchi East'"
)
@click.option("--without-number", is_flag=True, help="Only those whom no text message reaches.")
@click.option("--office", default="", help="Only those of this office and those below it.")
@click.option("--after", default="", help="Only numbers after this one, to go on where a list ended.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(min=1))
@config_option
@json_option
def list_(without_number: bool, office: str, after: str, limit: int, config: str | None, as_json: bool) -> None:
    """Consumers by number; with --without-number those who have none, or one that messages do not reach."""
    from headend.cli.running import with_store

    found = with_store(
        config,
        lambda store: store.contacts.consumers(office, after, limit, only_unreachable=without_number),
    )
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.consumer_no, each.name, each.office, each.mobile, each.undelivered or None, each.since) for each in found
    ]
    columns = ("consumer", "name", "office", "mobile", "undelivered", "not reached since")
    table("Consumers without a working number" if without_number else "Consumers", columns, rows)


@consumers.command(
    "change-number", epilog="\b\nExample:\n  headend consumers change-number 10000000001 9876543210 --by counter-4"
)
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("mobile", metavar="NEW")
@click.option("--by", help="Who asks for it.  [default: the user who runs this]")
@config_option
@json_option
def change_number(consumer_no: str, mobile: str, by: str | None, config: str | None, as_json: bool) -> None:
    """Send a one-time password to a consumer's new mobile number; `confirm-number` changes it."""
    from headend.app.delivering import ask_number_change
    from headend.cli.running import acting_by_hand, person, with_headend
    from headend.storage.numbers import masked

    act = acting_by_hand("ask for change of number", consumer_no, of="consumer", to=masked(mobile), asked_by=by)
    number = with_headend(config, lambda headend: ask_number_change(headend, consumer_no, mobile, by or person()), act)
    if as_json:
        emit_json({"consumer_no": consumer_no, "sent_to": number})
        return
    say(f"a code is on its way to {number}; go on with `headend consumers confirm-number {consumer_no} CODE`")


@consumers.command("confirm-number", epilog="\b\nExample:\n  headend consumers confirm-number 10000000001 482913")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("code", metavar="CODE")
@click.option("--by", help="Who confirms it.  [default: the user who runs this]")
@config_option
@json_option
def confirm_number(consumer_no: str, code: str, by: str | None, config: str | None, as_json: bool) -> None:
    """Change the number if the code is the one that was sent to it; the old number is told."""
    from headend.app.delivering import confirm_number_change
    from headend.cli.running import acting_by_hand, person, with_headend

    act = acting_by_hand("change number", consumer_no, of="consumer", asked_by=by)
    number = with_headend(
        config, lambda headend: confirm_number_change(headend, consumer_no, code, by or person()), act
    )
    if as_json:
        emit_json({"consumer_no": consumer_no, "mobile": number})
        return
    say(f"consumer {consumer_no} now has the number {number}")


@consumers.command("set-email", epilog="\b\nExample:\n  headend consumers set-email 10000000001 name@example.org")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("address", metavar="ADDRESS")
@click.option("--by", help="Who asks for it.  [default: the user who runs this]")
@config_option
@json_option
def set_email(consumer_no: str, address: str, by: str | None, config: str | None, as_json: bool) -> None:
    """Note where a consumer's notices go by e-mail; an empty ADDRESS forgets it."""
    from headend.cli.running import acting_by_hand, person, with_store

    if address and (address.count("@") != 1 or not address.isprintable() or any(each.isspace() for each in address)):
        raise click.BadParameter(f"{address!r} is no e-mail address", param_hint="ADDRESS")
    act = acting_by_hand("set e-mail", consumer_no, of="consumer", asked_by=by)
    with_store(config, lambda store: store.contacts.set_email(consumer_no, address or None, by or person()), act)
    if as_json:
        emit_json({"consumer_no": consumer_no, "email": address or None})
        return
    say(f"consumer {consumer_no}: {'noted' if address else 'forgotten'}")
