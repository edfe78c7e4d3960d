"""The one decision of this house: may this consumer be cut, must this consumer be restored.

`decide` is total, reads no clock and keeps no state: the same facts and policy always give the same decision. It is
built so that a cut needs every check to pass, in four layers. (1) Money: only a balance below the floor asks for a
cut; credit asks for a reconnect, in every mode and at every hour. (2) Evidence and rules: each missing, old or
doubtful fact, a missing notice, a grace period, a closed hour ends in Defer. (3) Switches: kill switch, arming and
mode turn a cut into Defer and remember what would have been done. (4) Protected consumers, last, so that nothing
after it can turn the answer again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen

from headend.prepaid.calendar import Calendar
from headend.prepaid.caps import Caps, CutCounts, over_cap
from headend.prepaid.decision import Decision, Defer, Disconnect, Keep, Reason, Reconnect, Verdict, Warn
from headend.prepaid.model import Facts, Mode
from headend.prepaid.money import whole_rupees

__all__ = [
    "Decision",
    "Defer",
    "Disconnect",
    "Keep",
    "NoticeRule",
    "Policy",
    "Reason",
    "Reconnect",
    "Verdict",
    "Warn",
    "decide",
    "is_protected",
    "refuses_any_cut",
    "refuses_credit_cut",
]


class NoticeRule(StrEnum):
    """What a cut needs first: a notice that a channel has delivered, one that is written, or none."""

    DELIVERED = "delivered"
    WRITTEN = "written"
    NONE = "none"


@frozen
class Policy:
    """The rules of a utility as data; money in paise. Every default is the careful choice, none is a law.

    A cut is wanted when the balance is below `disconnect_below - emergency_credit`; supply returns at `reconnect_at`.
    `protected_classes` names categories never cut, beside the accounts that are protected by name.
    `partial_share`: supply returns too when this share (per cent, 0: never) of what was owed at the cut is paid, and is
    then not cut again within `partial_span`, in which the rest is to be paid; for `partial_categories`, empty for all.
    """

    name: str = "default"
    disconnect_below: int = 0
    reconnect_at: int = 1
    emergency_credit: int = 0
    low_levels: tuple[int, ...] = (200_00, 100_00, 50_00)
    low_days: tuple[int, ...] = (3, 1)
    max_reading_age: timedelta = timedelta(hours=1)
    max_balance_age: timedelta = timedelta(hours=1)
    max_clock_deviation: timedelta = timedelta(minutes=5)
    grace: timedelta = timedelta(days=3)
    conversion_grace: timedelta = timedelta(0)
    notice_rule: NoticeRule = NoticeRule.DELIVERED
    notice_min_age: timedelta = timedelta(hours=24)
    notice_repeat: timedelta = timedelta(hours=24)
    calendar: Calendar = field(factory=Calendar)
    protected_classes: frozenset[str] = frozenset()
    caps: Caps = field(factory=Caps)
    command_expiry: timedelta = timedelta(hours=4)
    min_recharge: int | None = None
    partial_share: int = 0
    partial_span: timedelta = timedelta(days=7)
    partial_categories: frozenset[str] = frozenset()

    def __attrs_post_init__(self) -> None:
        """Refuse rules that contradict themselves: ValueError."""
        if self.disconnect_below > 0:
            raise ValueError("disconnect_below lies above zero: nobody is cut who is in credit")
        if self.reconnect_at < self.disconnect_below:
            raise ValueError("reconnect_at lies below disconnect_below: a restored consumer would be cut again at once")
        if self.emergency_credit < 0:
            raise ValueError("emergency_credit is negative")
        if any(level <= self.disconnect_below for level in self.low_levels):
            raise ValueError("a level of low_levels does not lie above disconnect_below")
        if any(days < 1 for days in self.low_days):
            raise ValueError("low_days: less than a day is no time to recharge in")
        if not 0 <= self.partial_share <= 100:
            raise ValueError("partial_share is a share of 0 to 100 per cent")
        if self.command_expiry <= timedelta(0):
            raise ValueError("command_expiry must be longer than nothing")

    @property
    def floor(self) -> int:
        """The balance below which a cut is wanted."""
        return self.disconnect_below - self.emergency_credit

    def to_pay(self, balance: int) -> int:
        """What brings a balance to where supply returns, in paise: whole rupees, and no less than may be recharged.

        The one rule of what a consumer is asked for, by messages and by the portal.
        """
        short = max(self.reconnect_at - balance, 0)
        return max(whole_rupees(short), self.min_recharge or 0)


def decide(facts: Facts, policy: Policy) -> Decision:
    """The decision for one account."""
    if facts.balance is None:
        return Defer(Reason.BALANCE_UNKNOWN, facts)
    if facts.relay_connected is False:
        return _while_disconnected(facts, policy, facts.balance)
    if (open_cut := _open_credit_cut(facts)) is not None:
        if facts.balance >= policy.reconnect_at:
            return Reconnect(open_cut, facts)
        if _partly_paid(facts, policy):
            return Reconnect(Reason.PARTIAL_PAYMENT, facts)
    if facts.balance >= policy.floor:
        return _while_in_credit(facts, policy, facts.balance)
    return _while_overdrawn(facts, policy)


def refuses_credit_cut(facts: Facts, policy: Policy) -> Reason | None:
    """Why a journalled cut for credit may no longer be sent, None when it may.

    To be asked inside the sending transaction; the command itself and the caps, which the journal counts, are left out.
    """
    if facts.balance is None:
        return Reason.BALANCE_UNKNOWN
    if facts.balance >= policy.floor:
        return Reason.IN_CREDIT
    return _evidence(facts, policy) or _switches(facts) or _protected(facts, policy)


def refuses_any_cut(facts: Facts, policy: Policy, *, emergency: bool = False) -> Reason | None:
    """Why even a cut that a person asked for may not be sent; an emergency (fire) goes past the calendar alone."""
    if facts.kill_switch:
        return Reason.KILL_SWITCH
    closed = policy.calendar.closed(facts.now, facts.time_zone)
    if closed is not None and not emergency:
        return Reason(closed.value)
    return _protected(facts, policy)


def is_protected(facts: Facts, policy: Policy) -> bool:
    """Whether this consumer is never cut, by name or by category."""
    return facts.account.protected is not None or facts.account.category in policy.protected_classes


def _while_disconnected(facts: Facts, policy: Policy, balance: int) -> Decision:
    if facts.open_command is not None and facts.open_command.target == "connected":
        return Keep(Reason.RECONNECT_OPEN, facts)
    decision = _whether_to_restore(facts, policy, balance)
    # What a reconnect can do is done. One that has to call an open cut off goes out all the same.
    if isinstance(decision, Reconnect) and facts.relay_ready and facts.open_command is None:
        return Keep(Reason.PRESS_BUTTON, facts)
    return decision


def _whether_to_restore(facts: Facts, policy: Policy, balance: int) -> Decision:
    ours = facts.disconnected_by_us or _open_credit_cut(facts) is not None
    if ours and balance < policy.reconnect_at and _partly_paid(facts, policy):
        return Reconnect(Reason.PARTIAL_PAYMENT, facts)
    if balance < policy.floor:
        return Keep(Reason.ALREADY_DISCONNECTED, facts)
    if not ours:
        return Keep(Reason.DISCONNECTED_BY_OTHERS, facts)
    if balance < policy.reconnect_at:
        return Keep(Reason.BELOW_RECONNECT, facts)
    return Reconnect(Reason.CREDIT_RESTORED, facts)


def _partly_paid(facts: Facts, policy: Policy) -> bool:
    """Whether enough of what was owed at the cut is paid for supply to return before the rest is."""
    if not policy.partial_share or facts.cut_balance is None:
        return False
    if policy.partial_categories and facts.account.category not in policy.partial_categories:
        return False
    return facts.paid_since_cut * 100 >= policy.partial_share * (policy.reconnect_at - facts.cut_balance)


def _open_credit_cut(facts: Facts) -> Reason | None:
    """A cut for credit that is journalled, under way or of unknown outcome, or one whose effect was not seen undone."""
    command = facts.open_command
    if command is not None and command.target == "disconnected" and command.origin == "policy":
        return Reason.CREDIT_BEFORE_CUT
    if command is None and facts.relay_connected is None and facts.disconnected_by_us:
        return Reason.CREDIT_RESTORED
    return None


def _while_in_credit(facts: Facts, policy: Policy, balance: int) -> Decision:
    if balance < policy.disconnect_below:
        return Warn(Reason.EMERGENCY_CREDIT, facts)
    if policy.low_levels and balance < max(policy.low_levels):
        return Warn(Reason.LOW_BALANCE, facts)
    return Keep(Reason.IN_CREDIT, facts)


def _while_overdrawn(facts: Facts, policy: Policy) -> Decision:
    blocked = _open(facts) or _evidence(facts, policy)
    if blocked is not None:
        return Defer(blocked, facts)
    switched = _switches(facts)
    protected = _protected(facts, policy)
    if protected is not None:
        return Defer(protected, facts)
    if switched is not None:
        return Defer(switched, facts, would=Verdict.DISCONNECT)
    return Disconnect(_over_cap(facts, policy) or Reason.NEGATIVE, facts)


def _open(facts: Facts) -> Reason | None:
    if facts.open_command is None:
        return None
    return Reason.RECONNECT_OPEN if facts.open_command.target == "connected" else Reason.DISCONNECT_OPEN


def _evidence(facts: Facts, policy: Policy) -> Reason | None:
    """The first thing that is missing, too old or forbidden; None when a cut has all it needs."""
    for check in _CHECKS:
        if (reason := check(facts, policy)) is not None:
            return reason
    return None


def _account(facts: Facts, _: Policy) -> Reason | None:
    if facts.account.meter is None:
        return Reason.NO_METER
    if facts.topup_open:
        return Reason.TOPUP_OPEN
    return None if facts.account.reconciled else Reason.NOT_RECONCILED


def _reading(facts: Facts, policy: Policy) -> Reason | None:
    return _age(facts, policy, facts.reading_at, policy.max_reading_age, Reason.READING_UNKNOWN, Reason.READING_STALE)


def _balance(facts: Facts, policy: Policy) -> Reason | None:
    return _age(facts, policy, facts.balance_at, policy.max_balance_age, Reason.BALANCE_UNKNOWN, Reason.BALANCE_STALE)


def _age(
    facts: Facts, policy: Policy, at: datetime | None, limit: timedelta, missing: Reason, stale: Reason, /
) -> Reason | None:
    if at is None:
        return missing
    if at > facts.now + policy.max_clock_deviation:
        return Reason.FROM_THE_FUTURE
    return stale if facts.now - at > limit else None


def _clock(facts: Facts, policy: Policy) -> Reason | None:
    if facts.clock_deviation is None:
        return Reason.CLOCK_UNKNOWN
    # Written so that a deviation that is not a number fails the comparison and blocks.
    return None if abs(facts.clock_deviation) <= policy.max_clock_deviation.total_seconds() else Reason.CLOCK_SUSPECT


def _relay(facts: Facts, _: Policy) -> Reason | None:
    return Reason.RELAY_UNKNOWN if facts.relay_connected is None else None


def _grace(facts: Facts, policy: Policy) -> Reason | None:
    if not _passed(facts.now, facts.account.converted_at, policy.conversion_grace):
        return Reason.CONVERSION_GRACE
    return None if _passed(facts.now, facts.negative_since, policy.grace) else Reason.GRACE


def _partial(facts: Facts, policy: Policy) -> Reason | None:
    if not policy.partial_share or facts.partial_at is None:
        return None
    return Reason.PARTIAL_GRACE if facts.now - facts.partial_at < policy.partial_span else None


def _passed(now: datetime, since: datetime | None, span: timedelta) -> bool:
    return span <= timedelta(0) or (since is not None and now - since >= span)


def _notice(facts: Facts, policy: Policy) -> Reason | None:
    if policy.notice_rule is NoticeRule.NONE:
        return None
    told_at = facts.notice_delivered_at if policy.notice_rule is NoticeRule.DELIVERED else facts.notice_at
    if told_at is None:
        return Reason.NO_NOTICE
    return None if facts.now - told_at >= policy.notice_min_age else Reason.NOTICE_TOO_YOUNG


def _calendar(facts: Facts, policy: Policy) -> Reason | None:
    closed = policy.calendar.closed(facts.now, facts.time_zone)
    return None if closed is None else Reason(closed.value)


_CHECKS: tuple[Callable[[Facts, Policy], Reason | None], ...] = (
    _account,
    _reading,
    _balance,
    _clock,
    _relay,
    _grace,
    _partial,
    _notice,
    _calendar,
)


def _switches(facts: Facts) -> Reason | None:
    if facts.kill_switch:
        return Reason.KILL_SWITCH
    if not facts.armed:
        return Reason.DISARMED
    if facts.mode is Mode.NOTIFY:
        return Reason.MODE_NOTIFY
    return Reason.MODE_PROPOSE if facts.mode is Mode.PROPOSE else None


def _over_cap(facts: Facts, policy: Policy) -> Reason | None:
    hit = over_cap(policy.caps, CutCounts(facts.cuts_last_hour, facts.cuts_last_day, facts.cuts_segment))
    return None if hit is None else Reason(hit.value)


def _protected(facts: Facts, policy: Policy) -> Reason | None:
    return Reason.PROTECTED if is_protected(facts, policy) else None
