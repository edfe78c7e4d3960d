import click

from headend.cli.output import config_option


@click.command(epilog="\b\nExample:\n  headend web --config config/headend.toml")
@click.option("--beside-daemon", is_flag=True, hidden=True, help="End with the daemon that holds our standard input.")
@config_option
def web(beside_daemon: bool, config: str | None) -> None:
    """Serve console, portal and API from this process. `headend run` starts one by itself.

    It is for another machine of a cluster, or beside a daemon with `[web] own_process = false`: the daemon carries out
    what is asked for here. SIGTERM and Ctrl-C end it; SIGHUP reads the configuration again.
    """
    import asyncio

    import uvloop

    from headend.app.webalone import run_web
    from headend.cli.foreign_logs import take_over
    from headend.cli.running import set_up_logs
    from headend.settings import load_settings

    settings = load_settings(config)
    set_up_logs(settings.document.log)
    take_over(settings.document.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_web(settings, beside_daemon=beside_daemon))
