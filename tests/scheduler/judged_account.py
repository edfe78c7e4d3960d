"""An account for the judge, overdrawn and told, that everything speaks for cutting; and visits to its meter."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from attrs import evolve

from headend.meters.reading import ClockReading, Reading, RelayState
from headend.notify.texts import default_texts
from headend.prepaid.model import Account, AccountView, BalanceSource, EnergyMark, Facts, Mode
from headend.prepaid.policy import Policy
from headend.prepaid.tariff import flat
from headend.scheduler.judge import Rules
from headend.scheduler.ports import Outcome, VisitRecord

#: A Wednesday, 11:30 in Ranchi.
NOON = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = Policy()
TEXTS = default_texts()
RULES = Rules(lambda _: POLICY, lambda _: flat("default", 665), TEXTS)
MARK = EnergyMark("X1", 10_000, NOON - timedelta(hours=1), slab_period="2026-03")
ACCOUNT = Account(
    consumer_no="10000000001",
    name="Consumer 00001",
    language="hi",
    mobile="9000000001",
    category="domestic",
    office="Ranchi/Ranchi East/Kokar",
    tariff="default",
    protected=None,
    balance_source=BalanceSource.LEDGER,
    meter="X1",
)
FACTS = Facts(
    now=NOON,
    account=ACCOUNT,
    mode=Mode.AUTOMATIC,
    armed=True,
    kill_switch=False,
    balance=-500,
    balance_at=MARK.at,
    reading_at=NOON - timedelta(hours=1),
    clock_deviation=None,
    relay_connected=None,
    open_command=None,
    cuts_last_hour=0,
    time_zone="Asia/Kolkata",
    negative_since=NOON - timedelta(days=5),
    notice_at=NOON - timedelta(days=4),
    notice_delivered_at=NOON - timedelta(days=4),
)


def view(*notices, mark=MARK, **changes):
    account = {name: changes.pop(name) for name in tuple(changes) if hasattr(ACCOUNT, name)}
    return AccountView(evolve(FACTS, account=evolve(ACCOUNT, **account), **changes), mark, notices)


def relay(*, connected=True, mode=4):
    return RelayState(connected=connected, control_state=int(connected), control_mode=mode, read_at=NOON)


def energy(wh, *, unit="Wh", value=None):
    return Reading("energy_import", "1.0.1.8.0.255", Decimal(wh) if value is None else value, unit, NOON)


def visit(*readings, **changes):
    fields = {
        "relay": relay(),
        "clock": ClockReading(NOON, NOON, deviation=2.0, inverted_sign=False, raw=b""),
        "readings": readings or (energy(10_100),),
    }
    return VisitRecord("X1", NOON - MINUTE, NOON, Outcome.DONE, None, **{**fields, **changes})
