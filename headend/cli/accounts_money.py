"""Money moved by people, as commands of `headend accounts`."""

import sys
from datetime import datetime

import click

from headend.cli.output import config_option, emit_json, json_option, say, table

_reason = click.option("--reason", required=True, help="Why; it stays in the ledger and the audit.")


def _paise(text: str) -> int:
    from headend.prepaid.money import parse_rupees

    try:
        return parse_rupees(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="AMOUNT") from error


@click.command("check", epilog="\b\nExample:\n  headend accounts check")
@config_option
@json_option
def check(config: str | None, as_json: bool) -> None:
    """Prove every sum of the ledger, entry by entry. Exit 1 when one is wrong."""
    from headend.cli.running import with_store
    from headend.prepaid.money import format_rupees

    report = with_store(config, lambda store: store.books.check())
    if as_json:
        emit_json({"ok": report.ok, "report": report})
    else:
        for finding in report.findings:
            say(f"problem: {finding}")
        kinds = [(kind, format_rupees(amount)) for kind, amount in sorted(report.by_kind.items())]
        table("Sums by kind", ("kind", "sum"), [*kinds, ("all", format_rupees(report.total))])
        verdict = "every sum is proven" if report.ok else "NOT PROVEN"
        say(f"{verdict}: {report.accounts} accounts, {report.entries} entries")
    sys.exit(0 if report.ok else 1)


@click.command(
    "book",
    epilog="\b\nExamples:\n  headend accounts book 10000000001 deposit 1500 --reference SD-771 --reason 'adjusted'\n"
    "  headend accounts book 10000000001 arrears 820.50 --reference PP-2026-03 --reason 'postpaid bill of March'",
)
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("kind", type=click.Choice(["deposit", "arrears", "rebate"]))
@click.argument("amount", metavar="AMOUNT")
@click.option("--reference", required=True, help="The entry's own number: the same one is never booked twice.")
@_reason
@config_option
@json_option
def book(
    consumer_no: str, kind: str, amount: str, reference: str, reason: str, config: str | None, as_json: bool
) -> None:
    """Book AMOUNT rupees: a deposit or a rebate in the consumer's favour, arrears as owed.

    A credit that suffices restores supply as a recharge does.
    """
    from headend.app import Headend
    from headend.cli.running import acting_by_hand, person, with_headend
    from headend.prepaid.model import EntryKind
    from headend.prepaid.money import format_rupees
    from headend.scheduler.judge import judge_by_hand
    from headend.storage.books import Booked

    paise = _paise(amount)

    async def work(headend: Headend) -> Booked:
        judge = judge_by_hand(headend.setup.rules())
        return await headend.store.books.book(consumer_no, EntryKind(kind), paise, reference, reason, person(), judge)

    detail = {"amount": format_rupees(paise), "reference": reference, "reason": reason}
    booked = with_headend(config, work, acting_by_hand(f"book {kind}", consumer_no, of="consumer", **detail))
    if as_json:
        emit_json(booked)
        return
    again = " was booked before and is not booked again" if booked.repeated else " booked"
    balance = format_rupees(booked.entry.balance)
    say(f"{kind} {format_rupees(booked.entry.amount)}{again} for {consumer_no}; balance {balance}")


@click.command(
    "propose-correction",
    epilog="\b\nExamples:\n  headend accounts propose-correction 10000000001 -- -12.50 --reason 'booked twice'\n"
    "  headend accounts propose-correction 10000000001 --reverses 8812 --reason 'cheque returned'",
)
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("amount", metavar="[AMOUNT]", required=False)
@click.option("--reverses", type=int, default=None, help="Undo this ledger entry instead of naming an amount.")
@_reason
@config_option
@json_option
def propose_correction(
    consumer_no: str, amount: str | None, reverses: int | None, reason: str, config: str | None, as_json: bool
) -> None:
    """Ask for a correction of AMOUNT rupees (positive: in the consumer's favour). A second person approves it."""
    from headend.cli.running import acting_by_hand, person, with_store
    from headend.prepaid.money import format_rupees

    if (amount is None) == (reverses is None):
        raise click.UsageError("name either AMOUNT or --reverses ENTRY")
    paise = 0 if amount is None else _paise(amount)
    found = with_store(
        config,
        lambda store: (
            store.books.propose_reversal(consumer_no, reverses, reason, person())
            if reverses is not None
            else store.books.propose_correction(consumer_no, paise, reason, person())
        ),
        acting_by_hand(
            "propose correction",
            consumer_no,
            of="consumer",
            amount=format_rupees(paise) if amount else None,
            reverses=reverses,
            reason=reason,
        ),
    )
    if as_json:
        emit_json(found)
        return
    say(f"{found.kind} {found.id} of {format_rupees(found.amount)} waits for another person:")
    say(f"  headend accounts approve {found.id}")


@click.command("corrections", epilog="\b\nExample:\n  headend accounts corrections")
@click.option("--all", "everything", is_flag=True, help="Also those that are decided.")
@config_option
@json_option
def corrections(everything: bool, config: str | None, as_json: bool) -> None:
    """Corrections that wait for a second person."""
    from headend.cli.running import with_store
    from headend.prepaid.money import format_rupees

    found = with_store(config, lambda store: store.books.corrections(undecided=not everything))
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.id, each.consumer_no, each.kind, format_rupees(each.amount), each.state, each.proposed_by, each.reason)
        for each in found
    ]
    table("Corrections, newest first", ("id", "consumer", "kind", "amount", "state", "by", "reason"), rows)


