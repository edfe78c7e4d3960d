"""An account that everything speaks for cutting, so that each test takes one thing away."""

from datetime import UTC, datetime, timedelta

from attrs import evolve

from headend.prepaid.model import Account, AccountView, BalanceSource, Facts, Mode
from headend.prepaid.policy import Policy

#: A Wednesday, 11:30 in Ranchi.
NOON = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
POLICY = Policy()

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
    balance_at=NOON - timedelta(minutes=1),
    reading_at=NOON - timedelta(minutes=1),
    clock_deviation=3.0,
    relay_connected=True,
    open_command=None,
    cuts_last_hour=0,
    time_zone="Asia/Kolkata",
    negative_since=NOON - timedelta(days=5),
    notice_at=NOON - timedelta(days=4),
    notice_delivered_at=NOON - timedelta(days=4),
)


def facts(**changes):
    account = {name: changes.pop(name) for name in tuple(changes) if hasattr(ACCOUNT, name)}
    return evolve(FACTS, account=evolve(ACCOUNT, **account), **changes)


def view(*notices, mark=None, **changes):
    return AccountView(facts(**changes), mark, notices)
