"""What went wrong in the field, as officers meet it: daemon, simulator and command line as processes of their own."""

import csv
import json

import pytest
from site_under_test import POLICY

pytestmark = [pytest.mark.incidents, pytest.mark.timeout(240)]

OVERDRAWN = """
[meters]
opening_balance_paise = -5000
[consumers]
balance_source = "ledger"
"""
#: Of twelve homes four have paid, and one needs its supply to live.
PARTLY_PAID = f"""{OVERDRAWN}
[[group]]
meters = "1-4"
[group.settings]
opening_balance_paise = 50000
[[group]]
meters = "5"
protected = "medical equipment"
"""
CAPPED = POLICY.replace("per_hour = 1000", "per_hour = 3", 1)


def serials(site):
    return [each["serial"] for each in site.headend("meters", "list", "--json").json]


def consumer_of(site, serial):
    return site.headend("meters", "show", serial, "--json").json["meter"]["consumer_no"]


def account(site, serial):
    return site.headend("accounts", "show", consumer_of(site, serial), "--json").json


def pay(site, serial, number, *options):
    answer = site.headend("recharge", consumer_of(site, serial), "500", "--payment-id", f"P-{number}", *options)
    assert answer.exit_code == 0, answer
    return answer


def reasons(site, serial):
    return {each["reason"] for each in account(site, serial)["decisions"]}


def events(site, kind):
    lines = site.headend("events", "--json", "--limit", "5000").stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def cut_off(site):
    return sorted(serial for serial in serials(site) if not site.relay(serial))


def test_a_faulty_batch_stops_at_the_cap_and_never_touches_a_paid_up_home(site):
    """Uttar Pradesh, 2020: one command cut 1.6 to 3 lakh meters at once, paid-up homes among them."""
    site.start_simulator(meters=12, scenario=PARTLY_PAID)
    site.configure(every="2s", policy=CAPPED)
    site.import_all()
    site.start_daemon("--arm")
    paid, protected, owing = serials(site)[:4], serials(site)[4], serials(site)[5:]
    site.until(lambda: len(site.commands(state="quarantined")) == len(owing) - 3)
    site.until(lambda: len(cut_off(site)) == 3)
    for serial in (*paid, protected):
        batch = site.headend("relay", "disconnect", serial, "--reason", "a faulty batch", "--json")
        if serial == protected:
            assert batch.exit_code == 4, batch
    site.until(lambda: "protected" in reasons(site, protected))
    assert set(cut_off(site)) <= set(owing)
    held = site.commands(state="quarantined")
    assert {command["meter"] for command in held} >= set(owing) - set(cut_off(site))
    assert site.headend("policy", "kill").exit_code == 0
    released = site.headend("commands", "release", str(held[0]["id"]), LOGNAME="officer-2")
    assert released.exit_code == 4, released
    assert site.stop_daemon() == 0
    assert len(cut_off(site)) == 3
    assert not any(site.edges(serial) for serial in (*paid, protected))
    # The repair: whoever was cut is back at once, kill switch or not.
    site.start_daemon()
    for number, serial in enumerate(cut_off(site)):
        pay(site, serial, number, "--wait")
    assert cut_off(site) == []


def test_a_credit_that_is_not_migrated_cuts_nobody(site):
    """Patna, 2022: a credit of ₹11,954 was not brought over from postpaid, and the home was cut."""
    site.start_simulator(meters=1, scenario=OVERDRAWN)
    site.configure(every="2s")
    file = site.folder / "consumers.csv"
    rows = list(csv.DictReader(file.open()))
    write(file, [{**row, "opening_balance": ""} for row in rows])
    site.import_all()
    (serial,) = serials(site)
    owed = ("--reference", "PP-1", "--reason", "postpaid bill")
    consumer = consumer_of(site, serial)
    assert site.headend("accounts", "book", consumer, "arrears", "300", *owed).exit_code == 0
    site.start_daemon("--arm")
    site.until(lambda: "not_reconciled" in reasons(site, serial))
    write(file, [{**row, "opening_balance": "11954.00"} for row in rows])
    assert site.headend("consumers", "import", file).exit_code == 0
    site.until(lambda: "in_credit" in reasons(site, serial))
    assert site.stop_daemon() == 0
    assert site.edges() == []
    assert site.headend("accounts", "show", consumer, "--json").json["balance_paise"] > 11_600_00


def write(file, rows):
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_nobody_is_cut_before_a_message_has_reached_them(site):
    """Patna again: no SMS had come."""
    told = POLICY.replace('required = "none"', 'required = "delivered"\nminimum_age = "0s"')
    site.start_simulator(meters=1, scenario=OVERDRAWN)
    site.configure(every="2s", policy=told)
    site.import_all()
    (serial,) = serials(site)
    site.start_daemon("--arm")
    site.until(lambda: "no_notice" in reasons(site, serial))
    assert site.edges() == []
    negative = [each for each in account(site, serial)["notices"] if each["notice"]["kind"] == "negative"]
    assert site.headend("notices", "delivered", str(negative[0]["id"])).exit_code == 0
    site.until(lambda: site.relay(serial) is False)


