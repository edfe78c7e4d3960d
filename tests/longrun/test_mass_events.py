"""A whole fleet below zero at once, and then a whole fleet that pays: both are paced, and everybody is restored."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from attrs import evolve
from campaign import RULES
from longrun_house import POLICY, House
from oracle import over_caps
from simulated_time import run

from headend.prepaid.model import Mode
from simulator.scenario import MeterSection, Scenario

OVERDRAWN = Scenario(meters=MeterSection(opening_balance_paise=-5_000))


def capped(per_hour, per_day, per_office_hour):
    caps = f"per_hour = {per_hour}\nper_day = {per_day}\nper_segment_hour = {per_office_hour}\n"
    return POLICY[: POLICY.index("[caps]")] + f"[caps]\n{caps}"


async def first_automatic_day(house, meters, caps, most, show):
    """Messages until noon, then everybody below zero, and the mode is `automatic`: what the caps let through."""
    await house.start()
    store = house.store
    await house.until(lambda: _visited(house, meters))
    assert house.cut_off() == []
    await store.switches.set_mode("", Mode.AUTOMATIC, by="officer")
    began = house.clocks.true()
    await house.until(lambda: _all_asked(house, meters))
    await asyncio.sleep(600)
    cut = house.cut_off()
    states = Counter(command.state.value for command in await house.commands())
    assert len(cut) == most
    assert states == {"confirmed": most, "quarantined": meters - most}
    listed = {command.meter for command in await house.commands("quarantined")}
    assert listed == {meter.identity.serial for meter in house.fleet.meters} - {meter.identity.serial for meter in cut}
    # What waits for a person expires, and is asked for anew where a cap has room again: the days pace themselves.
    await asyncio.sleep(12 * 3600)
    moves = [(_at(meter), house.office(meter)) for meter in house.cut_off()]
    assert over_caps(caps, moves) == []
    assert len(moves) <= caps.per_day
    show(
        f"{meters} meters below zero at {began:%H:%M}: {most} cut within the caps, {meters - most} wait for a person;"
        f" after 12 hours {len(moves)} are cut, {caps.per_day} a day are allowed"
    )
    return house.cut_off()


def _at(meter):
    return datetime.fromtimestamp(meter.relay.edges[-1].at / 1000, UTC)


async def wave_of_recharges(house, meters, cut, show):
    """Everybody pays within a minute: whoever is dark is restored in the order of the payments, as permits allow."""
    began = house.clocks.true()
    for number, meter in enumerate(house.fleet.meters):
        await house.pay(meter, 50_000, f"wave-{number}")
        await asyncio.sleep(60 / meters)
    assert house.clocks.true() - began < timedelta(minutes=2)
    await house.until(lambda: house.cut_off() == [])
    await house.until(lambda: _nothing_open(house))
    restored = {meter: meter.relay.edges[-1].at for meter in cut}
    waits = sorted(
        datetime.fromtimestamp(at / 1000, UTC) - began - timedelta(seconds=60 / meters * (meter.identity.number - 1))
        for meter, at in restored.items()
    )
    paid = sorted(cut, key=lambda meter: meter.identity.number)
    behind = sum(restored[after] < restored[before] for before, after in pairwise(paid))
    states = Counter(command.state.value for command in await house.commands())
    # A cut that still waited is replaced by a reconnect, which finds the relay closed and sends nothing.
    assert house.simulation.stats()["relay_edges"] == 2 * len(cut)
    assert states["quarantined"] == states["requested"] == states["unknown"] == 0
    show(
        f"{meters} recharges in a minute: all {len(cut)} dark homes restored, payment to relay"
        f" {_seconds(waits, 50)} s median, {_seconds(waits, 99)} s p99, {waits[-1].total_seconds():.2f} s longest;"
        f" {behind} overtook another"
    )


def _seconds(waits, per_cent):
    return f"{waits[(len(waits) - 1) * per_cent // 100].total_seconds():.2f}"


async def _visited(house, meters):
    return (await house.query("SELECT count(*) FROM meter_state WHERE last_done IS NOT NULL")) == [(meters,)]


async def _all_asked(house, meters):
    return (await house.query("SELECT count(*) FROM commands WHERE target = 'disconnected'")) == [(meters,)]


async def _nothing_open(house):
    (count,) = await house.query(
        "SELECT count(*) FROM commands WHERE state IN ('requested', 'sending', 'unknown', 'quarantined')"
    )
    return count == (0,)


def mass_event(folder, show, *, meters, caps, most):
    rules = evolve(RULES, per_hour=caps[0], per_day=caps[1], per_office_hour=caps[2])

    async def main():
        options = {"scenario": OVERDRAWN, "policy": capped(*caps), "mode": "notify", "every": "6h"}
        async with House(folder, meters, **options) as house:
            cut = await first_automatic_day(house, meters, rules, most, show)
            await wave_of_recharges(house, meters, cut, show)
            stats = house.simulation.stats()
            assert (stats["duplicate_actuations"], stats["counters_reused"], stats["overlapping"]) == (0, 0, 0)
            assert (await house.store.check()).findings == ()
            paid = await house.query("SELECT count(*), sum(amount) FROM ledger WHERE kind = 'recharge'")
            assert paid == [(meters, meters * 50_000)]

    run(main)


def test_two_hundred_meters_below_zero_on_the_first_automatic_day(in_memory, shown):
    # Three offices; 20 in an hour in each, 45 in an hour in all.
    mass_event(in_memory, shown, meters=200, caps=(45, 60, 20), most=45)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_five_thousand_meters_below_zero_on_the_first_automatic_day(in_memory, shown):
    mass_event(in_memory, shown, meters=5000, caps=(300, 1000, 200), most=300)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_five_thousand_dark_homes_are_restored_when_all_pay_at_once(in_memory, shown):
    async def main():
        options = {"scenario": OVERDRAWN, "policy": capped(5000, 5000, 5000), "every": "6h"}
        async with House(in_memory, 5000, **options) as house:
            await house.start()
            await house.until(lambda: len(house.cut_off()) == 5000)
            await house.until(lambda: _nothing_open(house))
            await wave_of_recharges(house, 5000, list(house.fleet.meters), shown)
            assert house.simulation.stats()["duplicate_actuations"] == 0

    run(main)
