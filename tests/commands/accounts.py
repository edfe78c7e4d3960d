"""Accounts and commands as the tests of this folder need them: everything says cut, unless a test changes it."""

from datetime import time, timedelta

from scripted_meter import METER, START

from headend.commands.model import Command, NewCommand, Origin, State, Target
from headend.prepaid.calendar import Calendar, Hours
from headend.prepaid.model import Account, AccountView, BalanceSource, Facts, Mode
from headend.prepaid.policy import NoticeRule, Policy

POLICY = Policy(
    grace=timedelta(0),
    notice_rule=NoticeRule.NONE,
    calendar=Calendar(hours=(Hours(time(18, 0), time(8, 0)),)),
)


def view(
    *,
    now=START,
    source=BalanceSource.METER,
    balance=-500,
    balance_at=START,
    reading_at=START,
    mode=Mode.AUTOMATIC,
    armed=True,
    kill_switch=False,
    protected=None,
    reconciled=True,
    clock_deviation=0.0,
):
    account = Account(
        consumer_no="10000000001",
        name="Consumer 00001",
        language="en",
        mobile=None,
        category="domestic",
        office="Ranchi",
        tariff="default",
        protected=protected,
        balance_source=source,
        meter=METER.serial,
        reconciled=reconciled,
    )
    facts = Facts(
        now=now,
        account=account,
        mode=mode,
        armed=armed,
        kill_switch=kill_switch,
        balance=balance,
        balance_at=balance_at,
        reading_at=reading_at,
        clock_deviation=clock_deviation,
        relay_connected=True,
        open_command=None,
        cuts_last_hour=0,
        time_zone="Asia/Kolkata",
        negative_since=START - timedelta(days=5),
    )
    return AccountView(facts, None, ())


def request(target, cause, *, origin=Origin.POLICY, at=START, emergency=False):
    return NewCommand(
        meter=METER.serial,
        target=target,
        cause=cause,
        origin=Origin(origin),
        reason="balance is negative",
        requested_by="policy",
        requested_at=at,
        expires_at=at + timedelta(hours=4),
        emergency=emergency,
    )


def command(*, target=Target.DISCONNECTED, origin="policy", emergency=False, attempts=0, state=State.REQUESTED):
    return Command(
        id=1,
        meter=METER.serial,
        target=target,
        cause="policy:1",
        origin=Origin(origin),
        reason="balance is negative",
        requested_by="policy",
        requested_at=START,
        expires_at=START + timedelta(hours=4),
        state=state,
        changed_at=START,
        attempts=attempts,
        balance=-500,
        balance_at=START,
        emergency=emergency,
        superseded_by=None,
        evidence=None,
    )
