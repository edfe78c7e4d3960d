"""What follows from a visit or a recharge: charge, decide, tell, command. Pure, run inside the store's transaction."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import evolve, field, frozen

from headend.commands.conclusion import needs_button
from headend.commands.model import NewCommand, Origin, Target
from headend.errors import HeadendError
from headend.notify.model import Notice, NoticeKind
from headend.notify.routing import Routing
from headend.notify.texts import Texts
from headend.prepaid.ledger import Charge, charge
from headend.prepaid.model import Account, AccountView, BalanceSource, EnergyMark, Facts
from headend.prepaid.money import format_rupees
from headend.prepaid.notices import DueNotice, due_notices, recharge_notice
from headend.prepaid.policy import Decision, Defer, Disconnect, Policy, Reason, Reconnect, decide
from headend.prepaid.tariff import Tariff
from headend.scheduler.ports import Judge, Judgement, VisitRecord

#: The cumulative register that is charged.
ENERGY: Final = "energy_import"
_LOW: Final = (NoticeKind.LOW_BALANCE, NoticeKind.LOW_BALANCE_DAYS)
_KILO: Final = {"kWh": 1000, "Wh": 1}


@frozen
class Rules:
    """What accounts are judged by."""

    policy_for: Callable[[AccountView], Policy]
    tariff_for: Callable[[Account], Tariff]
    texts: Texts
    routing: Routing = field(factory=Routing)


@frozen
class Recharge:
    """The payment that led to a judgement, in paise."""

    payment_id: str
    amount: int


@frozen
class NoVisit:
    """Nothing was read at the meter: a person moved money or a rule, or it is merely time to look.

    Supply may return with it, and nobody is cut over it.
    """


def judge_visit(rules: Rules, record: VisitRecord) -> Judge:
    """Judges the account of a visited meter by what the visit learned."""

    def judge(view: AccountView) -> Judgement:
        return _judgement(rules, view, record, None)

    return judge


def judge_recharge(rules: Rules, payment_id: str, amount: int) -> Judge:
    """Judges an account in which a recharge of `amount` paise has just been booked."""

    def judge(view: AccountView) -> Judgement:
        return _judgement(rules, view, None, Recharge(payment_id, amount))

    return judge


def judge_by_hand(rules: Rules) -> Judge:
    """Judges an account in which a person has just booked something."""

    def judge(view: AccountView) -> Judgement:
        return _judgement(rules, view, None, NoVisit())

    return judge


def judge_standing(rules: Rules) -> Judge:
    """Judges an account as it stands: what is due is told, supply may return, and nobody is cut."""

    def judge(view: AccountView) -> Judgement:
        return _judgement(rules, view, None, NoVisit())

    return judge


def _judgement(
    rules: Rules, view: AccountView, record: VisitRecord | None, money: Recharge | NoVisit | None
) -> Judgement:
    policy = rules.policy_for(view)
    charged = None if record is None else _charged(rules, view, record)
    facts = _facts(view.facts, record, charged)
    decision = decide(facts, policy)
    due = due_notices(decision, policy, view.notices, view.daily_use)
    if isinstance(money, Recharge):
        receipt = recharge_notice(facts, money.amount, money.payment_id)
        # The receipt tells the balance; a second message at once, that it is low, would only annoy.
        due = (receipt, *(notice for notice in due if notice.kind not in _LOW))
    return Judgement(
        entries=charged.charge.entries if charged and charged.charge else (),
        mark=charged.charge.mark if charged and charged.charge else None,
        decision=decision,
        notices=tuple(_notice(rules, facts, notice) for notice in due),
        command=None if _fixed(record, decision) else _command(decision, policy, money),
        flags=(charged.flag,) if charged and charged.flag else (),
    )


@frozen
class _Charged:
    """What the energy costs, or the flag that tells why it was not charged."""

    charge: Charge | None
    flag: str | None


def _charged(rules: Rules, view: AccountView, record: VisitRecord) -> _Charged | None:
    """None where nothing is to be charged: the meter keeps the account, or no energy was read."""
    account = view.facts.account
    seen = _energy(record)
    if account.balance_source is not BalanceSource.LEDGER or seen is None:
        return None
    try:
        tariff = rules.tariff_for(account)
    except HeadendError:
        # The visit is written and a reconnect still follows; the energy waits in the register.
        return _Charged(None, "energy.no_tariff")
    charged = charge(account.consumer_no, view.mark, seen, tariff, account.sanctioned_load)
    return _Charged(charged, None) if charged.flag is None else _Charged(None, f"energy.{charged.flag}")


def _energy(record: VisitRecord) -> EnergyMark | None:
    """The energy register as a mark, by our own clock; None where it was not read or is no energy."""
    for reading in record.readings:
        if reading.name == ENERGY and isinstance(reading.value, Decimal) and reading.unit in _KILO:
            return EnergyMark(record.meter, int(reading.value * _KILO[reading.unit]), reading.received)
    return None


def _facts(facts: Facts, record: VisitRecord | None, charged: _Charged | None) -> Facts:
    """The facts with what the visit learned. One copy, since this is done at every visit."""
    balance, balance_at = _balance(facts, record, charged)
    changes: dict[str, Any] = {"balance": balance, "balance_at": balance_at}
    if record is not None:
        if record.readings:
            changes["reading_at"] = max(reading.received for reading in record.readings)
        if record.relay is not None:
            changes["relay_connected"] = record.relay.connected
            changes["relay_ready"] = needs_button(record.relay)
        if record.clock is not None:
            changes["clock_deviation"] = record.clock.deviation
    if balance is not None and (balance >= 0 or facts.negative_since is None):
        # A new spell below zero starts its grace and its notices anew; credit ends it.
        since = (balance_at or facts.now) if balance < 0 else None
        changes |= {"negative_since": since, "notice_at": None, "notice_delivered_at": None}
    return evolve(facts, **changes)


def _balance(facts: Facts, record: VisitRecord | None, charged: _Charged | None) -> tuple[int | None, datetime | None]:
    """The balance in paise after this visit, and when it was true."""
    if facts.account.balance_source is BalanceSource.METER:
        if record is None or record.balance is None:
            return facts.balance, facts.balance_at
        return record.balance, record.balance_at
    if charged is None:
        return facts.balance, facts.balance_at
    if charged.charge is None:
        # Energy that could not be charged leaves a balance that is no ground for a cut, though still for a reconnect.
        return facts.balance, None
    return (facts.balance or 0) + sum(entry.amount for entry in charged.charge.entries), charged.charge.mark.at


def _notice(rules: Rules, facts: Facts, due: DueNotice) -> Notice:
    kind, account = NoticeKind(due.kind), facts.account
    texts = rules.texts.render(kind, due.fields)
    routes = rules.routing.routes(kind, account.language, tuple(texts))
    return Notice(account.consumer_no, kind, due.key, facts.now, texts, routes)


def _fixed(record: VisitRecord | None, decision: Decision) -> bool:
    """Whether the relay is not to be moved at all (control mode 0): a cut would be refused at each visit anew."""
    relay = None if record is None else record.relay
    return relay is not None and relay.control_mode == 0 and not isinstance(decision, Reconnect)


def _command(decision: Decision, policy: Policy, money: Recharge | NoVisit | None) -> NewCommand | None:
    meter = decision.facts.account.meter
    if meter is None:
        return None
    match decision:
        # In `propose` the journal quarantines the command until an officer releases it. Money that came in is never the
        # occasion of a cut, even where it is too little.
        case Disconnect() | Defer(reason=Reason.MODE_PROPOSE) if money is None:
            return _new_command(meter, Target.DISCONNECTED, decision, policy, _cause("disconnect", decision.facts.now))
        case Reconnect():
            paid = f"recharge:{money.payment_id}" if isinstance(money, Recharge) else None
            cause = paid or _cause("reconnect", decision.facts.now)
            return _new_command(meter, Target.CONNECTED, decision, policy, cause)
        case _:
            return None


def _cause(verb: str, now: datetime) -> str:
    """One cause a decision: a cut that expired may be decided again, the journal allows one open command a meter."""
    return f"policy:{verb}:{now:%Y%m%dT%H%M%S.%f}"


def _new_command(meter: str, target: Target, decision: Decision, policy: Policy, cause: str) -> NewCommand:
    facts = decision.facts
    balance = "unknown" if facts.balance is None else format_rupees(facts.balance)
    return NewCommand(
        meter=meter,
        target=target,
        cause=cause,
        origin=Origin.POLICY,
        reason=f"{decision.reason}: balance {balance}",
        requested_by=f"policy {policy.name}",
        requested_at=facts.now,
        expires_at=facts.now + policy.command_expiry,
        balance=facts.balance,
        balance_at=facts.balance_at,
    )
