"""Accounts in Account, Credit and Token gateway: read net of what is owed, topped up once over real sockets."""

import pytest

SCENARIO = """
[meters]
opening_balance_paise = {balance}
payment_objects = "account"
[consumers]
balance_source = "meter"
model = "{model}"
"""


@pytest.fixture(params=["account-credit", "account-token", "account-value"])
def kept(request, site):
    """One meter at ₹-50 in each of these ways; (site, serial, consumer number)."""
    return settle(site, request.param, -50_00)


def settle(site, model, balance, mode="notify"):
    site.start_simulator(meters=1, scenario=SCENARIO.format(balance=balance, model=model))
    site.configure(mode=mode, every="2s")
    if model == "account-value":
        from headend.meters import registry

        shipped = registry.resources.files("headend.meters").joinpath("models", "account-credit.toml")
        text = shipped.read_text(encoding="utf-8").replace('"account-credit"', '"account-value"')
        folder = site.folder / "models"
        folder.mkdir()
        (folder / "value.toml").write_text(text.replace('by = "credit"', 'by = "credit-value"'))
        site.config.write_text(site.config.read_text().replace("[collection]", '[collection]\nmodels = "models"'))
    site.import_all()
    meter = site.headend("meters", "list", "--json").json[0]
    return site, meter["serial"], meter["consumer_no"]


def balance(site, serial):
    return site.ask("meter", serial=serial)["balance"]


def states(site, consumer):
    return [each["state"] for each in site.headend("accounts", "topups", consumer, "--json").json]


def test_a_recharge_reaches_the_meter_once_and_the_debt_is_taken_off(kept):
    site, serial, consumer = kept
    paid = site.headend("recharge", consumer, "300", "--payment-id", "P-1", "--json")
    assert paid.exit_code == 0, paid
    assert paid.json["topup"]["state"] == "confirmed"
    assert paid.json["topup"]["before"]["balance"] <= -50_00
    assert 240_00 < balance(site, serial) <= 250_00
    site.headend("recharge", consumer, "300", "--payment-id", "P-1", "--json")
    second = site.headend("recharge", consumer, "100", "--payment-id", "P-2", "--json")
    assert second.json["topup"]["state"] == "confirmed"
    assert states(site, consumer) == ["confirmed", "confirmed"]
    assert 340_00 < balance(site, serial) <= 350_00
    shown = site.headend("accounts", "show", consumer, "--json").json["balance_paise"]
    assert abs(shown - balance(site, serial)) < 5_00


def test_a_lost_answer_is_found_out_by_reading_and_never_doubled(kept):
    site, serial, consumer = kept
    site.start_daemon()
    site.until(lambda: site.headend("accounts", "show", consumer, "--json").json["balance_paise"] is not None)
    assert site.headend("accounts", "show", consumer, "--json").json["balance_paise"] <= -50_00
    site.ask("fault", serial=serial, fault="lose_answer", moment="action")
    assert site.headend("recharge", consumer, "300", "--payment-id", "P-1").exit_code == 0
    site.until(lambda: states(site, consumer) == ["confirmed"])
    assert 240_00 < balance(site, serial) <= 250_00
    kinds = [each["kind"] for each in site.events() if each["kind"].startswith("topup.")]
    assert kinds == ["topup.requested", "topup.sending", "topup.unknown", "topup.confirmed"]


def test_a_crash_neither_doubles_nor_loses_the_money(kept):
    site, serial, consumer = kept
    dying = site.start_daemon(crash_point="topup-sent")
    site.headend("recharge", consumer, "300", "--payment-id", "P-1")
    assert dying.wait(60) == -9
    site.start_daemon()
    site.until(lambda: states(site, consumer) == ["confirmed"])
    assert 240_00 < balance(site, serial) <= 250_00


def test_who_is_below_zero_at_such_a_meter_is_cut_and_restored_by_the_money(site):
    _, serial, consumer = settle(site, "account-token", -50_00, mode="automatic")
    site.start_daemon("--arm")
    site.until(lambda: site.relay(serial) is False)
    assert site.headend("recharge", consumer, "300", "--payment-id", "P-1").exit_code == 0
    site.until(lambda: site.relay(serial))
    assert site.edges(serial) == [False, True]
