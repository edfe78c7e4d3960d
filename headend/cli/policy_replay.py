from datetime import datetime

import click

from headend.cli.output import config_option, emit_json, json_option, say, table
from headend.cli.running import Moment


@click.command(
    "replay",
    epilog="\b\nExamples:\n  headend policy replay --policy config/policies/jbvnl.toml --since 2026-11-01\n"
    "  headend policy replay --policy new.toml --since 2026-11-01 --automatic --json",
)
@click.option("--policy", "file", required=True, type=click.Path(exists=True, dir_okay=False), help="The other rules.")
@click.option("--since", required=True, type=Moment(), help="Decisions made from then on.")
@click.option("--automatic", is_flag=True, help="As if every office had the mode `automatic`, armed.")
@click.option("--rows", default=50, show_default=True, help="Decisions that differ to show; --json gives all.")
@config_option
@json_option
def replay(file: str, since: datetime, automatic: bool, rows: int, config: str | None, as_json: bool) -> None:
    """Judge the stored facts of every decision again under other rules: who would have been cut, warned, restored.

    Nothing is changed and no meter is touched.
    """
    from pathlib import Path

    from headend.cli.running import with_store
    from headend.prepaid.replay import Effect
    from headend.prepaid.rules import parse_policy

    policy = parse_policy(Path(file).read_text(encoding="utf-8"), file)
    found = with_store(config, lambda store: store.accounts.replay(policy, since, automatic=automatic))
    if as_json:
        emit_json({"policy": policy.name, "since": since, **_plain(found)})
        return
    table(
        f"{found.decisions} decisions, judged by policy {policy.name}",
        ("", "as decided", "as judged again"),
        [(effect.value, found.before[effect], found.after[effect]) for effect in Effect],
    )
    shown = [
        (
            each.at,
            each.consumer_no,
            each.meter,
            f"{each.before} ({each.before_reason})",
            f"{each.after} ({each.after_reason})",
        )
        for each in found.rows[:rows]
    ]
    if shown:
        table(f"{len(found.rows)} decisions differ", ("time", "consumer", "meter", "as decided", "again"), shown)
    say(f"{len(found.newly_cut)} consumers would be cut who were not, {len(found.spared)} would not be cut who were")


def _plain(found: "Comparison") -> dict[str, object]:  # type: ignore[name-defined]  # noqa: F821
    return {
        "decisions": found.decisions,
        "before": {effect.value: count for effect, count in found.before.items()},
        "after": {effect.value: count for effect, count in found.after.items()},
        "newly_cut": sorted(found.newly_cut),
        "spared": sorted(found.spared),
        "rows": found.rows,
    }
