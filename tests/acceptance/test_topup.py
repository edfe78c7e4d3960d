"""Accounts that the meter keeps: a recharge reaches the meter once, over real sockets and over crashes."""

import pytest

IN_THE_METER = """
[meters]
opening_balance_paise = -5000
[consumers]
balance_source = "meter"
"""
POINTS = ("topup-before-sending", "topup-sent", "topup-before-commit")


@pytest.fixture
def kept_by_meter(site):
    """One meter at ₹-50 that keeps the account; (site, serial, consumer number)."""
    site.start_simulator(meters=1, scenario=IN_THE_METER)
    site.configure(mode="notify", every="2s")
    site.import_all()
    meter = site.headend("meters", "list", "--json").json[0]
    return site, meter["serial"], meter["consumer_no"]


def balance(site, serial):
    return site.ask("meter", serial=serial)["balance"]


def states(site, consumer):
    return [each["state"] for each in site.headend("accounts", "topups", consumer, "--json").json]


def test_a_recharge_reaches_the_meter_once_without_a_daemon(kept_by_meter):
    site, serial, consumer = kept_by_meter
    paid = site.headend("recharge", consumer, "300", "--payment-id", "P-1", "--json")
    assert paid.exit_code == 0, paid
    assert paid.json["topup"]["state"] == "confirmed"
    assert 240_00 < balance(site, serial) <= 250_00
    site.headend("recharge", consumer, "300", "--payment-id", "P-1", "--json")
    assert states(site, consumer) == ["confirmed"]
    assert 240_00 < balance(site, serial) <= 250_00


@pytest.mark.parametrize("moment", ["set", "get"])
def test_a_lost_answer_is_found_out_by_reading(kept_by_meter, moment):
    site, serial, consumer = kept_by_meter
    site.start_daemon()
    site.until(lambda: site.headend("accounts", "show", consumer, "--json").json["balance_paise"] is not None)
    site.ask("fault", serial=serial, fault="lose_answer", moment=moment)
    assert site.headend("recharge", consumer, "300", "--payment-id", "P-1").exit_code == 0
    site.until(lambda: states(site, consumer) == ["confirmed"])
    assert 240_00 < balance(site, serial) <= 250_00


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_neither_doubles_nor_loses_the_money(kept_by_meter, point):
    site, serial, consumer = kept_by_meter
    dying = site.start_daemon(crash_point=point)
    site.headend("recharge", consumer, "300", "--payment-id", "P-1")
    assert dying.wait(60) == -9
    site.start_daemon()
    site.until(lambda: states(site, consumer) == ["confirmed"])
    assert 240_00 < balance(site, serial) <= 250_00
    assert site.headend("accounts", "check").exit_code == 0


def test_supply_that_the_meters_balance_had_cut_returns_with_the_money(site):
    site.start_simulator(meters=1, scenario=IN_THE_METER)
    site.configure(mode="automatic", every="2s")
    site.import_all()
    meter = site.headend("meters", "list", "--json").json[0]
    site.start_daemon("--arm")
    site.until(lambda: site.relay(meter["serial"]) is False)
    assert site.headend("recharge", meter["consumer_no"], "300", "--payment-id", "P-1").exit_code == 0
    site.until(lambda: site.relay(meter["serial"]))
    assert site.edges(meter["serial"]) == [False, True]


def test_the_ledger_is_mirrored_on_the_meters_display_where_the_house_wants_it(site):
    site.start_simulator(
        meters=1, scenario='[meters]\nopening_balance_paise = 5000\n[consumers]\nbalance_source = "ledger"\n'
    )
    site.configure(mode="notify", every="1s", extra="[prepaid]\nmirror = true\n")
    site.import_all()
    meter = site.headend("meters", "list", "--json").json[0]
    site.start_daemon()
    assert site.headend("recharge", meter["consumer_no"], "300", "--payment-id", "P-1").exit_code == 0
    site.until(lambda: 340_00 < balance(site, meter["serial"]) <= 350_00)
    assert states(site, meter["consumer_no"]) == []
    ledger = site.headend("accounts", "show", meter["consumer_no"], "--json").json["balance_paise"]
    assert abs(ledger - balance(site, meter["serial"])) < 10_00
