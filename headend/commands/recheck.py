"""The last look at a disconnect, inside the transaction that lets it be sent (safety rules 3 to 8)."""

from attrs import evolve, frozen

from headend.commands.conclusion import MOST_FUTILE_CUTS
from headend.commands.journal import Recheck
from headend.commands.model import Command, Origin
from headend.commands.ports import PolicyFor
from headend.meters.reading import RelayState
from headend.prepaid.decision import Reason
from headend.prepaid.model import AccountView, BalanceSource, Facts
from headend.prepaid.policy import refuses_any_cut, refuses_credit_cut
from headend.session.balance import Balance


@frozen
class Fresh:
    """What was read from the meter inside the sending association, after its identity was confirmed."""

    relay: RelayState
    balance: Balance | None


def recheck(command: Command, fresh: Fresh, policy_for: PolicyFor, *, approved: bool) -> Recheck:
    """A judge of `command`, to be called inside the sending transaction with the account as it stands there.

    The policy's own cut is judged anew from the start, with what the meter just showed. A cut that a person or another
    system asked for rests on their reason, not on money: protected consumers, kill switch and calendar still hold.
    `approved`: a person released this command, which is what mode `propose` waits for.
    """

    def judge(view: AccountView) -> str | None:
        policy = policy_for(view)
        facts = refreshed(view.facts, fresh)
        if command.attempts >= MOST_FUTILE_CUTS:
            return f"given up after {command.attempts} attempts without effect"
        if view.facts.account.meter != command.meter:
            return "the account has another meter now"
        if command.origin is Origin.POLICY:
            reason = refuses_credit_cut(facts, policy)
            # Nothing behind the mode is skipped by an approval: protected consumers are asked for again.
            if reason is Reason.MODE_PROPOSE and approved:
                reason = refuses_any_cut(facts, policy)
        else:
            reason = refuses_any_cut(facts, policy, emergency=command.emergency)
        return None if reason is None else reason.value

    return judge


def refreshed(facts: Facts, fresh: Fresh) -> Facts:
    """The facts with the relay, and where the meter keeps the account the balance, as just read.

    A meter that keeps the account and showed no balance leaves none: an older one is no ground for a cut.
    """
    facts = evolve(facts, relay_connected=fresh.relay.connected, open_command=None)
    if facts.account.balance_source is BalanceSource.LEDGER:
        return facts
    if fresh.balance is None:
        return evolve(facts, balance=None, balance_at=None)
    received = fresh.balance.received
    return evolve(facts, balance=fresh.balance.paise, balance_at=received, reading_at=received)
