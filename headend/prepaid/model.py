"""The values prepaid rules work on. Money is integer paise; times are aware UTC; nothing here reads a clock."""

from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from headend.prepaid.calendar import Closures


class Mode(StrEnum):
    """What an office has switched on: messages only, a list that an officer approves, or automatic cuts."""

    NOTIFY = "notify"
    PROPOSE = "propose"
    AUTOMATIC = "automatic"


class BalanceSource(StrEnum):
    """Who keeps the account: our ledger, or the meter itself."""

    LEDGER = "ledger"
    METER = "meter"


@frozen
class Account:
    """A consumer's prepaid account. `consumer_no` has 11 digits; `office` is a path `circle/division/sub-division`.

    `protected` names why this consumer must never be cut (`medical equipment`), None for others; `language` is `hi` or
    `en`. `converted_at`: when the account became prepaid, None when that is not known.
    `sanctioned_load`: what the consumer may draw by contract, in W, None when that is not known.
    """

    consumer_no: str
    name: str
    language: str
    mobile: str | None
    category: str
    office: str
    tariff: str
    protected: str | None
    balance_source: BalanceSource
    meter: str | None
    reconciled: bool = True
    converted_at: datetime | None = None
    sanctioned_load: int | None = None


class EntryKind(StrEnum):
    """Why money moved."""

    OPENING = "opening"
    DEPOSIT = "deposit"
    ARREARS = "arrears"
    RECHARGE = "recharge"
    ENERGY = "energy"
    FIXED = "fixed"
    DUTY = "duty"
    REBATE = "rebate"
    REVERSAL = "reversal"
    CORRECTION = "correction"


@frozen
class NewEntry:
    """A ledger entry to be booked; `amount` in paise, positive is in the consumer's favour.

    `reference` is unique per consumer and kind (payment id, register span), so a repeat is recognised and booked once.
    """

    consumer_no: str
    kind: EntryKind
    amount: int
    reference: str
    at: datetime
    note: str = ""


@frozen
class EnergyMark:
    """The cumulative register up to which energy has been charged: Wh, and when the meter showed it.

    `remainder` carries the charge below one paisa, in millionths of a paisa, so that nothing is lost by rounding;
    `duty_remainder` the same for the duty. `slab_wh` is what was charged in the slab period `slab_period` (`2026-11`).
    """

    meter: str
    energy_wh: int
    at: datetime
    remainder: int = 0
    duty_remainder: int = 0
    slab_period: str = ""
    slab_wh: int = 0


@frozen
class OpenCommand:
    """The open relay command of a meter as a decision sees it; `origin`: the policy's, an operator's, external."""

    id: int
    target: str
    state: str
    origin: str = "policy"


@frozen
class Facts:
    """All that a decision may rest on, gathered in one transaction; the same facts always give the same decision.

    `balance` in paise or None when it is not known; `balance_at` when it was true (the reading it was computed or
    read from). `relay_connected` None: never read. `clock_deviation` seconds, positive when the meter is ahead.
    `cuts_last_hour` counts disconnects journalled under the cap, `cuts_last_day` those of 24 hours, `cuts_segment`
    those of the last hour in the account's office. `notice_delivered_at`: the oldest delivered negative-balance
    notice since the balance went below zero, `notice_at` the oldest written one. `armed` and `kill_switch` are the
    house-wide switches. `disconnected_by_us`: the last
    confirmed relay command of this meter was a disconnect for credit; `relay_command`: the id of that last one.
    `cut_balance`: what the newest cut for credit (sent, or still open) rested on, in paise; `paid_since_cut`: paise
    paid since it was asked for. `partial_at`: when supply was restored because a part of the dues was paid, if that was
    the last thing done to this relay. `topup_open`: money was paid that the meter, which keeps the account, has not
    got. `relay_ready`: the contact is open, and a press of the button at the meter closes it.
    """

    now: datetime
    account: Account
    mode: Mode
    armed: bool
    kill_switch: bool
    balance: int | None
    balance_at: datetime | None
    reading_at: datetime | None
    clock_deviation: float | None
    relay_connected: bool | None
    open_command: OpenCommand | None
    cuts_last_hour: int
    time_zone: str
    negative_since: datetime | None = None
    notice_at: datetime | None = None
    notice_delivered_at: datetime | None = None
    disconnected_by_us: bool = False
    cuts_last_day: int = 0
    cuts_segment: int = 0
    relay_command: int | None = None
    cut_balance: int | None = None
    paid_since_cut: int = 0
    partial_at: datetime | None = None
    topup_open: bool = False
    relay_ready: bool = False


@frozen
class SentNotice:
    """A notice already written for this account; `delivered_at` None while no channel has confirmed it."""

    kind: str
    key: str
    at: datetime
    delivered_at: datetime | None


@frozen
class AccountView:
    """One account as it stands inside the current transaction: facts, how far energy is charged, and notices.

    `notices` holds those of the last days, and at least the newest of each kind, in the order of writing.
    `daily_use`: paise a day over the last week, None where less than a day of it is known. `closures`: what officers
    added to the calendar for its office.
    """

    facts: Facts
    mark: EnergyMark | None
    notices: tuple[SentNotice, ...]
    daily_use: int | None = None
    closures: Closures = field(factory=Closures)
