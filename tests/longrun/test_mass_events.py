"""A whole fleet below zero at once, and then a whole fleet that pays: both are paced, and everybody is restored."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from time import process_time

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
    """Everybody pays, 5,000 in a minute, at real pace: whoever is dark is restored, in the order of the payments."""
    began, working = house.clocks.true(), process_time()
    with house.at_real_pace():
        asked = await _banks(house, meters)
        booked = house.clocks.true() - began
        await house.until(lambda: house.cut_off() == [], every=0.1)
        took = house.clocks.true() - began
        await house.until(lambda: _nothing_open(house), every=0.1)
    working = process_time() - working
    restored = {meter: _at(meter) for meter in cut}
    waits = sorted(restored[meter] - asked[meter] for meter in cut)
    told = await house.store.work.latency(began)
    states = Counter(command.state.value for command in await house.commands())
    # A cut that still waited is replaced by a reconnect, which finds the relay closed and sends nothing.
    assert house.simulation.stats()["relay_edges"] == 2 * len(cut)
    assert states["quarantined"] == states["requested"] == states["unknown"] == 0
    assert (told.count, told.missed) == (meters, 0)
    show(
        f"{meters} recharges within {_seconds(booked)} s: all {len(cut)} dark homes restored after {_seconds(took)} s,"
        f" {working:.0f} s of one core for both sides; payment to relay {_seconds(_share(waits, 50))} s median,"
        f" {_seconds(_share(waits, 99))} s p99, {_seconds(waits[-1])} s longest; commit to verified"
        f" {_seconds(told.p50)} s median, {_seconds(told.p99)} s p99; {_overtaking(asked, restored)}"
    )


async def _banks(house, meters):
    """One payment a home, spread evenly over their minute; nobody waits for another's to be booked."""
    loop, every, asked, payments = asyncio.get_running_loop(), 60 / 5000, {}, []
    began = loop.time()
    for number, meter in enumerate(house.fleet.meters):
        await asyncio.sleep(max(began + number * every - loop.time(), 0.0))
        asked[meter] = house.clocks.true()
        payments.append(loop.create_task(house.pay(meter, 50_000, f"wave-{number}")))
    await asyncio.gather(*payments)
    return asked


def _overtaking(asked, restored):
    """How far the order of the restored homes is from that of their payments."""
    paid = sorted(restored, key=lambda meter: asked[meter])
    place = {meter: number for number, meter in enumerate(sorted(restored, key=restored.get))}
    moved = [abs(place[meter] - number) for number, meter in enumerate(paid)]
    return f"{sum(map(bool, moved))} out of the order of payment, by {max(moved)} places at most"


def _share(waits, per_cent):
    return waits[(len(waits) - 1) * per_cent // 100]


def _seconds(span):
    return f"{span.total_seconds():.2f}"


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
