"""What went wrong in the field, each as a case on simulated time, over real sockets: nobody is cut wrongly.

Nights, Sundays, days of grace and ages of messages pass for real, under rules as they are shipped. Every cut of every
case is judged a second time from outside (`town.py`).
"""

import csv

import pytest
from town import BILLING, OFFICER, SECOND, House, Town, march, town

from headend.commands.journal import RefusedByRule
from headend.commands.latency import MINUTE, MISS
from headend.commands.model import Target
from headend.prepaid.model import EntryKind, Mode
from simulator.faults import Fault, Moment
from simulator.identity import Identity
from simulator.scenario import GroupSection, MeterSection, Scenario

pytestmark = [pytest.mark.incidents, pytest.mark.timeout(240)]

OVERDRAWN = Scenario(meters=MeterSection(opening_balance_paise=-5_000))
IN_CREDIT = Scenario(meters=MeterSection(opening_balance_paise=300_000))
#: Of twelve homes four have paid, and one needs its supply to live.
PARTLY_PAID = Scenario(
    meters=MeterSection(opening_balance_paise=-5_000),
    group=(
        GroupSection(meters="1-4", settings=MeterSection(opening_balance_paise=300_000)),
        GroupSection(meters="5", protected="medical equipment"),
    ),
)


def test_a_faulty_batch_stops_at_the_cap_and_never_touches_a_paid_up_home(tmp_path):
    """Uttar Pradesh, 2020: one command cut 1.6 to 3 lakh meters at once, paid-up homes among them; three hours dark."""

    async def scene(played: Town):
        house, paid, protected = played.house, played.homes[:4], played.homes[4]
        await played.until(march(5, 8))
        assert played.cut() == []  # three days of grace end in the night, in which nobody is cut
        await played.until(march(5, 13))
        assert len(played.cut()) == 5  # the cap of the day
        for home in played.homes:
            if home is protected:
                with pytest.raises(RefusedByRule, match="protected"):
                    await played.acts.disconnect(BILLING, home.identity.serial, "arrears", "batch-7:5")
            elif home not in played.cut():
                cause = f"batch-7:{home.identity.number}"
                await played.acts.disconnect(BILLING, home.identity.serial, "arrears", cause)
        held = await house.commands("quarantined")
        assert {each.meter for each in held} >= {home.identity.serial for home in paid}
        await played.acts.set_kill_switch(OFFICER, on=True)
        with pytest.raises(RefusedByRule, match="kill switch"):
            await played.acts.release(SECOND, held[0].id)
        # The repair: whoever was cut and pays is back at once, kill switch or not, by night as by day.
        dark = played.cut()
        await played.until(march(5, 22))
        for home in dark:
            await played.pay(home)
        assert await played.restored() < MINUTE
        # The rest of the batch was not lost, and has expired; the kill switch holds over the next working day.
        await played.until(march(7, 20))
        assert {(await house.store.journal.command(each.id)).state.value for each in held} == {"expired"}
        assert played.cut() == []
        assert not any(house.edges(home) for home in (*paid, protected))

    town(tmp_path, scene, homes=12, scenario=PARTLY_PAID)


class Unmigrated(House):
    """Its consumers come over without their balances; those stand in a second file."""

    def _write_files(self):
        super()._write_files()
        file = self.folder / "consumers.csv"
        rows = list(csv.DictReader(file.open()))
        for name, balance in (("migrated.csv", "11954.00"), ("consumers.csv", "")):
            with (self.folder / name).open("w", newline="") as stream:
                writer = csv.DictWriter(stream, rows[0].keys())
                writer.writeheader()
                writer.writerows({**row, "opening_balance": balance} for row in rows)


