import click

from headend.cli.keys_rewrap import rewrap
from headend.cli.output import config_option, emit_json, json_option, say


@click.group()
def keys() -> None:
    """Keys of meters. They are kept wrapped under a key-encryption key (KEK) that is in neither database nor backup."""


keys.add_command(rewrap)


@keys.command("import", epilog="\b\nExample:\n  headend keys import keys.toml")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@config_option
@json_option
def import_(file: str, config: str | None, as_json: bool) -> None:
    """Import keys from a TOML file, all of it or nothing.

    [[keys]] entries with meter, role (setting, reader, …), and in hex: ek, ak, secret, master, client_title.
    """
    from pathlib import Path

    from headend.cli.running import acting_by_hand, with_headend

    act = acting_by_hand("import keys", Path(file).name)
    count = with_headend(config, lambda headend: headend.store.keys.import_keys(Path(file)), act)
    emit_json({"imported": count}) if as_json else say(f"{file}: keys of {count} meter roles imported")


@keys.command(epilog="\b\nExample:\n  headend keys init")
@config_option
@json_option
def init(config: str | None, as_json: bool) -> None:
    """Make a new key-encryption key in the file that the configuration names. Keep a copy of it elsewhere, not here."""
    from headend.settings import SettingsError, load_settings
    from headend.storage.kek import create_kek_file

    settings = load_settings(config)
    name = settings.document.keys.kek_file
    if name is None:
        raise SettingsError(f"{settings.source}: keys.kek_file is not set")
    path = settings.beside(name)
    create_kek_file(path)
    emit_json({"kek_file": str(path)}) if as_json else say(
        f"{path}: made, readable for its owner only; keep a copy safe"
    )
