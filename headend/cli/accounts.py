from datetime import datetime
from typing import TYPE_CHECKING

import click

from headend.cli.accounts_judge import judge
from headend.cli.accounts_money import COMMANDS
from headend.cli.accounts_story import explain
from headend.cli.output import config_option, emit_json, json_option, table
from headend.cli.running import Moment

if TYPE_CHECKING:
    from headend.prepaid.model import AccountView, Facts
    from headend.storage.accounts import StoredDecision, WrittenNotice
    from headend.storage.ledger import Entry


@click.group()
def accounts() -> None:
    """Prepaid accounts: what a consumer has, owes, and why supply is as it is."""


for each in (*COMMANDS, explain, judge):
    accounts.add_command(each)


@accounts.command(epilog="\b\nExample:\n  headend accounts show 10000000001")
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.option("--entries", default=20, show_default=True, help="Ledger entries to show, newest first.")
@click.option("--at", type=Moment(), default=None, help="The balance as it stood at this moment, and nothing else.")
@config_option
@json_option
def show(consumer_no: str, entries: int, at: datetime | None, config: str | None, as_json: bool) -> None:
    """One account: balance, ledger, the newest decision with its reason, notices."""
    if at is not None:
        _show_past(consumer_no, at, config, as_json)
        return
    from headend.app import now
    from headend.cli.running import with_store
    from headend.storage.store import Store

    async def work(
        store: Store,
    ) -> "tuple[AccountView, list[Entry], list[StoredDecision], list[WrittenNotice]]":
        ledger = store.accounts
        return (
            await ledger.view(consumer_no, now()),
            await ledger.ledger(consumer_no, entries),
            await ledger.decisions(consumer_no, 5),
            await ledger.notices(consumer_no, 5),
        )

    view, ledger, decisions, notices = with_store(config, work)
    facts = view.facts
    if as_json:
        emit_json(
            {
                "account": facts.account,
                "balance_paise": facts.balance,
                "balance_at": facts.balance_at,
                "relay_connected": facts.relay_connected,
                "mode": facts.mode,
                "ledger": ledger,
                "decisions": decisions,
                "notices": notices,
            }
        )
        return
    _show_now(facts, ledger, decisions, notices)


def _show_now(
    facts: "Facts", ledger: "list[Entry]", decisions: "list[StoredDecision]", notices: "list[WrittenNotice]"
) -> None:
    from headend.prepaid.money import format_rupees

    account = facts.account
    relay = {None: "not read yet", True: "connected", False: "disconnected"}[facts.relay_connected]
    fields = {
        "balance": "not known" if facts.balance is None else format_rupees(facts.balance),
        "as of": facts.balance_at,
        "supply": relay,
        "meter": account.meter,
        "office": account.office,
        "mode of the office": facts.mode,
        "protected": account.protected,
        "tariff": account.tariff,
        "sanctioned load": None if account.sanctioned_load is None else f"{account.sanctioned_load / 1000:g} kW",
        "balance kept by": account.balance_source,
    }
    table(f"Account {account.consumer_no} ({account.name})", ("", ""), fields.items())
    booked = [
        (each.at, each.kind, format_rupees(each.amount), format_rupees(each.balance), each.reference) for each in ledger
    ]
    table("Ledger, newest first", ("time", "kind", "amount", "balance", "reference"), booked)
    decided = [(each.last_at, each.verdict, each.reason, each.would, each.times) for each in decisions]
    table("Decisions, newest first", ("time", "decision", "reason", "would have been", "times"), decided)
    told = [(each.notice.at, each.notice.kind, each.notice.texts.get(account.language, "")) for each in notices]
    table("Notices, newest first", ("time", "notice", "text"), told)


def _show_past(consumer_no: str, at: datetime, config: str | None, as_json: bool) -> None:
    from headend.cli.running import with_store
    from headend.prepaid.money import format_rupees

    past = with_store(config, lambda store: store.books.balance_at(consumer_no, at))
    if as_json:
        emit_json({"consumer_no": consumer_no, "at": at, "balance_paise": past.balance, "source": past.source})
        return
    shown = "not known" if past.balance is None else format_rupees(past.balance)
    fields = {"balance": shown, "as of": past.at, "balance kept by": past.source}
    table(f"Account {consumer_no}", ("", ""), fields.items())
