"""Months of a small utility: consumers who pay late, banks that report twice, lines that fail, clocks that jump,
officers who change their minds, and a head-end that is restarted or dies."""

import asyncio
import contextlib
import random
from collections import Counter
from datetime import date, timedelta

from attrs import define, field
from longrun_house import House
from oracle import OFF, ON, History, HouseRules, Payment, Skews, micros, moment_of
from simulated_time import START

from headend.commands.journal import RefusedByRule
from headend.prepaid.model import Mode
from headend.scheduler.judge import judge_recharge
from headend.storage.errors import PaymentConflict
from simulator.identity import Identity
from simulator.scenario import ConsumerSection, FaultSection, GroupSection, MeterSection, Scenario

OFFICES = ConsumerSection().offices
#: Chances for each answer of a meter: about one visit in twelve meets one of them.
FAULTS = FaultSection(
    drop=0.002,
    split=0.001,
    delay=0.002,
    garble=0.001,
    late=0.0005,
    refuse=0.01,
    reboot=0.0002,
    lose_answer=0.002,
    lose_action_answer=0.15,
    silence=0.0005,
)
POLICY = """
name = "ninety days"
max_reading_age = "30m"
max_balance_age = "30m"
max_clock_deviation = "5m"
grace = "1d"
command_expiry = "4h"
low_levels = ["50"]
[notice]
required = "delivered"
minimum_age = "12h"
repeat = "24h"
[calendar]
days = ["sun"]
second_saturdays = true
holidays = [2026-03-04, 2026-04-14]
hours = [{ from = 18:00:00, to = 08:00:00 }]
[caps]
per_hour = 10
per_day = 16
per_segment_hour = 5
"""
RULES = HouseRules(
    grace=timedelta(days=1),
    notice_age=timedelta(hours=12),
    clock_limit=timedelta(minutes=5),
    open_from=8,
    open_until=18,
    holidays=frozenset({date(2026, 3, 4), date(2026, 4, 14)}),
    per_hour=10,
    per_day=16,
    per_office_hour=5,
)
HOUR = timedelta(hours=1)


def scenario(meters):
    """Homes of one to ten kWh a day; some begin below zero, every twelfth needs its supply to live."""
    protected = ",".join(str(number) for number in range(12, meters + 1, 12))
    below = ",".join(f"{number}-{min(number + 2, meters)}" for number in range(1, meters + 1, 10))
    return Scenario(
        meters=MeterSection(load_watts=300, load_spread_percent=70, opening_balance_paise=25_000),
        faults=FAULTS,
        group=(
            GroupSection(meters=below, settings=MeterSection(opening_balance_paise=-4_000)),
            GroupSection(meters=protected, protected="medical equipment"),
        ),
    )


