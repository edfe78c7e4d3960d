import click

from headend.cli.output import config_option, emit_json, json_option, say


@click.command(
    epilog="\b\nExample:\n  headend keys rewrap --old /etc/headend/headend.kek --new /etc/headend/new.kek\n"
    "  (makes new.kek where it is not there; then let the configuration name it)"
)
@click.option("--old", required=True, type=click.Path(exists=True, dir_okay=False), help="File of the present KEK.")
@click.option("--new", required=True, type=click.Path(dir_okay=False), help="File of the KEK from now on.")
@config_option
@json_option
def rewrap(old: str, new: str, config: str | None, as_json: bool) -> None:
    """Change the key-encryption key: wrap every stored key anew, all or none. Not beside a running daemon.

    The meters' own keys stay as they are. Backups made before still need the old KEK: keep it as long as them.
    """
    from pathlib import Path

    from headend.app import now
    from headend.cli.running import deed_by_hand
    from headend.settings import load_settings
    from headend.storage.kek import KekError, create_kek_file, find_kek
    from headend.storage.rewrapping import rewrap as wrap_anew

    path = load_settings(config).store_path
    before = find_kek({}, Path(old))
    after = find_kek({}, Path(new)) if Path(new).exists() else create_kek_file(Path(new))
    if before is None or after is None:
        raise KekError(f"{old}, {new}: no key-encryption key")
    if before.check_value() == after.check_value():
        raise KekError(f"{new}: holds the same key as {old}; name a file that is not there yet")
    count = wrap_anew(path, before, after, now(), deed_by_hand("rewrap keys"))
    if as_json:
        emit_json({"rewrapped": count, "kek_file": new})
    else:
        say(
            f"{path}: {count} keys are wrapped with the key from {new}; let the configuration name it, keep a copy safe"
        )
