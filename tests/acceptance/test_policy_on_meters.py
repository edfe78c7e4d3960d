"""What the policy does, and does not do, over real sockets: a consumer below zero, and what must protect one."""

import json

import pytest

NEGATIVE = """
[meters]
opening_balance_paise = -5000
{more}
[consumers]
balance_source = "ledger"
{groups}
"""


def overdrawn(site, *, mode="automatic", policy=None, more="", groups="", meters=1):
    """A site whose consumers are all ₹50 below zero; their serials."""
    site.start_simulator(meters=meters, scenario=NEGATIVE.format(more=more, groups=groups))
    options = {} if policy is None else {"policy": policy}
    site.configure(mode=mode, every="2s", **options)
    site.import_all()
    return [each["serial"] for each in site.headend("meters", "list", "--json").json]


def account_of(site, serial):
    consumer = site.headend("meters", "show", serial, "--json").json["meter"]["consumer_no"]
    return consumer, site.headend("accounts", "show", consumer, "--json").json


def decided(site, serial, reason):
    """Wait until the account's newest decision has this reason; the decision."""
    consumer, _ = account_of(site, serial)

    def look():
        decisions = site.headend("accounts", "show", consumer, "--json").json["decisions"]
        return next((each for each in decisions if each["reason"] == reason), None)

    return site.until(look)


def test_a_consumer_below_zero_is_told_cut_and_restored_by_a_recharge(site):
    (serial,) = overdrawn(site)
    site.start_daemon("--arm")
    site.until(lambda: site.relay(serial) is False)
    consumer, account = account_of(site, serial)
    assert account["balance_paise"] < 0
    told = {each["notice"]["kind"]: each["notice"]["texts"] for each in account["notices"]}
    assert {"hi", "en"} <= told["negative"].keys()
    paid = site.headend("recharge", consumer, "500", "--payment-id", "P-1", "--wait", "--json")
    assert paid.exit_code == 0, paid
    assert paid.json["command"]["state"] == "confirmed"
    assert site.edges(serial) == [False, True]
    again = site.headend("recharge", consumer, "500", "--payment-id", "P-1", "--json")
    assert again.json["repeated"] is True
    assert again.json["balance_paise"] == paid.json["balance_paise"]
    kinds = site.until(lambda: _kinds(site, consumer, "restored"))
    assert {"cut_done", "recharged", "restored"} <= kinds
    assert site.stop_daemon() == 0
    assert site.headend("db", "check").exit_code == 0


def _kinds(site, consumer, wanted):
    kinds = {each["notice"]["kind"] for each in site.headend("notices", "list", consumer, "--json").json}
    return kinds if wanted in kinds else None


CLOSED = "[calendar]\nhours = [{ from = 00:00:00, to = 00:00:00 }]\n"
OPEN = "[calendar]\nhours = []\ndays = []\nsecond_saturdays = false\n"
NO_NOTICE = 'grace = "0s"\n[notice]\nrequired = "none"\n'


@pytest.mark.parametrize(
    ("mode", "policy", "reason"),
    [
        ("notify", f'name = "open"\n{NO_NOTICE}{OPEN}', "mode_notify"),
        ("propose", f'name = "open"\n{NO_NOTICE}{OPEN}', "mode_propose"),
        ("automatic", f'name = "closed"\n{NO_NOTICE}{CLOSED}', "forbidden_hour"),
        ("automatic", f'name = "stale"\nmax_balance_age = "0s"\n{NO_NOTICE}{OPEN}', "balance_stale"),
        ("automatic", f'name = "told"\ngrace = "0s"\n{OPEN}', "no_notice"),
        ("automatic", f'name = "grace"\ngrace = "3d"\n[notice]\nrequired = "none"\n{OPEN}', "grace"),
    ],
)
def test_no_relay_is_touched_and_the_reason_is_shown(site, mode, policy, reason):
    (serial,) = overdrawn(site, mode=mode, policy=policy)
    site.start_daemon("--arm")
    decision = decided(site, serial, reason)
    assert decision["verdict"] == "defer"
    assert site.stop_daemon() == 0
    assert site.edges(serial) == []
    assert site.ask("meter", serial=serial)["relay_actions"] == 0


def test_a_protected_consumer_is_never_cut(site):
    (serial,) = overdrawn(site, groups='[[group]]\nmeters = "1"\nprotected = "medical equipment"\n')
    site.start_daemon("--arm")
    decided(site, serial, "protected")
    assert site.stop_daemon() == 0
    assert site.edges(serial) == []


def test_a_daemon_starts_disarmed(site):
    (serial,) = overdrawn(site)
    site.start_daemon()
    decision = decided(site, serial, "disarmed")
    assert decision["would"] == "disconnect"
    assert site.edges(serial) == []
    assert site.headend("policy", "arm").exit_code == 0
    site.until(lambda: site.relay(serial) is False)


def test_another_meter_behind_the_address_is_left_alone(site):
    (serial,) = overdrawn(site)
    site.ask("set", serial=serial, identity=99)
    site.start_daemon("--arm")
    events = site.until(lambda: _events(site, "wrong_meter"))
    assert serial in events[0]["meter"]
    by_hand = site.headend("relay", "disconnect", serial, "--reason", "test", "--wait", "--timeout", "3")
    assert by_hand.exit_code in (3, 4), by_hand
    assert site.stop_daemon() == 0
    alone = site.headend("relay", "status", serial)
    assert alone.exit_code == 4, alone
    assert "expected" in alone.stderr
    assert site.edges() == []


def _events(site, text):
    lines = site.headend("events", "--json", "--limit", "200").stdout.splitlines()
    return [event for event in map(json.loads, lines) if text in json.dumps(event)]


def test_a_lost_answer_is_read_before_anything_is_sent_again(site):
    (serial,) = overdrawn(site)
    site.ask("fault", serial=serial, fault="lose_answer", moment="action")
    site.start_daemon("--arm")
    site.until(lambda: [each for each in site.commands() if each["state"] == "confirmed"])
    assert site.edges(serial) == [False]
    assert site.ask("meter", serial=serial)["relay_actions"] == 1
    command = site.commands()[0]
    steps = site.headend("commands", "show", str(command["id"]), "--json").json["steps"]
    assert "unknown" in [step["after"] for step in steps]


def test_a_wrong_key_is_told_in_words(one_meter):
    site, serial, _ = one_meter
    text = (site.folder / "keys.toml").read_text()
    wrong = "42" * 16
    lines = [f'ek = "{wrong}"' if line.startswith("ek") else line for line in text.splitlines()]
    (site.folder / "keys.toml").write_text("\n".join(lines))
    assert site.headend("keys", "import", site.folder / "keys.toml").exit_code == 0
    answer = site.headend_process("read", serial)
    assert answer.exit_code in (3, 4), answer
    assert "authentication refused by the meter" in answer.stderr
    assert "Traceback" not in answer.stderr
