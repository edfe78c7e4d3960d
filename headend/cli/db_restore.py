import click

from headend.cli.output import config_option, emit_json, json_option, say, shown


@click.command(epilog="\b\nExample:\n  headend db restore /backup/headend-2026-11-24.db")
@click.argument("file", type=click.Path(dir_okay=False))
@config_option
@json_option
def restore(file: str, config: str | None, as_json: bool) -> None:
    """Put a backup in the place of the database; the old file is kept beside it.

    Not beside a running daemon. The next start comes up disarmed, unsent cuts wait for a person, and every invocation
    counter has moved ahead. Recharges booked since the backup are not in it: book them again with their payment ids.
    """
    from pathlib import Path

    from headend.app import now
    from headend.cli.running import deed_by_hand
    from headend.settings import load_settings
    from headend.storage.restoring import restore as put_in_place

    path = load_settings(config).store_path
    say(f"{file}: copying and proving it ...")
    found = put_in_place(Path(file), path, now(), deed_by_hand("restore", Path(file).name))
    if as_json:
        emit_json(
            {"database": str(path), "taken_at": found.taken_at, "kept": None if found.kept is None else str(found.kept)}
        )
        return
    say(f"{path} is the backup of {shown(found.taken_at)}; the next start is disarmed")
    if found.kept is not None:
        say(f"what was there is kept as {found.kept}")
    say("recharges booked since the backup are not in it: book them again with their own payment ids")
