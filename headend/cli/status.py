import sys
from typing import TYPE_CHECKING

import click

from headend.cli.output import config_option, emit_json, json_option

if TYPE_CHECKING:
    from headend.settings import Settings
    from headend.storage.store import Store


@click.command(
    epilog="\b\nExamples:\n  headend status              a live screen; Ctrl-C ends it\n"
    "  headend status --once       as it is now\n  headend status --json | jq .running"
)
@click.option("--once", is_flag=True, help="Show it once and end; so it is too where nobody looks on.")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(min=0.2), help="Seconds between looks.")
@config_option
@json_option
def status(once: bool, every: float, config: str | None, as_json: bool) -> None:
    """How the daemon and the fleet stand: rounds, lanes, rates, backlog, commands, objectives, switches.

    It reads the database beside a running daemon, however many processes that has, and says so when none runs.
    """
    import asyncio
    import contextlib

    from headend.app import open_store
    from headend.settings import load_settings

    settings = load_settings(config)

    async def run() -> None:
        async with open_store(settings) as store:
            if as_json or once or not sys.stdout.isatty():
                await _show_once(store, settings, as_json)
            else:
                await _follow(store, settings, every)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


async def _show_once(store: "Store", settings: "Settings", as_json: bool) -> None:
    from headend.app.monitoring_view import look

    view = await look(store, settings)
    if as_json:
        emit_json({"running": view.running, "state": view.state, "view": view})
        return
    from rich.console import Console

    from headend.cli.status_screen import picture

    Console(width=None if sys.stdout.isatty() else 120).print(picture(view, None))


async def _follow(store: "Store", settings: "Settings", every: float) -> None:
    import asyncio

    from rich.live import Live

    from headend.app.monitoring_view import look
    from headend.cli.status_screen import picture, told

    before = last = await look(store, settings)
    with Live(picture(last, None), auto_refresh=False, screen=False) as live:
        while True:
            await asyncio.sleep(every)
            view = await look(store, settings)
            if told(view) != told(last):
                # Rates stay on the screen until there is something newer to make them of.
                before, last = last, view
            live.update(picture(view, before), refresh=True)