def test_a_credit_that_is_not_migrated_cuts_nobody(tmp_path):
    """Patna, 2022: a credit of ₹11,954 was not brought over from postpaid, and the home was cut."""

    async def scene(played: Town):
        house, (home,) = played.house, played.homes
        consumer = home.identity.consumer_no
        await played.acts.book(OFFICER, consumer, EntryKind.ARREARS, 30_000, "PP-1", "postpaid bill")
        await played.until(march(9, 17))
        assert await house.store.accounts.balance(consumer) < -30_000
        # A week below zero, told and past its grace, at every hour of the day; only one thing stands against the cut.
        assert set(await house.reasons(home)) <= {"not_reconciled", "no_notice"}
        assert (await house.reasons(home))[0] == "not_reconciled"
        assert await house.commands() == []
        await house.store.registry.import_consumers(house.folder / "migrated.csv")
        await played.until(march(13, 17))
        assert (await house.reasons(home))[0] == "in_credit"
        opening = await house.query("SELECT sum(amount) FROM ledger WHERE kind = 'opening'")
        assert opening == [(11_954_00,)]
        assert await house.store.accounts.balance(consumer) > 10_000_00
        assert house.edges(home) == []

    town(tmp_path, scene, homes=1, scenario=OVERDRAWN, house=Unmigrated)


def test_nobody_is_cut_before_a_message_has_reached_them_and_a_day_has_passed(tmp_path):
    """Patna again: no SMS had come."""

    async def scene(played: Town):
        house, (home,) = played.house, played.homes
        with played.no_message_arrives():
            await played.until(march(10, 10, 30))
        assert house.edges(home) == []
        assert "no_notice" in await house.reasons(home)
        await played.until(march(10, 17, 59))
        assert house.edges(home) == []
        assert "notice_too_young" in await house.reasons(home)
        await played.until(march(11, 18))
        assert house.edges(home) == [False]

    town(tmp_path, scene, homes=1, scenario=OVERDRAWN)


def test_a_cut_that_was_called_back_is_never_sent(tmp_path):
    """Australia: a disconnection that had been cancelled was sent all the same."""

    async def scene(played: Town):
        house, (called_back, replaced, sent) = played.house, played.homes
        await played.until(march(5, 10))
        for home in played.homes[:2]:
            house.out_of_reach(home, 3 * 3600)
        house.script(sent, Fault.LOSE_ANSWER, moment=Moment.ACTION)
        asked = {}
        for home in played.homes:
            command = await played.acts.disconnect(OFFICER, home.identity.serial, "wrong arrears")
            asked[home] = command.id
        house.collector.wake()
        await house.until(lambda: house.edges(sent) == [False])
        with pytest.raises(RefusedByRule):
            await played.acts.cancel(OFFICER, asked[sent], "too late: it is sent, and nobody may say that it was not")
        await played.until(march(5, 11))
        waiting = {each.id: each.state.value for each in await house.commands()}
        assert {waiting[asked[home]] for home in (called_back, replaced)} == {"requested"}
        await played.acts.cancel(OFFICER, asked[called_back], "paid")
        for home in (replaced, sent):
            await played.acts.reconnect(OFFICER, home.identity.serial, "paid at the counter")
        house.collector.wake()
        await played.until(march(7, 18))
        assert [house.edges(home) for home in played.homes] == [[], [], [False, True]]
        states = {each.id: each.state.value for each in await house.commands()}
        assert [states[asked[home]] for home in played.homes] == ["cancelled", "cancelled", "confirmed"]

    # By an officer's word, which rests on no balance: the judge of cuts for money has nothing to say here.
    town(tmp_path, scene, homes=3, scenario=IN_CREDIT, by_hand=True)


def test_the_wrong_apartment_is_never_cut(tmp_path):
    """Australia: the meter behind the address was the neighbour's."""

    async def scene(played: Town):
        house, (ours, other) = played.house, played.homes
        ours.shown = Identity(other.identity.number, ours.identity.maker)
        await played.until(march(5, 17))
        assert house.edges(other) == [False]
        await played.acts.disconnect(OFFICER, ours.identity.serial, "arrears")
        house.collector.wake()
        await played.until(march(7, 20))
        assert house.edges(ours) == []
        told = await house.query("SELECT count(*) FROM events WHERE kind = 'visit.failed'")
        assert told > [(0,)]
        # The right meter stands there again: it is read, told of and judged like any other.
        ours.shown = ours.identity
        await played.until(march(11, 18))
        assert house.edges(ours) == [False]
        assert house.edges(other) == [False]

    town(tmp_path, scene, homes=2, scenario=OVERDRAWN)


