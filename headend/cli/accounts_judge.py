import click

from headend.cli.output import config_option, emit_json, json_option, table


@click.command(
    "judge",
    epilog="\b\nExamples:\n  headend accounts judge\n  headend accounts judge --older-than 1d --json",
)
@click.option(
    "--older-than", default="", help="Only those without a decision in this span, such as 1d.  [default: all]"
)
@config_option
@json_option
def judge(older_than: str, config: str | None, as_json: bool) -> None:
    """Judge every account as it stands, without a visit, and record what was decided.

    Notices that are due are written, instalments that fell due are booked, supply that is paid for returns. Nobody is
    cut by it: a cut follows from a visit. The daemon does this by itself (`[policy] judge_within`).
    """
    from headend.app import now
    from headend.app.sweeping import Swept, sweep
    from headend.app.wiring import Headend
    from headend.cli.import_progress import import_progress
    from headend.cli.running import acting_by_hand, with_headend
    from headend.prepaid.durations import duration

    try:
        since = now() - duration(older_than) if older_than else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from error

    async def work(headend: Headend) -> Swept:
        total = await headend.store.sweeps.count()
        with import_progress("accounts") as progress:
            return await sweep(headend, since, lambda found: progress(found.judged.total() + found.left, total))

    found = with_headend(config, work, acting_by_hand("judge accounts", older_than=older_than))
    if as_json:
        emit_json({"judged": dict(found.judged), "left": found.left})
        return
    rows = [*sorted(found.judged.items()), ("judged in all", found.judged.total()), ("left as they were", found.left)]
    table("Accounts", ("decision", "accounts"), rows)
