"""What a decision can be, and why: closed sets, each with the facts it rests on."""

from enum import StrEnum
from typing import ClassVar

from attrs import frozen

from headend.prepaid.model import Facts


class Verdict(StrEnum):
    """The kind of a decision, as it is stored and shown."""

    KEEP = "keep"
    WARN = "warn"
    DISCONNECT = "disconnect"
    RECONNECT = "reconnect"
    DEFER = "defer"


class Reason(StrEnum):
    """Why; one code per branch of `decide`."""

    IN_CREDIT = "in_credit"
    LOW_BALANCE = "low_balance"
    EMERGENCY_CREDIT = "emergency_credit"
    NEGATIVE = "negative"
    ALREADY_DISCONNECTED = "already_disconnected"
    DISCONNECTED_BY_OTHERS = "disconnected_by_others"
    BELOW_RECONNECT = "below_reconnect"
    CREDIT_RESTORED = "credit_restored"
    CREDIT_BEFORE_CUT = "credit_before_cut"
    PARTIAL_PAYMENT = "partial_payment"
    PARTIAL_GRACE = "partial_grace"
    RECONNECT_OPEN = "reconnect_open"
    DISCONNECT_OPEN = "disconnect_open"
    PRESS_BUTTON = "press_button"
    NO_METER = "no_meter"
    TOPUP_OPEN = "topup_open"
    NOT_RECONCILED = "not_reconciled"
    BALANCE_UNKNOWN = "balance_unknown"
    BALANCE_STALE = "balance_stale"
    READING_UNKNOWN = "reading_unknown"
    READING_STALE = "reading_stale"
    FROM_THE_FUTURE = "from_the_future"
    CLOCK_UNKNOWN = "clock_unknown"
    CLOCK_SUSPECT = "clock_suspect"
    RELAY_UNKNOWN = "relay_unknown"
    CONVERSION_GRACE = "conversion_grace"
    GRACE = "grace"
    NO_NOTICE = "no_notice"
    NOTICE_TOO_YOUNG = "notice_too_young"
    FORBIDDEN_HOUR = "forbidden_hour"
    FORBIDDEN_DAY = "forbidden_day"
    HOLIDAY = "holiday"
    TIME_ZONE_UNKNOWN = "time_zone_unknown"
    OVER_CAP_HOUR = "over_cap_hour"
    OVER_CAP_DAY = "over_cap_day"
    OVER_CAP_SEGMENT = "over_cap_segment"
    KILL_SWITCH = "kill_switch"
    DISARMED = "disarmed"
    MODE_NOTIFY = "mode_notify"
    MODE_PROPOSE = "mode_propose"
    PROTECTED = "protected"


@frozen
class Keep:
    """Leave everything as it is."""

    verdict: ClassVar[Verdict] = Verdict.KEEP
    reason: Reason
    facts: Facts


@frozen
class Warn:
    """Leave the relay closed and tell the consumer that credit runs out."""

    verdict: ClassVar[Verdict] = Verdict.WARN
    reason: Reason
    facts: Facts


@frozen
class Disconnect:
    """Open the relay. With a reason `over_cap_…` the journal quarantines the command instead of sending it."""

    verdict: ClassVar[Verdict] = Verdict.DISCONNECT
    reason: Reason
    facts: Facts


@frozen
class Reconnect:
    """Close the relay."""

    verdict: ClassVar[Verdict] = Verdict.RECONNECT
    reason: Reason
    facts: Facts


@frozen
class Defer:
    """Credit is used up, and `reason` forbids the cut now.

    `would` is DISCONNECT where only a switch or the mode stands in the way: what `automatic`, armed, would have done.
    """

    verdict: ClassVar[Verdict] = Verdict.DEFER
    reason: Reason
    facts: Facts
    would: Verdict | None = None


Decision = Keep | Warn | Disconnect | Reconnect | Defer
