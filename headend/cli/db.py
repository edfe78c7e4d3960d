import sys

import click

from headend.cli.db_move import move
from headend.cli.db_restore import restore
from headend.cli.db_retention import retention
from headend.cli.output import config_option, emit_json, json_option, say


@click.group()
def db() -> None:
    """The database: proof that it is whole, and copies of it."""


db.add_command(move)
db.add_command(restore)
db.add_command(retention)


@db.command(epilog="\b\nExample:\n  headend db check")
@config_option
@json_option
def check(config: str | None, as_json: bool) -> None:
    """Prove the database: file, references, every running balance, open commands. Exit 1 when not."""
    from headend.cli.running import with_store

    report = with_store(config, lambda store: store.check())
    if as_json:
        emit_json(report)
    else:
        for problem in report.findings:
            say(f"problem: {problem}")
        counted = ", ".join(f"{count} {name}" for name, count in report.counted.items())
        say(f"{'all good' if report.ok else 'NOT WHOLE'}: {counted}")
    sys.exit(0 if report.ok else 1)


@db.command(epilog="\b\nExample:\n  headend db backup /backup/headend-2026-11-24.db")
@click.argument("file", type=click.Path(dir_okay=False))
@config_option
@json_option
def backup(file: str, config: str | None, as_json: bool) -> None:
    """Copy the database to a new file while everything runs. A daemon that starts on a copy comes up disarmed."""
    from pathlib import Path

    from headend.cli.running import with_store

    with_store(config, lambda store: store.backup(Path(file)))
    emit_json({"backup": file}) if as_json else say(f"{file}: done")