def test_power_returns_within_a_minute_of_a_recharge_at_night_though_a_line_fails(tmp_path):
    """Several states: supply stays off for hours after the money has come."""

    async def scene(played: Town):
        house = played.house
        await played.until(march(7, 17))
        assert len(played.cut()) == 8
        lost, away = played.homes[:2]
        house.script(lost, Fault.LOSE_ANSWER, moment=Moment.ACTION)
        await played.until(march(7, 23))
        house.out_of_reach(away, 600)
        for home in played.homes:
            await played.pay(home)
        await house.until(lambda: played.cut() == [away])
        paid = played.paid[away][0].at
        assert house.clocks.true() - paid < MINUTE
        await played.restored()
        assert house.clocks.true() - paid < MISS
        await played.until(march(8, 1))
        figures = await house.store.work.latency(march(7, 20))
        assert (figures.count, figures.missed) == (8, 0)
        assert await house.store.work.items() == []
        assert all(house.edges(home) == [False, True] for home in played.homes)

    town(tmp_path, scene, homes=8, scenario=OVERDRAWN)


def test_a_reconnect_that_is_late_is_the_work_of_an_office_until_power_is_back(tmp_path):
    """Several states: nobody knew of the homes that stayed dark."""

    async def scene(played: Town):
        house, (home,) = played.house, played.homes
        await played.until(march(5, 17))
        assert played.cut() == [home]
        house.out_of_reach(home, 3 * 3600)
        await played.pay(home)
        paid = house.clocks.true()
        (item,) = await house.until(house.store.work.items)
        assert MISS <= item.opened_at - paid < 2 * MISS
        assert (item.meter, item.office) == (home.identity.serial, house.office(home))
        assert item.tried
        await played.restored()
        assert MISS < house.clocks.true() - paid < 240 * MINUTE
        assert await house.store.work.items() == []
        assert house.edges(home) == [False, True]
        (command,) = [each for each in await house.commands() if each.target is Target.CONNECTED]
        assert command.state.value == "confirmed"

    town(tmp_path, scene, homes=1, scenario=OVERDRAWN)


def test_the_first_automatic_day_paces_itself_and_so_does_the_wave_of_recharges(tmp_path):
    """29.9 of 37.4 lakh prepaid meters stood below zero at one time."""

    async def scene(played: Town):
        house, everybody = played.house, len(played.homes)
        await played.until(march(5, 9))
        assert await house.commands() == []
        assert await played.acts.set_mode(OFFICER, "", Mode.AUTOMATIC) is False
        (asked,) = await house.store.switches.proposed_modes()
        with pytest.raises(RefusedByRule, match="second person"):
            await played.acts.confirm_mode(OFFICER, asked.id)
        await played.acts.confirm_mode(SECOND, asked.id)
        await played.until(march(5, 18))
        assert len(played.cut()) == 5
        waiting = {each.meter for each in await house.commands("quarantined")}
        assert waiting == {home.identity.serial for home in played.homes} - {
            home.identity.serial for home in played.cut()
        }
        await played.until(march(6, 23))  # a holiday
        assert len(played.cut()) == 5
        await played.until(march(7, 18))
        assert len(played.cut()) == 10
        await played.until(march(9, 7))  # a Sunday, and a night
        dark = played.cut()
        assert len(dark) == 10
        for home in played.homes:
            await played.pay(home)
        assert await played.restored() < MINUTE
        await played.until(march(10, 18))
        assert played.cut() == []
        assert [house.edges(home) for home in dark] == [[False, True]] * 10
        assert sum(map(len, map(house.edges, played.homes))) == 20
        booked = await house.query("SELECT count(*), sum(amount) FROM ledger WHERE kind = 'recharge'")
        assert booked == [(everybody, everybody * 50_000)]

    town(tmp_path, scene, homes=20, scenario=OVERDRAWN, mode="notify")