def test_a_cut_that_was_called_back_is_never_sent(site):
    """Australia: a disconnection that had been cancelled was sent all the same."""
    site.start_simulator(meters=2, scenario="[meters]\nopening_balance_paise = 50000\n")
    site.configure(every="2s")
    site.import_all()
    called_back, replaced = serials(site)
    numbers = {}
    for serial in (called_back, replaced):
        site.ask("fault", serial=serial, fault="drop", times=50)
        asked = site.headend("relay", "disconnect", serial, "--reason", "arrears", "--json")
        assert asked.exit_code == 3, asked
        numbers[serial] = site.commands(meter=serial)[0]["id"]
        site.ask("clear_faults", serial=serial)
    assert {command["state"] for command in site.commands()} == {"requested"}
    assert site.headend("commands", "cancel", str(numbers[called_back]), "--reason", "paid").exit_code == 0
    back = site.headend("relay", "reconnect", replaced, "--reason", "paid at the counter", "--wait")
    assert back.exit_code == 0, back
    site.start_daemon("--arm")
    site.until(lambda: all(reasons(site, serial) for serial in (called_back, replaced)))
    assert site.stop_daemon() == 0
    assert site.edges() == []
    assert {command["state"] for command in site.commands()} == {"cancelled", "confirmed"}


def test_the_wrong_apartment_is_never_cut(site):
    """Australia: the meter behind the address was the neighbour's."""
    site.start_simulator(meters=2, scenario=OVERDRAWN)
    site.configure(every="2s")
    site.import_all()
    ours, other = serials(site)
    site.ask("set", serial=ours, identity=2)
    site.start_daemon("--arm")
    site.until(lambda: site.relay(other) is False)
    by_hand = site.headend("relay", "disconnect", ours, "--reason", "arrears", "--wait", "--timeout", "3")
    assert by_hand.exit_code in (3, 4), by_hand
    site.until(lambda: [event for event in events(site, "visit.failed") if event["meter"] == ours])
    assert site.stop_daemon() == 0
    assert site.edges(ours) == []
    assert site.edges(other) == [False]


def test_power_returns_after_a_recharge_though_the_meter_was_away(site):
    """Several states: supply stays off for hours after the money has come."""
    site.start_simulator(meters=8, scenario=OVERDRAWN)
    site.configure(every="1s")
    site.import_all()
    everybody = serials(site)
    site.start_daemon("--arm")
    site.until(lambda: len(cut_off(site)) == len(everybody))
    away = everybody[0]
    site.ask("fault", serial=away, fault="lose_answer", moment="action")
    site.ask("fault", serial=away, fault="drop", times=3)
    for number, serial in enumerate(everybody):
        pay(site, serial, number)
    site.until(lambda: cut_off(site) == [])
    site.until(lambda: len(events(site, "reconnect.verified")) == len(everybody))
    figures = site.headend("commands", "latency", "--json").json
    assert (figures["count"], figures["missed_15_min"]) == (len(everybody), 0)
    assert site.headend("work", "list", "--json").json == []
    assert site.stop_daemon() == 0
    assert all(site.edges(serial) == [False, True] for serial in everybody)
    assert site.ask("stats")["duplicate_actuations"] == 0


def test_the_first_automatic_day_paces_itself_and_so_does_the_wave_of_recharges(site):
    """29.9 of 37.4 lakh prepaid meters stood below zero at one time."""
    site.start_simulator(meters=20, scenario=OVERDRAWN)
    site.configure(mode="notify", every="2s", policy=CAPPED)
    site.import_all()
    everybody = serials(site)
    site.start_daemon("--arm")
    site.until(lambda: all("mode_notify" in reasons(site, serial) for serial in everybody))
    assert site.commands() == []
    asked = site.headend("policy", "mode", "automatic", "--json", LOGNAME="officer-1").json["proposal"]
    assert site.headend("policy", "confirm", str(asked["id"]), LOGNAME="officer-2").exit_code == 0
    site.until(lambda: len(site.commands()) == len(everybody))
    site.until(lambda: len(cut_off(site)) == 3)
    assert len(site.commands(state="quarantined")) == len(everybody) - 3
    for number, serial in enumerate(everybody):
        pay(site, serial, number)
    site.until(lambda: cut_off(site) == [] and not site.commands(state="quarantined"))
    assert site.stop_daemon() == 0
    assert sum(edge is False for edge in site.edges()) == 3
    proof = site.headend("accounts", "check", "--json")
    assert proof.json["ok"], proof
    assert proof.json["report"]["by_kind"]["recharge"] == len(everybody) * 500_00
