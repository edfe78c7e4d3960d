"""How an account stands, as its owner needs to know it: supply and why, what to pay, when a cut may come."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import evolve, frozen

from headend.prepaid.model import AccountView, Facts, Mode
from headend.prepaid.money import whole_rupees
from headend.prepaid.notices import LONGEST_FORECAST, days_left, planned_cut
from headend.prepaid.policy import Policy, is_protected


class Supply(StrEnum):
    """What the relay is known to do."""

    ON = "on"
    OFF = "off"
    RESTORING = "restoring"
    #: The contact is open, and a press of the button at the meter closes it.
    READY = "ready"
    UNKNOWN = "unknown"


class Outlook(StrEnum):
    """What is to be said about the next cut."""

    IN_CREDIT = "in_credit"
    #: In credit, and at the present use a cut can't come before a day that can be named.
    IN_CREDIT_UNTIL = "in_credit_until"
    IS_OFF = "is_off"
    PROTECTED = "protected"
    MESSAGES_ONLY = "messages_only"
    OFFICER_DECIDES = "officer_decides"
    PLANNED = "planned"
    NOT_KNOWN = "not_known"


@frozen
class Standing:
    """Money in paise. `needed` brings credit back, None where there is credit; `partial` suffices for supply to return.

    `why` is the reason for supply that is off: `credit` or `other`. `cut_at`: not before then.
    """

    balance: int | None
    balance_at: datetime | None
    days: int | None
    daily_use: int | None
    supply: Supply
    why: str
    needed: int | None
    partial: int | None
    outlook: Outlook
    cut_at: datetime | None
    at_meter: bool

    @property
    def last_day(self) -> bool:
        """Whether what is left does not last a whole day at the present use."""
        return bool(self.daily_use) and self.balance is not None and 0 < self.balance < (self.daily_use or 0)

    @property
    def changing(self) -> bool:
        """Whether a page that shows it should look again soon."""
        return self.supply is Supply.RESTORING


def standing(view: AccountView, policy: Policy) -> Standing:
    """The standing of an account under its policy."""
    facts = view.facts
    supply = _supply(facts)
    outlook, cut_at = _outlook(view, policy, supply)
    return Standing(
        balance=facts.balance,
        balance_at=facts.balance_at,
        days=days_left(facts.balance, view.daily_use),
        daily_use=view.daily_use,
        supply=supply,
        why="credit" if facts.disconnected_by_us else "other",
        needed=_needed(facts, policy),
        partial=_partial(facts, policy, supply),
        outlook=outlook,
        cut_at=cut_at,
        at_meter=facts.topup_open,
    )


def _supply(facts: Facts) -> Supply:
    if facts.relay_ready:
        return Supply.READY
    command = facts.open_command
    if command is not None and command.target == "connected" and facts.relay_connected is not True:
        return Supply.RESTORING
    if facts.relay_connected is None:
        return Supply.UNKNOWN
    return Supply.ON if facts.relay_connected else Supply.OFF


def _needed(facts: Facts, policy: Policy) -> int | None:
    if facts.balance is None or facts.balance >= policy.reconnect_at:
        return None
    return policy.to_pay(facts.balance)


def _partial(facts: Facts, policy: Policy, supply: Supply) -> int | None:
    """What is enough for supply to return before all is paid, where the policy allows it and it is less."""
    needed = _needed(facts, policy)
    if supply is not Supply.OFF or needed is None or not policy.partial_share or facts.cut_balance is None:
        return None
    if policy.partial_categories and facts.account.category not in policy.partial_categories:
        return None
    owed = policy.reconnect_at - facts.cut_balance
    share = -(-owed * policy.partial_share // 100) - facts.paid_since_cut
    enough = max(whole_rupees(max(share, 100)), policy.min_recharge or 0)
    return enough if enough < needed else None


def _outlook(view: AccountView, policy: Policy, supply: Supply) -> tuple[Outlook, datetime | None]:
    facts = view.facts
    if supply in (Supply.OFF, Supply.RESTORING, Supply.READY):
        return Outlook.IS_OFF, None
    if is_protected(facts, policy):
        return Outlook.PROTECTED, None
    if facts.balance is None:
        return Outlook.NOT_KNOWN, None
    return _in_credit(view, policy) if facts.balance >= policy.floor else _overdrawn(facts, policy)


def _in_credit(view: AccountView, policy: Policy) -> tuple[Outlook, datetime | None]:
    """The first cut that could follow if use went on as it is and nothing were paid."""
    facts, use = view.facts, view.daily_use
    if facts.balance is None or not use or use < 0 or not _may_be_cut(facts):
        return Outlook.IN_CREDIT, None
    left = facts.balance - policy.floor
    if left > use * LONGEST_FORECAST:
        return Outlook.IN_CREDIT, None
    empty = facts.now + timedelta(days=left / use)
    # What was told about an earlier debt does not count for this one.
    then = evolve(facts, now=empty, negative_since=empty, notice_at=None, notice_delivered_at=None)
    planned = planned_cut(then, policy)
    return (Outlook.IN_CREDIT, None) if planned is None else (Outlook.IN_CREDIT_UNTIL, planned)


def _may_be_cut(facts: Facts) -> bool:
    """Whether anybody is cut at all where this account is."""
    return facts.mode is not Mode.NOTIFY and not facts.kill_switch and facts.armed


def _overdrawn(facts: Facts, policy: Policy) -> tuple[Outlook, datetime | None]:
    if not _may_be_cut(facts):
        return Outlook.MESSAGES_ONLY, None
    planned = planned_cut(facts, policy)
    if planned is None:
        return Outlook.NOT_KNOWN, None
    return (Outlook.OFFICER_DECIDES if facts.mode is Mode.PROPOSE else Outlook.PLANNED), planned
