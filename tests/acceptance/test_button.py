"""Meters whose relay a reconnect only readies: somebody has to press the button, and is told so."""

import pytest

BUTTON = """
[meters]
control_mode = {mode}
opening_balance_paise = 500_00
load_watts = 200
[consumers]
balance_source = "ledger"
"""
INBOX = '\n[notices]\nquiet_hours = ""\n[[channels]]\nkind = "inbox"\nname = "online"\n'


@pytest.mark.parametrize("mode", [1, 3, 5, 6])
def test_a_paid_recharge_readies_the_relay_and_the_consumer_is_asked_to_press_the_button(site, mode):
    site.start_simulator(meters=1, scenario=BUTTON.format(mode=mode))
    site.configure(mode="automatic", every="1s", extra=INBOX)
    site.import_all()
    meter = site.headend("meters", "list", "--json").json[0]
    serial, consumer = meter["serial"], meter["consumer_no"]
    site.start_daemon("--arm")
    owed = site.headend("accounts", "book", consumer, "arrears", "600", "--reference", "A-1", "--reason", "postpaid")
    assert owed.exit_code == 0, owed
    site.until(lambda: site.relay(serial) is False)

    paid = site.headend("recharge", consumer, "900", "--payment-id", "P-1", "--json")
    assert paid.exit_code == 0, paid
    told = site.until(lambda: notices(site, consumer, "press_button"))
    assert site.ask("meter", serial=serial)["control_state"] == 2
    assert "बटन" in told[0]["texts"]["hi"]
    assert "press the button" in told[0]["texts"]["en"]
    assert [each["kind"] for each in site.headend("notices", "queue", "--json").json if each["channel"] == "online"]

    # Later visits find it so and send nothing more, however often they look.
    asked = site.ask("stats")["relay_actions"]
    site.until(lambda: decision(site, consumer)["times"] >= 3)
    assert decision(site, consumer)["reason"] == "press_button"
    assert site.ask("stats")["relay_actions"] == asked == 2
    assert len(notices(site, consumer, "press_button")) == 1
    reconnects = [each for each in site.commands() if each["target"] == "connected"]
    assert [each["state"] for each in reconnects] == ["rejected"]
    assert "press the button at the meter" in reconnects[0]["evidence"]

    for language, words in (("en", "the button at the meter has to be pressed"), ("hi", "बटन")):
        story = site.headend("accounts", "explain", consumer, "--language", language).stdout
        assert words in story
    assert [each["kind"] for each in site.headend("work", "list", "--json").json] == ["reconnect_rejected"]

    site.ask("button", serial=serial, press="reconnect")
    site.until(lambda: notices(site, consumer, "restored"))
    assert site.edges(serial) == [False, True]
    assert site.headend("work", "list", "--json").json == []
    assert site.ask("stats")["duplicate_actuations"] == 0


def notices(site, consumer, kind):
    found = site.headend("accounts", "show", consumer, "--json").json["notices"]
    return [each["notice"] for each in found if each["notice"]["kind"] == kind]


def decision(site, consumer):
    return site.headend("accounts", "show", consumer, "--json").json["decisions"][0]