@click.command("approve", epilog="\b\nExample:\n  headend accounts approve 7")
@click.argument("number", metavar="ID", type=int)
@config_option
@json_option
def approve(number: int, config: str | None, as_json: bool) -> None:
    """Book a correction that another person asked for."""
    from headend.app import Headend
    from headend.cli.running import acting_by_hand, person, with_headend
    from headend.prepaid.money import format_rupees
    from headend.scheduler.judge import judge_by_hand
    from headend.storage.books import Booked
    from headend.storage.corrections import Correction

    async def work(headend: Headend) -> tuple[Correction, Booked]:
        second = headend.setup.settings.document.policy.second_person
        judge = judge_by_hand(headend.setup.rules())
        return await headend.store.books.approve(number, person(), judge, second_person=second)

    act = acting_by_hand("approve correction", number, of="correction")
    correction, booked = with_headend(config, work, act)
    if as_json:
        emit_json({"correction": correction, "booked": booked})
        return
    balance = format_rupees(booked.entry.balance)
    say(f"{correction.kind} {number} of {format_rupees(correction.amount)} booked; balance {balance}")


@click.command("reject", epilog="\b\nExample:\n  headend accounts reject 7")
@click.argument("number", metavar="ID", type=int)
@config_option
@json_option
def reject(number: int, config: str | None, as_json: bool) -> None:
    """Turn a correction down."""
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("reject correction", number, of="correction")
    found = with_store(config, lambda store: store.books.reject(number, person()), act)
    emit_json(found) if as_json else say(f"{found.kind} {number} is rejected; nothing was booked")


@click.command(
    "plan",
    epilog="\b\nExample:\n  headend accounts plan 10000000001 6000 --instalments 6 --first 2026-12-05 --reason agreed",
)
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("amount", metavar="AMOUNT")
@click.option("--instalments", "count", type=int, required=True, help="How many, one a month.")
@click.option("--first", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day to pay the first one.")
@_reason
@config_option
@json_option
def plan(
    consumer_no: str, amount: str, count: int, first: datetime, reason: str, config: str | None, as_json: bool
) -> None:
    """Let AMOUNT rupees of what is owed be paid in monthly instalments.

    They leave the balance now; each comes back when its day has passed.
    """
    from headend.app import Headend
    from headend.cli.running import acting_by_hand, person, with_headend
    from headend.commands.model import Command
    from headend.prepaid.money import format_rupees
    from headend.scheduler.judge import judge_by_hand
    from headend.storage.instalments import Plan

    paise = _paise(amount)

    async def work(headend: Headend) -> tuple[Plan, Command | None]:
        judge = judge_by_hand(headend.setup.rules())
        return await headend.store.books.plan(consumer_no, paise, (count, first.date()), reason, person(), judge)

    shown = format_rupees(paise)
    act = acting_by_hand(
        "plan instalments",
        consumer_no,
        of="consumer",
        total=shown,
        parts=count,
        first=f"{first:%Y-%m-%d}",
        reason=reason,
    )
    made, command = with_headend(config, work, act)
    if as_json:
        emit_json({"plan": made, "command": command})
        return
    rows = [(each.number, each.due_on, format_rupees(each.amount)) for each in made.parts]
    table(f"Plan {made.id} of {consumer_no}", ("number", "pay until", "amount"), rows)


@click.command("plans", epilog="\b\nExample:\n  headend accounts plans 10000000001")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@config_option
@json_option
def plans(consumer_no: str, config: str | None, as_json: bool) -> None:
    """The instalment plans of a consumer."""
    from headend.cli.running import with_store
    from headend.prepaid.money import format_rupees

    found = with_store(config, lambda store: store.books.plans(consumer_no))
    if as_json:
        emit_json(found)
        return
    rows = [
        (each.id, part.number, part.due_on, format_rupees(part.amount), "booked" if part.number <= each.booked else "")
        for each in found
        for part in each.parts
    ]
    table(f"Instalment plans of {consumer_no}", ("plan", "number", "pay until", "amount", ""), rows)


@click.command("topups", epilog="\b\nExample:\n  headend accounts topups 10000000001")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@config_option
@json_option
def topups(consumer_no: str, config: str | None, as_json: bool) -> None:
    """Recharges on their way to a meter that keeps the account, newest first."""
    from headend.cli.running import with_store
    from headend.prepaid.money import format_rupees

    found = with_store(config, lambda store: store.topups.of(consumer_no))
    if as_json:
        emit_json(found)
        return
    rows = [(each.id, each.requested_at, format_rupees(each.amount), each.state, each.note) for each in found]
    table(f"Top-ups of {consumer_no}", ("id", "paid", "amount", "state", "evidence"), rows)


@click.command(
    "settle-topup", epilog="\b\nExample:\n  headend accounts settle-topup 7 --applied --reason 'seen on the display'"
)
@click.argument("number", metavar="ID", type=int)
@click.option("--applied/--absent", required=True, default=None, help="Whether the meter has got the money.")
@_reason
@config_option
@json_option
def settle_topup(number: int, applied: bool, reason: str, config: str | None, as_json: bool) -> None:
    """Say what became of a top-up that no reading can prove (state quarantined); an absent one is sent again."""
    from headend.cli.running import acting_by_hand, person, with_store

    act = acting_by_hand("settle top-up", number, of="topup", found="applied" if applied else "absent", reason=reason)
    found = with_store(config, lambda store: store.topups.decide(number, person(), reason, applied=applied), act)
    emit_json(found) if as_json else say(f"top-up {number} is {found.state.value}")


COMMANDS = (check, book, propose_correction, corrections, approve, reject, plan, plans, topups, settle_topup)
