"""Which notice is due. A notice repeats after `Policy.notice_repeat` at the earliest, and its key is written once."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import field, frozen

from headend.prepaid.decision import Decision, Defer, Disconnect, Reason, Warn
from headend.prepaid.model import Facts, Mode, SentNotice
from headend.prepaid.money import format_rupees
from headend.prepaid.policy import NoticeRule, Policy, is_protected

#: A cut is announced when it is this near; earlier than that its time is a guess.
ANNOUNCE_WITHIN = timedelta(days=2)

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


def due_notices(decision: Decision, policy: Policy, sent: tuple[SentNotice, ...]) -> tuple[DueNotice, ...]:
    """The notices that follow from a decision and from what the relay shows, without those already `sent`."""
    facts = decision.facts
    candidates = (_relay_notice(facts, policy, sent), _credit_notice(facts, decision, policy, sent))
    return tuple(notice for notice in candidates if notice is not None)


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


def _relay_notice(facts: Facts, policy: Policy, sent: Iterable[SentNotice]) -> DueNotice | None:
    last = max((notice for notice in sent if notice.kind in {"cut_done", "restored"}), key=_written, default=None)
    if facts.relay_connected is False and facts.disconnected_by_us:
        kind, said = "cut_done", last is not None and last.kind == "cut_done"
    elif facts.relay_connected is True and last is not None:
        kind, said = "restored", last.kind == "restored"
    else:
        return None
    if said:
        return None
    number = f"{facts.now:%Y%m%dT%H%M%S}" if facts.relay_command is None else str(facts.relay_command)
    return DueNotice(kind, f"{kind}:{number}", _owed(facts, policy) if kind == "cut_done" else _fields(facts))


def _written(notice: SentNotice) -> datetime:
    return notice.at


def _credit_notice(facts: Facts, decision: Decision, policy: Policy, sent: tuple[SentNotice, ...]) -> DueNotice | None:
    match decision:
        case Warn(reason=Reason.LOW_BALANCE):
            return _low_balance(facts, policy, sent)
        case Warn() | Defer() | Disconnect() if facts.balance is not None and facts.balance < policy.disconnect_below:
            return _negative(facts, policy, sent) or _announced(facts, decision, policy, sent)
        case _:
            return None


def _low_balance(facts: Facts, policy: Policy, sent: tuple[SentNotice, ...]) -> DueNotice | None:
    # A receipt has just told the balance.
    if any(old.kind == "recharged" and facts.now - old.at < policy.notice_repeat for old in sent):
        return None
    # `decide` warns of a low balance only below one of the levels.
    level = min(level for level in policy.low_levels if (facts.balance or 0) < level)
    key = _new_key(f"low_balance:{level}", facts, policy, sent)
    if key is None:
        return None
    return DueNotice("low_balance", key, {**_fields(facts), "level": format_rupees(level)})


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
    needed = policy.reconnect_at - (facts.balance or 0)
    return {**_fields(facts), "needed": format_rupees(max(needed, policy.min_recharge or 0))}


def _local(moment: datetime, time_zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(time_zone)):%d-%m-%Y %H:%M}"
