import click

from headend.cli.output import config_option


@click.command(
    epilog="\b\nExamples:\n  headend run --config config/headend.toml\n"
    "  headend run --arm     (offices in mode automatic may cut)\n"
    "  headend run --workers 4     (`headend workers list` shows them)"
)
@click.option("--arm", is_flag=True, help="Allow the policy to cut; without it the daemon starts disarmed.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Processes that visit, one a core; whole lanes are divided among them.  [default: as [engine] says, else 1]",
)
@config_option
def run(arm: bool, workers: int | None, config: str | None) -> None:
    """Run the daemon: poll the fleet, decide, carry out commands, publish events.

    SIGTERM and Ctrl-C finish or journal what is under way, within 10 seconds. SIGHUP reads the configuration again; a
    configuration with a fault changes nothing.
    """
    import asyncio

    import uvloop

    from headend.app.daemon import run_daemon
    from headend.cli.foreign_logs import take_over
    from headend.cli.running import set_up_logs
    from headend.settings import load_settings

    settings = load_settings(config)
    set_up_logs(settings.document.log)
    take_over(settings.document.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_daemon(settings, armed=arm, workers=workers))
