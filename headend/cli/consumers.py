import click

from headend.cli.output import config_option, emit_json, json_option, say


@click.group()
def consumers() -> None:
    """Prepaid consumers and their accounts."""


@consumers.command("import", epilog="\b\nExample:\n  headend consumers import consumers.csv --dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@config_option
@json_option
def import_(file: str, dry_run: bool, config: str | None, as_json: bool) -> None:
    """Import consumers from a CSV file, all of it or nothing; importing it again is safe.

    Columns: consumer_no (11 digits), name, language (hi or en), mobile, category, office, tariff, protected (empty, or
    why this consumer must never be cut), balance_source (ledger or meter), meter (serial), opening_balance (rupees).
    """
    from pathlib import Path

    from headend.app import Setup
    from headend.cli.running import with_store
    from headend.settings import load_settings

    # Read first, so that a tariff that is not configured is found here and not when energy is charged.
    tariffs = frozenset(Setup.read(load_settings(config)).tariffs)
    report = with_store(
        config, lambda store: store.registry.import_consumers(Path(file), dry_run=dry_run, tariffs=tariffs)
    )
    if as_json:
        emit_json(report)
        return
    would = "would be " if dry_run else ""
    say(f"{file}: {report.added} consumers {would}added, {report.changed} changed, {report.unchanged} as they were")
