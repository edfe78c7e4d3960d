"""What goes in and out of the API. Money is integer paise; times are ISO 8601 with a zone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Text = Annotated[str, Meta(min_length=1, max_length=200)]


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value of the API."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class PaymentTaken(Struct, frozen=True, kw_only=True):
    """A payment that is booked; `command` brings supply back, null where nothing has to."""

    payment_id: str
    outcome: Literal["booked", "repeated"]
    late: bool
    balance_paise: int
    command: int | None


class PaymentResult(Struct, frozen=True, kw_only=True):
    """One of several payments: as PaymentTaken, or `code` and `error` of one that is refused."""

    status: int
    payment_id: str | None
    outcome: Literal["booked", "repeated", "refused"]
    late: bool = False
    balance_paise: int | None = None
    command: int | None = None
    code: str | None = None
    error: str | None = None


class PaymentsTaken(Struct, frozen=True, kw_only=True):
    """What became of several payments, in their order."""

    results: list[PaymentResult]


class PaymentProblem(Problem, frozen=True, kw_only=True):
    """Why a payment, or a whole message of them, was refused; `results` where several came and are to come again."""

    code: str | None = None
    outcome: str | None = None
    payment_id: str | None = None
    results: list[PaymentResult] | None = None


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some items; `next` is the cursor to go on with, null at the end."""

    items: list[T]
    next: str | None = None


class Meter(Struct, frozen=True, kw_only=True):
    """A meter; `connected` null where its relay was never read."""

    serial: str
    consumer_no: str | None
    office: str
    model: str
    lane: str
    address: str
    connected: bool | None
    balance_paise: int | None
    reading_at: datetime | None
    visited_at: datetime | None
    outcome: str | None
    clock_deviation_s: float | None


class Reading(Struct, frozen=True, kw_only=True):
    """One register value; `value` as text, so that no digit is lost."""

    name: str
    obis: str
    value: str
    unit: str
    received: datetime
    meter_time: datetime | None


class ProfileColumn(Struct, frozen=True, kw_only=True):
    """One column of a profile: a number is the raw value times 10 to the `exponent`, in `unit`."""

    name: str
    obis: str
    exponent: int
    unit: str


class ProfileRow(Struct, frozen=True, kw_only=True):
    """One captured row: raw values in the order of the columns, octets in hex."""

    time: datetime
    values: list[int | str | None]


class Profile(Struct, frozen=True, kw_only=True):
    """Rows with the same columns."""

    columns: list[ProfileColumn]
    rows: list[ProfileRow]


class ReadRequest(Struct, frozen=True, kw_only=True):
    """A reading that was asked for."""

    request: int


class ReadAnswer(Struct, frozen=True, kw_only=True):
    """`done` false: not yet. `body` is what was read; `error` says why nothing was."""

    done: bool
    body: dict[str, Any] | None = None
    error: str | None = None


class Step(Struct, frozen=True, kw_only=True):
    """One transition of a command."""

    at: datetime
    before: str | None
    after: str
    note: str


class Command(Struct, frozen=True, kw_only=True):
    """A relay command as it stands."""

    id: int
    meter: str
    target: str
    state: str
    origin: str
    reason: str
    cause: str
    requested_by: str
    requested_at: datetime
    changed_at: datetime
    expires_at: datetime
    attempts: int
    balance_paise: int | None
    emergency: bool
    superseded_by: int | None


class CommandDetail(Struct, frozen=True, kw_only=True):
    """A command with every step, and the evidence of its end."""

    command: Command
    steps: list[Step]
    evidence: dict[str, Any] | None


class NewCommand(Struct, frozen=True, kw_only=True):
    """Ask for a relay state. `emergency` (danger to life) goes past hours and caps, past nothing else."""

    meter: Text
    target: Literal["connected", "disconnected"]
    reason: Text
    emergency: bool = False


class Cancel(Struct, frozen=True, kw_only=True):
    """Why a command is cancelled."""

    reason: Text


class Account(Struct, frozen=True, kw_only=True):
    """A prepaid account."""

    consumer_no: str
    name: str
    office: str
    meter: str | None
    category: str
    tariff: str
    protected: str | None
    balance_source: str
    balance_paise: int | None
    negative_since: datetime | None
    connected: bool | None
    unreachable_since: datetime | None


class Entry(Struct, frozen=True, kw_only=True):
    """A ledger entry, positive in the consumer's favour, with the balance after it."""

    id: int
    kind: str
    amount_paise: int
    balance_paise: int
    reference: str
    at: datetime
    booked_at: datetime
    note: str


class NewRecharge(Struct, frozen=True, kw_only=True):
    """A payment; the same `payment_id` is booked once, whoever sends it."""

    amount_paise: Annotated[int, Meta(gt=0, le=10_00_000_00)]
    payment_id: Annotated[str, Meta(min_length=1, max_length=64)]


class Recharge(Struct, frozen=True, kw_only=True):
    """A booked payment; `command` brings supply back, null where nothing has to."""

    entry: int
    repeated: bool
    balance_paise: int
    command: int | None


class Notice(Struct, frozen=True, kw_only=True):
    """A notice and where its newest message stands."""

    id: int
    at: datetime
    consumer_no: str
    kind: str
    language: str
    channel: str | None
    state: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    error: str | None


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened; numbers rise and are never used twice."""

    number: int
    at: datetime
    kind: str
    meter: str | None
    consumer_no: str | None
    payload: dict[str, Any]


class Events(Struct, frozen=True, kw_only=True):
    """Events in order, and the number to ask for next time."""

    items: list[Event]
    last: int


class Coverage(Struct, frozen=True, kw_only=True):
    """How much of an office was reached within a day."""

    office: str
    meters: int
    reached: int
    off: int
    failing: int


class FleetCoverage(Struct, frozen=True, kw_only=True):
    """The fleet, and the offices one step below."""

    total: Coverage
    offices: list[Coverage]


class Replay(Struct, frozen=True, kw_only=True):
    """Other rules, in the form of a policy file, to be tried on the decisions of some days."""

    rules: Annotated[str, Meta(max_length=50_000)]
    days: Annotated[int, Meta(ge=1, le=90)] = 7
    automatic: bool = False


class Replayed(Struct, frozen=True, kw_only=True):
    """Decisions by what they meant, as made and as judged again; consumers newly cut, and spared."""

    decisions: int
    before: dict[str, int]
    after: dict[str, int]
    newly_cut: list[str]
    spared: list[str]


def taken(kind: type[T], row: Mapping[str, Any], **other: Any) -> T:  # noqa: ANN401  any field
    """A value of the API from a row of a list that has its names, paise and all."""
    fields = kind.__struct_fields__  # type: ignore[attr-defined]
    values = {name: row[name.removesuffix("_paise").removesuffix("_s")] for name in fields if name not in other}
    for name in ("connected", "emergency"):
        if values.get(name) is not None:
            values[name] = bool(values[name])
    return kind(**values, **other)