@define(eq=False)
class Campaign:
    """One run from one seed; `happened` counts what was done to the house."""

    house: House
    seed: int
    days: int
    chance: random.Random = field(init=False)
    happened: Counter = field(factory=Counter)
    payments: dict = field(factory=dict)
    delivered: dict = field(factory=dict)
    released: dict = field(factory=dict)
    modes: dict = field(init=False)
    killed: History = field(factory=lambda: History(OFF))
    armed: History = field(factory=lambda: History(ON))
    skews: Skews = field(factory=Skews)
    wrong_clock: dict = field(factory=dict)
    wrong_meter: dict = field(factory=dict)
    later: list = field(factory=list)
    turn: int = 0

    def __attrs_post_init__(self):
        self.chance = random.Random(self.seed)
        self.modes = {office: History(Mode.AUTOMATIC) for office in OFFICES}
        for meter in self.house.fleet.meters:
            self.payments[meter], self.released[meter] = [], []
            self.wrong_clock[meter], self.wrong_meter[meter] = History(OFF), History(OFF)

    @property
    def now(self):
        return self.house.clocks.true()

    def office(self, meter):
        return OFFICES[(meter.identity.number - 1) % len(OFFICES)]

    # Time passes

    async def run(self):
        house = self.house
        for meter in house.fleet.meters:
            meter.clock.shift(meter.now(), self.chance.randrange(-90, 90) * 1000)
        await house.start()
        while self.now < START + timedelta(days=self.days):
            await asyncio.sleep(self.chance.uniform(1800, 5400))
            await self._act()
        await self._calm()

    async def _act(self):
        due = [what for at, what in self.later if at <= self.now]
        self.later = [(at, what) for at, what in self.later if at > self.now]
        for what in due:
            await what()
        for what, a_day in _HABITS:
            if self.chance.random() < a_day / 24:
                await what(self)
        await self._pay_as_they_do()
        await self._receipts()
        await self._officers()

    async def _calm(self):
        """Everything that is wrong is mended, and two more days pass: whatever can come right has come right."""
        for at, what in sorted(self.later, key=lambda each: each[0]):
            await asyncio.sleep(max((at - self.now).total_seconds(), 0.0))
            await what()
        self.later = []
        for faults in self.house.fleet._faults.values():
            faults.rates = FaultSection()
        self.house.simulation.rebooting.clear()
        for _ in range(48):
            await asyncio.sleep(3600)
            await self._receipts()
        await self.house.until(self._settled)

    async def _settled(self):
        return not await self.house.open_commands() and not self.house.collector.standing().in_flight

    def _after(self, hours, what):
        self.later.append((self.now + HOUR * hours, what))

    # What consumers and banks do

    async def _pay_as_they_do(self):
        rows = await self.house.query(
            "SELECT a.consumer_no, (SELECT balance FROM ledger l WHERE l.account = a.id ORDER BY l.id DESC LIMIT 1)"
            " FROM accounts a"
        )
        balances = dict(rows)
        for meter in self.house.fleet.meters:
            balance = balances[meter.identity.consumer_no] or 0
            dark = not meter.relay.output_state
            # Whoever sits in the dark pays within a day or so, most pay some days after zero, few before.
            a_day = 1.5 if dark else 0.25 if balance < 0 else 0.05 if balance < 10_000 else 0.0
            if self.chance.random() < a_day / 24:
                await self._pay(meter)

    async def _pay(self, meter):
        self.turn += 1
        payment, paise = f"{self.seed}-{self.turn}", self.chance.randrange(50, 700) * 100
        kind = self.chance.random()
        if kind < 0.1:
            self.happened["recharges that came late"] += 1
            self._after(self.chance.uniform(1, 48), lambda: self._book(meter, paise, payment))
        else:
            await self._book(meter, paise, payment)
        while self.chance.random() < 0.25:
            self._after(self.chance.uniform(0, 60), lambda: self._again(meter, paise, payment))

    async def _book(self, meter, paise, payment):
        paid = self.house.clocks.house() - HOUR * self.chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 30))
        result = await self.house.pay(meter, paise, payment, at=paid)
        if not result.repeated:
            self.payments[meter].append(Payment(self.now, paise, payment))
            self.happened["recharges"] += 1

    async def _again(self, meter, paise, payment):
        self.happened["recharges reported again"] += 1
        booked = any(each.id == payment for each in self.payments[meter])
        if not booked or self.chance.random() < 0.7:
            await self._book(meter, paise, payment)
            return
        other = self.chance.choice(self.house.fleet.meters)
        with contextlib.suppress(PaymentConflict):
            rules = self.house.headend.setup.rules()
            judge = judge_recharge(rules, payment, paise + 100)
            number = other.identity.consumer_no
            await self.house.store.accounts.recharge(
                number, paise + 100, payment, self.house.clocks.house(), "x", judge
            )
            raise AssertionError(f"payment {payment} was taken with another amount")
        self.happened["contradictions refused"] += 1

    async def _receipts(self):
        """The gateway reports most messages delivered, some late, some never; a few have no working number."""
        rows = await self.house.query(
            "SELECT n.id, n.kind, n.at, m.serial FROM notices n JOIN accounts a ON a.id = n.account"
            " JOIN meters m ON m.consumer_no = a.consumer_no WHERE n.delivered_at IS NULL AND n.at > ?",
            micros(self.house.clocks.house() - timedelta(days=2)),
        )
        for number, kind, written, serial in rows:
            meter = self.house.fleet.by_serial(serial)
            if meter.identity.number % 17 and self.chance.random() < 0.6:
                await self.house.store.accounts.notice_delivered(number, self.house.clocks.house())
                if kind == "negative":
                    self.delivered.setdefault(meter, []).append((moment_of(written), self.now))

    # What officers do

    async def _officers(self):
        journal = self.house.store.journal
        for command in await self.house.commands("quarantined"):
            if self.chance.random() < 0.15:
                with contextlib.suppress(RefusedByRule):
                    await journal.release(command.id, self.house.clocks.house(), "officer")
                    self.released[self.house.fleet.by_serial(command.meter)].append(self.now)
                    self.happened["released by an officer"] += 1
            elif self.chance.random() < 0.03:
                # The list was a moment old: it may have expired meanwhile.
                with contextlib.suppress(RefusedByRule):
                    await journal.cancel(command.id, self.house.clocks.house(), "officer", "struck from the list")
                    self.happened["struck by an officer"] += 1
        self.house.collector.wake()

    async def _mode(self):
        office, mode = self.chance.choice(OFFICES), self.chance.choice((Mode.NOTIFY, Mode.PROPOSE))
        await self._set_mode(office, mode)
        self.happened["mode switches"] += 1
        self._after(self.chance.uniform(4, 60), lambda: self._set_mode(office, Mode.AUTOMATIC))

    async def _set_mode(self, office, mode):
        await self.house.store.switches.set_mode(office, mode, by="officer")
        self.modes[office].set(self.now, mode)

    async def _kill(self):
        await self._set_killed(on=True)
        self.happened["kill switch"] += 1
        self._after(self.chance.uniform(1, 12), lambda: self._set_killed(on=False))

    async def _set_killed(self, *, on):
        await self.house.store.switches.set_kill_switch(on=on, by="officer")
        self.killed.set(self.now, ON if on else OFF)

    # What goes wrong

    async def _outage(self):
        self.happened["outages"] += 1
        office, seconds = self.chance.choice(OFFICES), self.chance.uniform(600, 40_000)
        for meter in self.house.fleet.meters:
            if self.office(meter) == office:
                self.house.out_of_reach(meter, seconds)

    async def _meter_clock(self):
        self.happened["clocks of meters that jumped"] += 1
        meter = self.chance.choice(self.house.fleet.meters)
        self._shift(meter, self.chance.choice((-1, 1)) * self.chance.randrange(7 * 60, 4 * 86_400), wrong=True)
        self._after(self.chance.uniform(5, 40), lambda: self._mend_clock(meter))

    async def _mend_clock(self, meter):
        self._shift(meter, 0, wrong=False)

    def _shift(self, meter, seconds, *, wrong):
        meter.clock.shift(meter.now(), seconds * 1000)
        self.wrong_clock[meter].set(self.now, ON if wrong else OFF)

    async def _house_clock(self):
        if self.house.clocks.skew:
            return
        self.happened["jumps of our own clock"] += 1
        self._skew(timedelta(minutes=self.chance.choice((-1, 1)) * self.chance.randrange(8, 240)))
        self._after(self.chance.uniform(1, 10), self._mend_skew)

    async def _mend_skew(self):
        self._skew(timedelta(0))

    def _skew(self, skew):
        self.house.clocks.skew = skew
        self.skews.history.set(self.now, skew)

    async def _swap(self):
        """Another meter answers at the address for some hours."""
        meter, other = self.chance.sample(self.house.fleet.meters, 2)
        if meter.shown is not meter.identity:
            return
        self.happened["wrong meters behind an address"] += 1
        meter.shown = Identity(other.identity.number, meter.identity.maker)
        self.wrong_meter[meter].set(self.now, ON)
        self._after(self.chance.uniform(5, 40), lambda: self._swap_back(meter))

    async def _swap_back(self, meter):
        meter.shown = meter.identity
        self.wrong_meter[meter].set(self.now, OFF)

    async def _restart(self):
        armed = self.chance.random() < 0.8
        await self.house.restart(armed=armed)
        self._rearm(armed=armed)
        self.happened["restarts"] += 1

    async def _die(self):
        """In the middle of a visit, after so many turns of the loop as chance has it."""
        await self.house.in_a_visit(self.chance.randrange(120))
        await self.house.abandon()
        armed = self.chance.random() < 0.8
        self._rearm(armed=False)
        await asyncio.sleep(self.chance.choice((0, 1, 30, 3600)))
        await self.house.start(armed=armed)
        self._rearm(armed=armed)
        self.happened["deaths"] += 1

    def _rearm(self, *, armed):
        self.armed.set(self.now, ON if armed else OFF)
        if not armed:
            self._after(self.chance.uniform(2, 20), self._arm)

    async def _arm(self):
        await self.house.store.switches.set_armed(on=True, by="officer")
        self.armed.set(self.now, ON)


#: What is done to the house, and how often a day.
_HABITS = (
    (Campaign._outage, 0.4),
    (Campaign._meter_clock, 0.5),
    (Campaign._house_clock, 0.12),
    (Campaign._swap, 0.3),
    (Campaign._mode, 0.25),
    (Campaign._kill, 0.08),
    (Campaign._restart, 0.3),
    (Campaign._die, 0.4),
)
