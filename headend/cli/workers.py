from typing import TYPE_CHECKING

import click

from headend.cli.output import config_option, emit_json, json_option, plain, table

if TYPE_CHECKING:
    from headend.storage.status import ProcessStatus
    from headend.storage.store import Store
    from headend.storage.workers import WorkerRow


@click.group()
def workers() -> None:
    """The processes of the daemon that visit meters: which there are, what each visits, and why one ended."""


@workers.command("list", epilog="\b\nExamples:\n  headend workers list\n  headend workers list --all --json")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended, the newest first, and why.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="At most so many.")
@config_option
@json_option
def list_(everything: bool, limit: int, config: str | None, as_json: bool) -> None:
    """Processes that visit. Worker 0 is the daemon itself; shard 2/4 is the second of four parts of the fleet."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: _found(store, everything, limit))
    if as_json:
        emit_json([plain(row) | {"status": plain(status)} for row, status in found])
        return
    rows = [
        (
            row.worker,
            row.token,
            ", ".join(shard or "all" for shard in row.shards),
            row.host,
            row.pid or "starting",
            row.started_at,
            "" if status is None else sum(status.standing.visits.values()),
            "" if status is None else status.standing.in_flight,
            "" if status is None else status.at,
            row.ended_at,
            row.why,
        )
        for row, status in found
    ]
    columns = (
        "worker",
        "token",
        "shards",
        "host",
        "process",
        "since",
        "visits",
        "under way",
        "told at",
        "ended",
        "why",
    )
    table("Workers", columns, rows)


@workers.command(hidden=True)
@click.argument("number", type=int)
@click.argument("count", type=int)
@click.option("--token", type=int, required=True)
@click.option("--line", type=int, required=True)
@click.option("--parent", type=int, required=True)
@config_option
def serve(number: int, count: int, token: int, line: int, parent: int, config: str | None) -> None:
    """Be worker NUMBER of COUNT; `headend run --workers` starts these."""
    import asyncio

    import uvloop

    from headend.app.workers.worker import Place, run_worker
    from headend.cli.foreign_logs import take_over
    from headend.cli.running import set_up_logs
    from headend.settings import load_settings

    settings = load_settings(config)
    set_up_logs(settings.document.log)
    take_over(settings.document.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_worker(settings, Place(number, count, token, line, parent)))


async def _found(store: "Store", everything: bool, limit: int) -> "list[tuple[WorkerRow, ProcessStatus | None]]":
    rows = await store.workers.listing(limit) if everything else (await store.workers.live())[:limit]
    told = {(each.worker, each.pid): each for each in await store.status.processes()}
    return [(row, told.get((row.worker, row.pid))) for row in rows]
