import click

from headend.cli.output import config_option, emit_json, json_option, say, table


@click.group()
def work() -> None:
    """What people have to do: supply that stays off after a recharge, an outcome that nobody knows."""


@work.command("list", epilog="\b\nExample:\n  headend work list --office 'Ranchi/East'")
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@click.option("--all", "everything", is_flag=True, help="Also what is closed.")
@config_option
@json_option
def list_(office: str, everything: bool, config: str | None, as_json: bool) -> None:
    """Open items, the oldest first, with what was tried."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.work.items(office, closed=everything))
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            each.id,
            each.kind,
            each.office,
            each.meter,
            each.consumer_no,
            each.opened_at,
            each.tried[-1] if each.tried else "",
            each.closed_by,
        )
        for each in found
    ]
    columns = ("id", "what", "office", "meter", "consumer", "since", "tried last", "closed by")
    table("Work", columns, rows)


@work.command(epilog="\b\nExample:\n  headend work close 12 --note 'button pressed with the consumer'")
@click.argument("number", metavar="ID", type=int)
@click.option("--note", required=True, help="What was done.")
@config_option
@json_option
def close(number: int, note: str, config: str | None, as_json: bool) -> None:
    """Close an item. One whose command is carried out after all closes itself."""
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("close work", number, of="work", note=note)
    found = with_store(config, lambda store: store.work.close(number, person(), note), act)
    emit_json(found) if as_json else say(f"work item {number} is closed")
