"""What waits for a second person or an officer, as commands of `headend policy`."""

import click

from headend.cli.output import config_option, emit_json, in_india, json_option, say, table


@click.command("confirm", epilog="\b\nExample:\n  headend policy confirm 3")
@click.argument("number", metavar="ID", type=int)
@config_option
@json_option
def confirm(number: int, config: str | None, as_json: bool) -> None:
    """Confirm a mode that another person asked for; it holds from now on."""
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("confirm mode", number, of="mode")
    found = with_store(config, lambda store: store.switches.confirm_mode(number, by=person()), act)
    if as_json:
        emit_json({"office": found.office, "mode": found.mode, "proposed_by": found.proposed_by})
        return
    say(f"{found.office or 'the house'}: {found.mode}")


@click.command("pending", epilog="\b\nExample:\n  headend policy pending")
@config_option
@json_option
def pending(config: str | None, as_json: bool) -> None:
    """Modes that wait for a second person."""
    from headend.cli.running import with_store

    found = with_store(config, lambda store: store.switches.proposed_modes())
    if as_json:
        emit_json(found)
        return
    rows = [(each.id, each.office or "the house", each.mode, each.proposed_by, each.expires_at) for each in found]
    table("Proposed modes", ("id", "office", "mode", "asked for by", "expires"), rows)


@click.command(
    "proposals",
    epilog="\b\nExamples:\n  headend policy proposals\n  headend policy proposals --office 'Ranchi/East' --json",
)
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@config_option
@json_option
def proposals(office: str, config: str | None, as_json: bool) -> None:
    """The cuts that wait for an officer, with reasons and evidence, and the digest that stands for this list."""
    from headend.cli.running import aside, person, with_store
    from headend.prepaid.money import format_rupees

    found = with_store(config, lambda store: store.proposals.show(office, person()), aside())
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            each.meter,
            each.consumer_no,
            each.name,
            each.office,
            "" if each.balance is None else format_rupees(each.balance),
            each.evidence["negative_since"],
            each.evidence["notice_delivered_at"],
            each.waits_for,
        )
        for each in found.rows
    ]
    columns = ("meter", "consumer", "name", "office", "balance", "below zero since", "told", "waits for")
    table("Cuts that wait for approval", columns, rows)
    if found.rows:
        say(f"{len(rows)} cuts; this list is approved (until {in_india(found.expires_at):%H:%M} IST) with:")
        say(f"  headend policy approve --digest {found.digest} [--strike METER ...]")


@click.command(
    "approve", epilog="\b\nExample:\n  headend policy approve --digest 0d1a… --strike SN0001 --strike SN0007"
)
@click.option("--digest", required=True, help="Of the list that was looked at.")
@click.option("--strike", multiple=True, metavar="METER", help="Not this one: it is cancelled. May be repeated.")
@config_option
@json_option
def approve(digest: str, strike: tuple[str, ...], config: str | None, as_json: bool) -> None:
    """Approve exactly the cuts of a list that was shown; what came later, or was paid since, is left alone.

    Caps, calendar, protected consumers and a fresh balance are asked for once more when each is sent. A list of more
    cuts than [policy] approve_alone allows waits until a second person has approved it alike.
    """
    from headend.app import Headend
    from headend.cli.running import acting_by_hand, person, with_headend
    from headend.storage.proposals import Approval

    async def work(headend: Headend) -> Approval:
        alone = headend.setup.settings.document.policy.approve_alone
        return await headend.store.proposals.approve(digest, frozenset(strike), person(), alone)

    act = acting_by_hand("approve cuts", digest, of="list", struck=sorted(strike))
    done = with_headend(config, work, act)
    if as_json:
        emit_json(done)
        return
    if done.second:
        say("approved once; these are more cuts than one person may release, so a second one approves the list alike")
        return
    for command, why in done.left.items():
        say(f"left alone: {why if str(command) in why else f'command {command}: {why}'}")
    say(f"{len(done.released)} released, {len(done.struck)} struck, {len(done.left)} left alone")


COMMANDS = (confirm, pending, proposals, approve)
