"""The prepaid cycle with the real store, journal and executor; only the meter is a stand-in."""

import asyncio
import csv
import time
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from attrs import evolve

from headend.commands.executor import Executor
from headend.commands.model import State, Target
from headend.dlms.enumerations import ActionResult
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading, Reading, RelayState
from headend.notify.texts import default_texts
from headend.prepaid.calendar import ALWAYS_OPEN
from headend.prepaid.ledger import balance
from headend.prepaid.model import EntryKind, Mode
from headend.prepaid.policy import NoticeRule, Policy
from headend.prepaid.tariff import flat
from headend.scheduler.collector import Collector, CollectorRules
from headend.scheduler.judge import Rules, judge_recharge
from headend.scheduler.plan import BASE_TASKS, Schedule
from headend.scheduler.visit import VisitPorts
from headend.storage import importconsumers
from headend.storage.store import Store

CONSUMER = "10000000001"
POLICY = Policy(
    low_levels=(), grace=timedelta(0), notice_rule=NoticeRule.WRITTEN, notice_min_age=timedelta(0), calendar=ALWAYS_OPEN
)


def now():
    return datetime.now(UTC)


class House:
    """A meter with a relay and an energy register that a test turns."""

    def __init__(self, meter):
        self.meter = meter
        self.energy = 10_000
        self.connected = True
        self.edges = []
        self.system_title = None
        self.at_once = 0
        self.most_at_once = 0

    @asynccontextmanager
    async def open(self, meter):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield self
        finally:
            self.at_once -= 1

    async def confirm_identity(self):
        pass

    async def read_clock(self):
        return ClockReading(now(), now(), deviation=0.0, inverted_sign=False, raw=bytes(12))

    async def read_relay(self):
        return RelayState(connected=self.connected, control_state=int(self.connected), control_mode=4, read_at=now())

    async def read_registers(self):
        return (Reading("energy_import", "1.0.1.8.0.255", Decimal(self.energy), "Wh", now()),)

    async def read_balance(self):
        return None

    async def read_profile(self, profile, since, until):
        raise AssertionError("no profile is asked for")

    async def open_relay(self, sent):
        return self._move(sent, connected=False)

    async def close_relay(self, sent):
        return self._move(sent, connected=True)

    def _move(self, sent, *, connected):
        sent()
        self.edges.append(connected)
        self.connected = connected
        return ActionResult.SUCCESS


@pytest.fixture
async def store(tmp_path):
    opened = await Store.open(tmp_path / "headend.db", kek=None, now=now, armed=True)
    await opened.registry.add_meter(
        Meter("X1", "ABC0000000000001", "m", "tcp://127.0.0.1:4059", consumer_no=CONSUMER, office="Ranchi")
    )
    line = [CONSUMER, "Consumer 1", "hi", "9000000001", "domestic", "Ranchi", "default", "", "ledger", "X1", "1.00"]
    consumers = tmp_path / "consumers.csv"
    with consumers.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([importconsumers.COLUMNS, line])
    await opened.registry.import_consumers(consumers)
    await opened.switches.set_mode("", Mode.AUTOMATIC, by="test")
    yield opened
    await opened.close()


@asynccontextmanager
async def collecting(store, house, policy=POLICY):
    rules = Rules(lambda _: policy, lambda _: flat("default", 665), default_texts())
    executor = Executor(store.journal, lambda _: policy, now, time.monotonic)
    collector = Collector(
        ports=VisitPorts(store.fleet, executor, rules, now),
        journal=store.journal,
        open_session=house.open,
        schedules=(Schedule("often", timedelta(milliseconds=100), tasks=BASE_TASKS),),
        rules=CollectorRules(poll_s=0.02),
    )
    task = asyncio.create_task(collector.run())
    try:
        yield collector, rules
    finally:
        collector.stop()
        await asyncio.wait_for(task, 20)


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  what is waited for happens in the store, which sets no event of ours
            await asyncio.sleep(0.01)


def confirmed(store, target):
    async def condition():
        return any(each.target is target for each in await store.journal.commands(state=State.CONFIRMED))

    return condition


def told(store, kind):
    async def condition():
        return any(each.notice.kind == kind for each in await store.accounts.notices(CONSUMER))

    return condition


async def test_a_balance_below_zero_opens_the_relay_and_a_recharge_closes_it(store):
    house = House(await store.fleet.meter("X1"))
    async with collecting(store, house) as (collector, rules):
        await until(lambda: _charged(store))
        house.energy += 500
        await until(told(store, "negative"))
        await until(confirmed(store, Target.DISCONNECTED))
        assert house.edges == [False]
        await until(told(store, "cut_done"))
        await store.accounts.recharge(CONSUMER, 20_000, "UPI1", now(), "counter", judge_recharge(rules, "UPI1", 20_000))
        collector.wake()
        await until(confirmed(store, Target.CONNECTED))
        await until(told(store, "restored"))
    assert house.edges == [False, True]
    assert house.most_at_once == 1
    kinds = Counter(each.notice.kind for each in await store.accounts.notices(CONSUMER))
    assert kinds == Counter(["negative", "cut_done", "recharged", "restored"])
    ledger = await store.accounts.ledger(CONSUMER)
    energy = [entry.amount for entry in ledger if entry.kind is EntryKind.ENERGY]
    assert sum(energy) == -(500 * 665 // 1000)
    assert balance(entry.amount for entry in ledger) == await store.accounts.balance(CONSUMER) == 100 - 332 + 20_000
    assert (await store.check()).findings == ()


async def _charged(store):
    return (await store.accounts.view(CONSUMER, now())).mark is not None


@pytest.mark.parametrize(
    ("policy", "mode", "reason"),
    [
        (POLICY, Mode.NOTIFY, "mode_notify"),
        (evolve(POLICY, grace=timedelta(days=3)), Mode.AUTOMATIC, "grace"),
        (evolve(POLICY, notice_rule=NoticeRule.DELIVERED), Mode.AUTOMATIC, "no_notice"),
    ],
)
async def test_no_relay_is_touched_where_a_rule_says_no_and_the_reason_is_kept(store, policy, mode, reason):
    await store.switches.set_mode("", mode, by="test")
    house = House(await store.fleet.meter("X1"))

    async def deferred():
        return any(each.reason == reason for each in await store.accounts.decisions(CONSUMER))

    async with collecting(store, house, policy):
        await until(lambda: _charged(store))
        house.energy += 500
        await until(deferred)
        await until(told(store, "negative"))
    assert house.edges == []
    assert await store.journal.commands() == []


async def test_in_propose_the_cut_waits_for_a_person_and_goes_when_released(store):
    await store.switches.set_mode("", Mode.PROPOSE, by="test")
    house = House(await store.fleet.meter("X1"))

    async def held():
        return bool(await store.journal.commands(state=State.QUARANTINED))

    async with collecting(store, house):
        await until(lambda: _charged(store))
        house.energy += 500
        await until(held)
        assert house.edges == []
        (command,) = await store.journal.commands()
        await store.journal.release(command.id, now(), by="officer")
        await until(confirmed(store, Target.DISCONNECTED))
    assert house.edges == [False]


async def test_a_register_that_runs_back_is_an_event_and_no_bill(store):
    house = House(await store.fleet.meter("X1"))

    async def flagged():
        return any(event.kind == "energy.roll_back" for event in await store.events.events(0, 1000))

    async with collecting(store, house):
        await until(lambda: _charged(store))
        house.energy = 5
        await until(flagged)
    assert [entry.kind for entry in await store.accounts.ledger(CONSUMER)] == [EntryKind.OPENING]
    assert house.edges == []
