"""What officers added to the policy's calendar, and whom they protect, as commands of `headend policy`."""

import click

from headend.cli.output import config_option, emit_json, json_option, table

#: Rows that are read at a time.
_PIECE = 5_000


@click.command("closures", epilog="\b\nExample:\n  headend policy closures --json")
@config_option
@json_option
def closures(config: str | None, as_json: bool) -> None:
    """Hours and days without cuts that officers added in the console, beside those of the policy file."""
    from headend.cli.running import with_store
    from headend.storage.closures import written

    found = with_store(config, lambda store: store.console.closures.closures())
    if as_json:
        told = [
            {
                "id": each.id,
                "office": each.office,
                "what": written(each.what),
                "reason": each.reason,
                "added_by": each.added_by,
                "added_at": each.added_at,
                "lift_asked_by": each.lift_asked_by,
            }
            for each in found
        ]
        emit_json(told)
        return
    rows = [
        (each.id, written(each.what), each.office or "the house", each.reason, each.added_by, each.lift_asked_by)
        for each in found
    ]
    table("Added to the calendar", ("id", "when", "office", "reason", "by", "to be lifted, asks"), rows)


@click.command("protected", epilog="\b\nExample:\n  headend policy protected --office 'Ranchi/East'")
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@config_option
@json_option
def protected(office: str, config: str | None, as_json: bool) -> None:
    """Consumers whom nobody cuts, with the reason and who gave it: an officer, or an import."""
    from typing import Any

    from headend.cli.running import with_store
    from headend.storage.store import Store

    async def work(store: Store) -> list[dict[str, Any]]:
        rows, more = await store.listings.page("protections", office=office, filters={"all": "1"}, limit=_PIECE)
        while more:
            further, more = await store.listings.page(
                "protections", office=office, filters={"all": "1"}, offset=len(rows), limit=_PIECE
            )
            rows += further
        return rows

    found = with_store(config, work)
    if as_json:
        emit_json(found)
        return
    columns = ("consumer_no", "name", "office", "meter", "reason", "added_by", "lift_asked_by")
    headings = ("consumer", "name", "office", "meter", "reason", "by", "to be lifted, asks")
    table("Protected consumers", headings, [tuple(row[column] for column in columns) for row in found])
