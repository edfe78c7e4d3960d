"""Which notice is due. A notice repeats after `Policy.notice_repeat` at the earliest, and its key is written once."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import field, frozen

from headend.prepaid.decision import Decision, Defer, Disconnect, Keep, Reason, Warn
from headend.prepaid.model import Facts, Mode, SentNotice
from headend.prepaid.money import format_rupees
from headend.prepaid.policy import NoticeRule, Policy, is_protected

#: A cut is announced when it is this near; earlier than that its time is a guess.
ANNOUNCE_WITHIN = timedelta(days=2)

#: Beyond this a forecast by the days' use so far is a guess.
LONGEST_FORECAST = 30

#: What a consumer was told of the supply itself; the newest of these is how it stands for them.
_OF_THE_RELAY = frozenset({"cut_done", "press_button", "restored"})

_WAITS = frozenset(
    {
        Reason.GRACE,
        Reason.NO_NOTICE,
        Reason.NOTICE_TOO_YOUNG,
        Reason.FORBIDDEN_HOUR,
        Reason.FORBIDDEN_DAY,
        Reason.HOLIDAY,
    }
)


@frozen
class DueNotice:
    """A notice to be put into words: its kind, its unique key, and the fields its texts may use."""

    kind: str
    key: str
    fields: Mapping[str, str] = field(factory=dict)


def due_notices(
    decision: Decision, policy: Policy, sent: tuple[SentNotice, ...], daily_use: int | None = None
) -> tuple[DueNotice, ...]:
    """The notices that follow from a decision and from what the relay shows, without those already `sent`.

    `sent` is in the order of writing. `daily_use`: paise a day, None where it is not known; with it a notice tells how
    long the credit lasts.
    """
    facts = decision.facts
    days = days_left(facts.balance, daily_use)
    candidates = (_relay_notice(decision, policy, sent), _credit_notice(facts, decision, policy, sent, days))
    return tuple(notice for notice in candidates if notice is not None)


def days_left(balance: int | None, daily_use: int | None) -> int | None:
    """Whole days that a balance lasts, None where nobody can say or the day is not worth naming."""
    if balance is None or not daily_use or daily_use < 0:
        return None
    days = balance // daily_use
    return days if 1 <= days <= LONGEST_FORECAST else None


def recharge_notice(facts: Facts, amount: int, payment_id: str) -> DueNotice:
    """The receipt of a recharge of `amount` paise."""
    fields = {**_fields(facts), "amount": format_rupees(amount), "payment_id": payment_id}
    return DueNotice("recharged", f"recharged:{payment_id}", fields)


def planned_cut(facts: Facts, policy: Policy) -> datetime | None:
    """When this account will be cut if nothing is paid: after grace and notice, at the first open hour."""
    earliest = [facts.now, (facts.negative_since or facts.now) + policy.grace]
    if facts.account.converted_at is not None:
        earliest.append(facts.account.converted_at + policy.conversion_grace)
    if policy.notice_rule is not NoticeRule.NONE:
        told = facts.notice_delivered_at if policy.notice_rule is NoticeRule.DELIVERED else facts.notice_at
        earliest.append((told or facts.now) + policy.notice_min_age)
    return policy.calendar.next_open(max(earliest), facts.time_zone)


def _relay_notice(decision: Decision, policy: Policy, sent: tuple[SentNotice, ...]) -> DueNotice | None:
    facts = decision.facts
    # By their order, not by their times: two may share a moment, and a clock that was set back tells another one.
    last = next((notice for notice in reversed(sent) if notice.kind in _OF_THE_RELAY), None)
    if decision.reason is Reason.PRESS_BUTTON:
        kind, said = "press_button", last is not None and last.kind == "press_button"
    elif facts.relay_connected is False and facts.disconnected_by_us:
        kind, said = "cut_done", last is not None and last.kind != "restored"
    elif facts.relay_connected is True and last is not None:
        kind, said = "restored", last.kind == "restored"
    else:
        return None
    if said:
        return None
    number = f"{facts.now:%Y%m%dT%H%M%S}" if facts.relay_command is None else str(facts.relay_command)
    return DueNotice(kind, f"{kind}:{number}", _owed(facts, policy) if kind == "cut_done" else _fields(facts))


def _credit_notice(
    facts: Facts, decision: Decision, policy: Policy, sent: tuple[SentNotice, ...], days: int | None
) -> DueNotice | None:
    match decision:
        case Warn(reason=Reason.LOW_BALANCE):
            # `decide` warns of a low balance only below one of the levels.
            level = min(level for level in policy.low_levels if (facts.balance or 0) < level)
            return _running_out(f"low_balance:{level}", facts, policy, sent, _lasting(days) or _below(level))
        case Keep(reason=Reason.IN_CREDIT) if days is not None and any(days <= limit for limit in policy.low_days):
            limit = min(limit for limit in policy.low_days if days <= limit)
            return _running_out(f"low_days:{limit}", facts, policy, sent, _lasting(days))
        case Warn() | Defer() | Disconnect() if facts.balance is not None and facts.balance < policy.disconnect_below:
            return _negative(facts, policy, sent) or _announced(facts, decision, policy, sent)
        case _:
            return None


def _running_out(
    what: str, facts: Facts, policy: Policy, sent: tuple[SentNotice, ...], told: Mapping[str, str]
) -> DueNotice | None:
    # A receipt has just told the balance.
    if any(old.kind == "recharged" and facts.now - old.at < policy.notice_repeat for old in sent):
        return None
    key = _new_key(what, facts, policy, sent)
    kind = "low_balance_days" if "days" in told else "low_balance"
    return None if key is None else DueNotice(kind, key, {**_fields(facts), **told})


def _lasting(days: int | None) -> dict[str, str]:
    return {} if days is None else {"days": str(days)}


def _below(level: int) -> dict[str, str]:
    return {"level": format_rupees(level)}


def _negative(facts: Facts, policy: Policy, sent: tuple[SentNotice, ...]) -> DueNotice | None:
    key = _new_key("negative", facts, policy, sent)
    return None if key is None else DueNotice("negative", key, _owed(facts, policy))


def _new_key(what: str, facts: Facts, policy: Policy, sent: Iterable[SentNotice]) -> str | None:
    """A key for this period, None when a notice of the same was written less than a period ago."""
    prefix = f"{what}:"
    if any(old.key.startswith(prefix) and facts.now - old.at < policy.notice_repeat for old in sent):
        return None
    period = max(int(policy.notice_repeat.total_seconds()), 1)
    return f"{prefix}{int(facts.now.timestamp()) // period}"


def _announced(facts: Facts, decision: Decision, policy: Policy, sent: Iterable[SentNotice]) -> DueNotice | None:
    """The time of the cut, told once per spell below zero and only where a cut can follow by itself."""
    automatic = facts.mode is Mode.AUTOMATIC and facts.armed and not facts.kill_switch
    if not automatic or decision.reason not in _WAITS or facts.negative_since is None or is_protected(facts, policy):
        return None
    planned = planned_cut(facts, policy)
    key = f"cut_planned:{facts.negative_since:%Y%m%dT%H%M%S}"
    if planned is None or planned - facts.now > ANNOUNCE_WITHIN or any(old.key == key for old in sent):
        return None
    return DueNotice("cut_planned", key, {**_owed(facts, policy), "planned": _local(planned, facts.time_zone)})


def _fields(facts: Facts) -> dict[str, str]:
    balance = "" if facts.balance is None else format_rupees(facts.balance)
    return {"consumer_no": facts.account.consumer_no, "name": facts.account.name, "balance": balance}


def _owed(facts: Facts, policy: Policy) -> dict[str, str]:
    """The fields of a notice that asks for money: what must be paid so that supply stays or returns."""
    return {**_fields(facts), "needed": format_rupees(policy.to_pay(facts.balance or 0))}


def _local(moment: datetime, time_zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(time_zone)):%d-%m-%Y %H:%M}"
