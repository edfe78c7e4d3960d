from pathlib import Path

import click

from headend.cli.output import config_option, json_option, say


@click.group()
def payments() -> None:
    """Payments that another system reports as signed messages, by a file instead of the web."""


@payments.command(epilog="\b\nExample:\n  headend payments sign message.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
def sign(file: Path, config: str | None) -> None:
    """Print the header that signs a message now, with the secret of [payments]; for tests of a gateway."""
    from headend.app import now
    from headend.app.interchange_secrets import secrets_of
    from headend.interchange.signing import HEADER
    from headend.interchange.signing import sign as signed
    from headend.settings import SettingsError, load_settings

    settings = load_settings(config)
    secrets = secrets_of(settings, "payments", settings.document.payments)
    if not secrets:
        raise SettingsError(
            f"{settings.source}: payments: name its secret in secret_file, secret_env or secret_credential"
        )
    click.echo(f"{HEADER}: {signed(secrets[0], file.read_bytes(), now())}")


@payments.command(
    epilog='\b\nExample:\n  headend payments handle message.json -H "$(headend payments sign message.json)"'
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-H", "--header", "lines", multiple=True, help="A header of the message, as `Name: value`.")
@config_option
@json_option
def handle(file: Path, lines: tuple[str, ...], config: str | None, as_json: bool) -> None:  # noqa: ARG001
    """Book what a message reports, exactly as POST /api/v1/payments does, and print the answer as JSON.

    Reconnects that follow are journalled; the daemon carries them out.
    """
    import sys

    from headend.app.interchange_payments import PaymentDesk
    from headend.cli.running import acting_by_hand, with_headend

    headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    act = acting_by_hand("take payments", file.name)
    status, body = with_headend(config, lambda headend: PaymentDesk(headend).handle(headers, file.read_bytes()), act)
    click.echo(body.decode())
    if status != 200:
        say(f"error: answered with status {status}")
        sys.exit(1 if status in (207, 503) else 4)
