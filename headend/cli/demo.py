import click

from headend.cli.output import json_option


@click.command(epilog="\b\nExamples:\n  headend demo\n  headend demo --headless --json --meters 200")
@click.option(
    "--meters", "count", default=20, show_default=True, type=click.IntRange(3, 20_000), help="Simulated meters."
)
@click.option("--headless", is_flag=True, help="No screen; stop after one full cycle.")
@click.option("--timeout", "timeout_s", default=180.0, show_default=True, help="Seconds a headless cycle may take.")
@click.option("--store", "url", metavar="postgresql://…", help="An empty database to use; left out: a file that goes.")
@click.option("--picture", type=click.Path(dir_okay=False), help="Keep the screen as SVG, as it is while a cut shows.")
@json_option
def demo(count: int, headless: bool, timeout_s: float, url: str | None, picture: str | None, as_json: bool) -> None:
    """Show a whole cycle on a simulated fleet, over real sockets, and leave nothing behind.

    A simulator (a process of its own) plays the meters. The head-end polls them; consumers whose credit goes below zero
    are told in Hindi and English and cut; a recharge arrives, and supply is back; each step read back at the meter.
    """
    import asyncio
    import sys
    from pathlib import Path

    import uvloop

    from headend.cli.demonstration import Summary, demonstrate
    from headend.cli.output import emit_json, say
    from headend.cli.running import set_up_logs
    from headend.settings import LogSection

    set_up_logs(LogSection(level="error"))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            file = None if picture is None else Path(picture)
            summary: Summary = runner.run(
                demonstrate(count, headless=headless, timeout_s=timeout_s, picture=file, url=url)
            )
    except KeyboardInterrupt:
        say("stopped, nothing is left behind")
        sys.exit(0)
    if as_json:
        emit_json(summary)
    else:
        say(summary.text)
    sys.exit(0 if summary.complete else 1)
