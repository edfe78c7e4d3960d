"""A small town on simulated time, for what went wrong in the field: real nights and Sundays, real sockets."""

import asyncio
import sys
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

from attrs import define, field

sys.path.insert(0, str(Path(__file__).parents[1] / "longrun"))

from longrun_house import House
from oracle import INDIA, Account, HouseRules, Payment, over_caps
from simulated_time import START, run

from headend.app.acts import OfficeActs
from headend.web.ports.acts import Actor

#: As the rules that are shipped, with a holiday of the season and caps that a small town can reach.
POLICY = """
name = "town"
max_reading_age = "1h"
max_balance_age = "1h"
low_levels = []
low_days = []
grace = "3d"
command_expiry = "4h"
[notice]
required = "delivered"
minimum_age = "24h"
repeat = "24h"
[calendar]
hours = [{ from = 18:00:00, to = 08:00:00 }]
days = ["sun"]
second_saturdays = true
holidays = [2026-03-06]
[caps]
per_hour = 3
per_day = 5
per_segment_hour = 3
"""
RULES = HouseRules(
    grace=timedelta(days=3),
    notice_age=timedelta(hours=24),
    clock_limit=timedelta(minutes=5),
    open_from=8,
    open_until=18,
    holidays=frozenset({date(2026, 3, 6)}),
    per_hour=3,
    per_day=5,
    per_office_hour=3,
)
OFFICER, SECOND = Actor("officer-1", "", "console"), Actor("officer-2", "", "console")
BILLING = Actor("billing system", "", "api")


def march(day, hour, minute=0):
    """A moment of March 2026 in the town; the first Monday is the 2nd."""
    return datetime(2026, 3, day, hour, minute, tzinfo=INDIA)


@define(eq=False)
class Town:
    """A house, and what its people and their phones know of it."""

    house: House
    told: dict = field(factory=dict)
    paid: dict = field(factory=dict)
    phones_work: bool = True

    @property
    def acts(self):
        return OfficeActs(self.house.headend)

    @property
    def homes(self):
        return self.house.fleet.meters

    async def until(self, moment):
        """Time passes; every half hour the gateway reports what it has delivered."""
        while self.house.clocks.true() < moment:
            await asyncio.sleep(min(1800.0, (moment - self.house.clocks.true()).total_seconds()))
            await self.deliver()

    async def deliver(self):
        rows = await self.house.query(
            "SELECT n.id, n.kind, m.serial FROM notices n JOIN accounts a ON a.id = n.account"
            " JOIN meters m ON m.consumer_no = a.consumer_no WHERE n.delivered_at IS NULL"
        )
        for number, kind, serial in rows if self.phones_work else ():
            await self.house.store.accounts.notice_delivered(number, self.house.clocks.house())
            if kind == "negative":
                self.told.setdefault(serial, self.house.clocks.true())

    @contextmanager
    def no_message_arrives(self):
        """The gateway takes messages and reports none as delivered."""
        self.phones_work = False
        try:
            yield
        finally:
            self.phones_work = True

    async def pay(self, home, paise=50_000):
        number = len(self.paid.setdefault(home, [])) + 1
        await self.house.pay(home, paise, f"{home.identity.serial}-{number}")
        self.paid[home].append(Payment(self.house.clocks.true(), paise, str(number)))

    async def restored(self):
        """How long it took until no home that has paid is in the dark."""
        began = self.house.clocks.true()
        await self.house.until(lambda: not any(home in self.paid for home in self.house.cut_off()))
        return self.house.clocks.true() - began

    def cut(self):
        return self.house.cut_off()

    def wrong(self):
        """Every cut that was not allowed, judged without any part of headend."""
        found, moves = [], []
        for home in self.homes:
            opening, payments = home.plan.opening_balance, self.paid.get(home, [])
            account = Account.recomputed(opening, START, self.house.readings(home), payments)
            for edge in home.relay.edges:
                at = datetime.fromtimestamp((edge.at + 1) / 1000, INDIA)
                if not edge.connected:
                    moves.append((at, self.house.office(home)))
                    found += [f"{home.identity.serial} at {at}: {why}" for why in self._why_wrong(home, account, at)]
        return found + over_caps(RULES, moves)

    def _why_wrong(self, home, account, at):
        since, told = account.below_since(at), self.told.get(home.identity.serial)
        checks = {
            "in credit": account.at(at) >= 0,
            f"below zero only since {since}": since is None or at - since < RULES.grace,
            f"told at {told}": told is None or at - told < RULES.notice_age,
            "at a forbidden time": RULES.closed(at),
            "a protected consumer": bool(self.house.fleet.protected(home)),
        }
        return [why for why, holds in checks.items() if holds]


def town(folder, scene, *, homes, scenario, house=House, by_hand=False, **options):
    """Play `scene` in a town of so many homes; every cut of it is judged, unless all are `by_hand` of an officer."""

    async def main():
        made = house(folder, homes, scenario=scenario, **{"policy": POLICY, "every": "2h"} | options)
        async with made as standing:
            played = Town(standing)
            await standing.start()
            await scene(played)
            assert by_hand or played.wrong() == []
            stats = standing.simulation.stats()
            assert (stats["duplicate_actuations"], stats["counters_reused"]) == (0, 0)
            assert (await standing.store.check()).findings == ()

    run(main)
