import click

from headend.cli.output import config_option, emit_json, json_option, say


@click.command(epilog="\b\nExample:\n  headend db move --to postgresql://headend@db.example/headend")
@click.option("--from", "source", metavar="sqlite:FILE", help="The embedded database; left out: the configured one.")
@click.option("--to", "target", metavar="postgresql://…", required=True, help="An empty database; PGPASSFILE is used.")
@click.option("--restart", is_flag=True, help="Throw away what an unfinished move left in the target, and begin anew.")
@config_option
@json_option
def move(source: str | None, target: str, restart: bool, config: str | None, as_json: bool) -> None:
    """Move everything from the embedded store to PostgreSQL; counts and sums are compared.

    Not beside a running daemon. A move that was interrupted goes on where it ended. Afterwards set `store.url`: the old
    file is marked as moved and not opened again, since two databases would use the meters' counters twice.
    """
    from pathlib import Path

    from headend.cli.import_progress import import_progress
    from headend.settings import load_settings
    from headend.storage.postgres.addresses import shown
    from headend.storage.postgres.moving import move as move_all

    path = load_settings(config).store_path if source is None else Path(_file(source))
    if not target.startswith(("postgresql://", "postgres://")):
        raise click.UsageError("--to takes postgresql://user@host:5432/database")
    with import_progress("moving") as progress:
        found = move_all(path, target, lambda _, done, total: progress(done, total), restart=restart)
    if as_json:
        emit_json({"from": str(path), "to": shown(target), "resumed": found.resumed, "rows": found.tables})
        return
    say(f"{path}: {sum(found.tables.values()):,} rows are in {shown(target)}, counts equal")
    say(f'now set url = "{shown(target)}" under [store]; {path} is marked as moved and not opened again')


def _file(source: str) -> str:
    scheme, colon, rest = source.partition(":")
    if colon and scheme != "sqlite":
        raise click.UsageError(f"--from {source}: only sqlite:FILE can be moved")
    return rest.removeprefix("//") if colon else source
