import click

from headend.cli.output import config_option, emit_json, json_option, table


@click.command(epilog="\b\nExamples:\n  headend events --limit 20\n  headend events --follow --json | jq .kind")
@click.option("--follow", is_flag=True, help="Wait for more; Ctrl-C ends it.")
@click.option("--after", default=None, type=int, help="Only events with a larger number.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="The newest so many.")
@config_option
@json_option
def events(follow: bool, after: int | None, limit: int, config: str | None, as_json: bool) -> None:
    """What happened, in the order of commit: readings refused, commands, relays, recharges, switches."""
    import asyncio
    import contextlib

    from headend.cli.running import with_store
    from headend.storage.store import Store

    async def work(store: Store) -> None:
        last = max(await store.events.last_number() - limit, 0) if after is None else after
        last = await _show(store, last, limit, as_json, follow)
        while follow:
            await asyncio.sleep(0.3)
            last = await _show(store, last, 1000, as_json, follow)

    with contextlib.suppress(KeyboardInterrupt):
        with_store(config, work)


async def _show(store: "Store", after: int, limit: int, as_json: bool, follow: bool) -> int:  # type: ignore[name-defined]  # noqa: F821
    import json

    found = await store.events.events(after, limit)
    if as_json:
        for each in found:
            emit_json(
                {
                    "number": each.number,
                    "at": each.at,
                    "kind": each.kind,
                    "meter": each.meter,
                    "consumer_no": each.consumer_no,
                    "payload": json.loads(each.payload),
                }
            )
    elif follow:
        for each in found:
            who = each.meter or each.consumer_no or ""
            click.echo(f"{each.number:>6} {each.at.astimezone():%H:%M:%S} {each.kind:<24} {who:<14} {each.payload}")
    else:
        rows = [(each.number, each.at, each.kind, each.meter, each.consumer_no, each.payload) for each in found]
        table("Events", ("number", "time", "event", "meter", "consumer", "details"), rows)
    return found[-1].number if found else after
