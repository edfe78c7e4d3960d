"""The command line of the simulator."""

import sys
from pathlib import Path
from typing import Any

import click

from headend.errors import HeadendError

_EXAMPLES = """\b
Examples:
  simulator run --meters 20 --port 4059
  simulator run --meters 20 --port 0 --json --control-port 0
  simulator run --meters 2000 --gateways 20 --port 4059 --scenario config/scenarios/demo.toml
  simulator run --meters 5 --port 4059 --export-inventory meters.csv --export-keys keys.toml
"""


@click.group(epilog=_EXAMPLES)
def main() -> None:
    """Simulated DLMS/COSEM prepaid meters on real sockets."""


_FILE = click.Path(dir_okay=False, path_type=Path)


@main.command(epilog=_EXAMPLES)
@click.option("--meters", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many meters.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4059,
    show_default=True,
    help="Port of the first meter, the others follow; 0: any free ports.",
)
@click.option("--control-port", type=click.IntRange(0, 65535), help="Take orders as JSON lines here; 0: any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same meters and keys.")
@click.option("--scenario", type=_FILE, help="TOML file that says what the fleet is like.")
@click.option("--gateways", type=click.IntRange(0, 10_000), default=0, help="Put the meters behind so many ports.")
@click.option("--by-address", is_flag=True, help="One port for all; the address 127.1.0.1 on names the meter.")
@click.option("--dial-in", metavar="HOST:PORT", help="The meters listen nowhere: they call the head-end there.")
@click.option("--time-factor", type=click.FloatRange(0, 100_000, min_open=True), help="How fast the meters' time runs.")
@click.option(
    "--framing",
    type=click.Choice(["wrapper", "hdlc"]),
    default="wrapper",
    show_default=True,
    help="What carries the APDUs.",
)
@click.option(
    "--counters-from", type=click.IntRange(0, 2**32 - 1), help="First of the meters' own invocation counters."
)
@click.option("--remember", type=_FILE, help="Keep counters and relays in this file, over kill -9 too.")
@click.option("--export-inventory", type=_FILE, help="Write the meters as CSV for the head-end.")
@click.option("--export-keys", type=_FILE, help="Write the meters' keys as TOML for the head-end.")
@click.option("--export-consumers", type=_FILE, help="Write the consumers as CSV for the head-end.")
@click.option("--json", is_flag=True, help="Print one JSON object on a line when ready.")
def run(**options: Any) -> None:  # noqa: ANN401 - click hands over what the options above say
    """Run simulated meters until Ctrl-C or SIGTERM."""
    # Imported late: whoever asks for help waits for neither the protocol nor the event loop.
    import uvloop  # noqa: PLC0415

    from simulator.running import Options, run_simulation  # noqa: PLC0415

    try:
        uvloop.run(run_simulation(Options(**options)))
    except HeadendError as error:
        click.echo(f"simulator: {error}", err=True)
        sys.exit(error.exit_code)


_SHARE = click.FloatRange(0, 1)


@main.command(
    "sms-gateway", epilog="\b\nExample:\n  simulator sms-gateway --port 8025 --reject 0.02 --lose 0.01 --fail 0.05"
)
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0: any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same fates.")
@click.option("--token", help="Calls need this bearer token.")
@click.option("--dlt", is_flag=True, help="Refuse messages without principal-entity and template id of 19 digits.")
@click.option("--reject", type=_SHARE, default=0.0, help="Share of messages that are refused.")
@click.option("--throttle", type=_SHARE, default=0.0, help="Share of calls that are told to come later.")
@click.option("--lose", type=_SHARE, default=0.0, help="Share of calls that get no answer, taken or not.")
@click.option("--fail", type=_SHARE, default=0.0, help="Share of messages that do not arrive.")
@click.option("--silent", type=_SHARE, default=0.0, help="Share of messages of which nothing is heard again.")
@click.option("--delay", type=click.FloatRange(0, 60), default=0.0, help="Seconds before each answer.")
@click.option("--receipt-after", type=click.FloatRange(0, 86_400), default=2.0, help="Seconds until the receipt.")
@click.option("--callback", help="Report receipts to this http:// address, as a form.")
@click.option("--json", is_flag=True, help="Print one JSON object on a line when ready.")
def sms_gateway(**options: Any) -> None:  # noqa: ANN401 - as above
    """Play the SMS gateway of a provider until Ctrl-C or SIGTERM."""
    import uvloop  # noqa: PLC0415

    from simulator.providing import Provider, provide  # noqa: PLC0415

    try:
        uvloop.run(provide(Provider(**options)))
    except HeadendError as error:
        click.echo(f"simulator: {error}", err=True)
        sys.exit(error.exit_code)
