import sys
from typing import TYPE_CHECKING

import click

from headend.cli.output import config_option, emit_json, json_option, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headend.storage.retention import Keep
    from headend.storage.store import Store


@click.command(epilog="\b\nExamples:\n  headend db retention --dry-run\n  headend db retention")
@click.option("--dry-run", is_flag=True, help="Only tell what is older than it is kept.")
@config_option
@json_option
def retention(dry_run: bool, config: str | None, as_json: bool) -> None:
    """Remove readings that were kept as long as [retention] says; a running daemon does it daily.

    Never money, decisions, notices, the journal, the audit or events.
    """
    from headend.app.monitoring_retention import read_retention
    from headend.cli.running import acting_by_hand, with_store
    from headend.meters.registry import load_registry
    from headend.settings import load_settings

    settings = load_settings(config)
    models = settings.document.collection.models
    keeps = read_retention(settings, load_registry([settings.beside(models)] if models else []))
    if dry_run:
        old = with_store(config, lambda store: store.retention.old(keeps))
        if as_json:
            emit_json(old)
        else:
            table(
                "Older than it is kept", ("what", "before", "rows"), [(one.what, one.before, one.rows) for one in old]
            )
    else:
        removed = with_store(config, lambda store: _remove(store, keeps), acting_by_hand("remove old readings"))
        emit_json({"removed": removed}) if as_json else say(f"{sum(removed.values()):,} rows removed")
    if not keeps:
        say("the configuration has no section [retention]: everything is kept for ever")


async def _remove(store: "Store", keeps: "Sequence[Keep]") -> dict[str, int]:
    from rich.console import Console
    from rich.progress import Progress

    removed = {each.what: 0 for each in keeps}
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        tasks = {each.what: progress.add_task(each.what, total=None) for each in keeps}
        async for step in store.retention.remove(keeps):
            removed[step.what] += step.removed
            progress.update(tasks[step.what], completed=step.done, total=step.meters)
    return removed
