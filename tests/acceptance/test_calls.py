"""Meters that reach us: found out, calling in, pushing. Each with simulator and daemon as processes of their own."""

import socket
import tomllib
from datetime import UTC, datetime, timedelta

import pytest

LISTEN = """
[listen]
dial_in = "127.0.0.1:{port}"
"""

PUSHES = """
[listen]
push = "127.0.0.1:0"
push_udp = "127.0.0.1:0"
plain_push = {plain}
"""


def free_port():
    """A port that the system says is free; nothing else on this machine asks for that very one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def calling(site):
    """One meter that calls, imported, nobody listening yet; gives (site, serial)."""
    port = free_port()
    site.start_simulator(meters=1, extra=("--dial-in", f"127.0.0.1:{port}"))
    site.configure(extra=LISTEN.format(port=port))
    site.import_all()
    (meter,) = site.headend("meters", "list", "--json").json
    assert meter["address"] == "dial-in:"
    return site, meter["serial"]


def called(site):
    """The serials of the meters that called the daemon, once there is any."""
    return site.until(lambda: [line["meter"] for line in site.daemon_log() if line.get("event") == "meter called"])


def states(site):
    return [command["state"] for command in site.commands()]


def test_a_meter_that_calls_is_unreachable_until_it_does_and_then_what_is_due_is_done(calling):
    site, serial = calling
    alone = site.headend("relay", "disconnect", serial, "--reason", "test")
    assert alone.exit_code == 3, alone
    assert "calls us" in alone.stderr
    assert states(site) == ["requested"]
    site.start_daemon()
    site.until(lambda: states(site) == ["confirmed"])
    assert site.edges(serial) == [False]
    restored = site.headend("relay", "reconnect", serial, "--reason", "paid", "--wait", "--json")
    assert (restored.exit_code, restored.json["state"]) == (0, "confirmed"), restored
    assert site.headend("read", serial, "--json").json["balance_paise"] is not None
    # One call carried it all.
    assert site.ask("stats")["connections"] == 1
    assert site.ask("stats")["duplicate_actuations"] == 0
    assert site.stop_daemon() == 0


def test_a_meter_that_hung_up_is_served_when_it_calls_again(calling):
    site, serial = calling
    site.start_daemon()
    called(site)
    assert site.headend("read", serial).exit_code == 0
    site.ask("reboot", serial=serial, seconds=3600)
    site.until(lambda: site.ask("stats")["open"] == 0)
    gone = site.headend("read", serial)
    assert gone.exit_code == 3, gone
    assert "no call of it stands" in gone.stderr
    assert site.headend("relay", "disconnect", serial, "--reason", "test").exit_code in (0, 3)
    assert site.edges(serial) == []
    site.ask("reboot", serial=serial, seconds=0)
    site.until(lambda: states(site) == ["confirmed"])
    assert site.edges(serial) == [False]


def test_schedules_are_kept_over_the_meters_own_call(calling):
    site, serial = calling
    port = tomllib.loads(site.config.read_text())["listen"]["dial_in"].rpartition(":")[2]
    site.configure(every="2s", extra=LISTEN.format(port=port))
    site.start_daemon()

    def readings():
        return {each["received"] for each in site.headend("meters", "show", serial, "--json").json["latest"]}

    first = site.until(readings)
    site.until(lambda: readings() - first)
    assert site.ask("stats")["connections"] == 1


def test_a_caller_that_nobody_expects_is_refused_and_counted(site):
    port = free_port()
    site.start_simulator(meters=2, extra=("--dial-in", f"127.0.0.1:{port}"))
    site.configure(extra=LISTEN.format(port=port))
    inventory = site.folder / "inventory.csv"
    head, known, unknown = inventory.read_text().splitlines()
    inventory.write_text(f"{head}\n{known}\n")
    consumers = site.folder / "consumers.csv"
    consumers.write_text("\n".join(consumers.read_text().splitlines()[:2]) + "\n")
    keys = site.folder / "keys.toml"
    stranger = unknown.split(",")[0]
    entries = [entry for entry in keys.read_text().split("[[keys]]") if stranger not in entry]
    keys.write_text("[[keys]]".join(entries))
    site.import_all()
    site.start_daemon()
    serial = known.split(",")[0]
    called(site)
    assert site.headend("read", serial).exit_code == 0
    refused = site.until(lambda: [line for line in site.daemon_log() if line.get("event") == "caller refused"])
    assert stranger in refused[0]["error"]
    assert [line["meter"] for line in site.daemon_log() if line.get("event") == "meter called"] == [serial]
    assert site.stop_daemon() == 0
    (figures,) = [line for line in site.daemon_log() if line.get("event") == "listened"]
    assert figures["calls"] == 1
    assert figures["calls_refused"]["unknown"] >= 1


def test_a_caller_with_another_meters_name_is_never_worked_with(site):
    port = free_port()
    site.start_simulator(meters=2, extra=("--dial-in", f"127.0.0.1:{port}"))
    site.configure(extra=LISTEN.format(port=port))
    site.import_all()
    first, second = (meter["serial"] for meter in site.headend("meters", "list", "--json").json)
    # Meter 2 says that it is meter 1; it can't prove it.
    site.ask("set", serial=second, identity=1)
    site.ask("reboot", serial=first, seconds=3600)
    site.start_daemon()
    site.headend("relay", "disconnect", first, "--reason", "test")
    site.until(lambda: site.events("visit.failed"))
    assert site.edges() == []
    assert states(site) == ["requested"]


@pytest.fixture
def pushing(one_meter):
    """One meter that is polled over TCP, and a daemon that listens for pushes; gives (site, serial)."""
    site, serial, _ = one_meter
    site.configure(extra=PUSHES.format(plain="false"))
    site.start_daemon()
    return site, serial


def test_a_push_becomes_readings_once_a_visit_has_told_the_scalers(pushing):
    site, serial = pushing
    site.ask("push", serial=serial, port=site.port("push"))
    (first,) = site.until(lambda: site.events("push.received"))
    assert first["meter"] == serial
    assert first["payload"]["authenticated"] is True
    # Whose scalers nobody knows is asked for them.
    latest = site.until(lambda: site.headend("meters", "show", serial, "--json").json["latest"])
    assert {each["meter_time"] for each in latest if each["name"] == "voltage"} == {None}
    site.ask("push", serial=serial, port=site.port("push_udp"), transport="udp")
    second = site.until(lambda: site.events("push.received")[1:])[0]
    assert second["payload"]["values"]["voltage"].endswith(" V")
    latest = site.headend("meters", "show", serial, "--json").json["latest"]
    (voltage,) = [each for each in latest if each["name"] == "voltage"]
    assert voltage["meter_time"] is not None
    assert f"{voltage['value']} V" == second["payload"]["values"]["voltage"]
    assert site.headend("db", "check").exit_code == 0


def test_an_alert_is_told_and_leads_to_a_visit(pushing):
    site, serial = pushing
    before = site.ask("stats")["connections"]
    site.ask("event", serial=serial, code=251)
    site.ask("push", serial=serial, port=site.port("push"), kind="alert")
    (alert,) = site.until(lambda: site.events("push.alert"))
    assert alert["payload"]["alerts"] == ["cover opened"]
    site.until(lambda: site.ask("stats")["connections"] > before)
    site.until(lambda: site.headend("meters", "show", serial, "--json").json["latest"])


def test_a_push_that_is_sent_again_is_refused_also_after_a_restart(pushing):
    site, serial = pushing
    site.ask("push", serial=serial, port=site.port("push"))
    site.until(lambda: site.events("push.received"))
    site.ask("push", serial=serial, port=site.port("push"), again=True)
    (refused,) = site.until(lambda: site.events("push.refused"))
    assert "replayed" in refused["payload"]["text"]
    assert site.stop_daemon() == 0
    site.start_daemon()
    site.ask("push", serial=serial, port=site.port("push"), again=True)
    site.until(lambda: len(site.events("push.refused")) == 2)
    assert len(site.events("push.received")) == 1
    site.ask("push", serial=serial, port=site.port("push"))
    site.until(lambda: len(site.events("push.received")) == 2)


def test_a_push_in_clear_is_refused_unless_the_configuration_says_otherwise(one_meter):
    site, serial, _ = one_meter
    site.configure(extra=PUSHES.format(plain="false"))
    site.start_daemon()
    site.ask("push", serial=serial, port=site.port("push"), plain=True)
    (refused,) = site.until(lambda: [line for line in site.daemon_log() if line.get("event") == "push refused"])
    assert "in clear" in refused["error"]
    assert site.stop_daemon() == 0
    assert site.events("push.received") == []
    site.configure(extra=PUSHES.format(plain="true"))
    site.start_daemon()
    assert site.headend("read", serial).exit_code == 0
    site.ask("push", serial=serial, port=site.port("push"), plain=True)
    (event,) = site.until(lambda: site.events("push.received"))
    assert event["payload"]["authenticated"] is False
    # It is shown, and it is no reading.
    latest = site.headend("meters", "show", serial, "--json").json["latest"]
    assert {each["meter_time"] for each in latest if each["name"] == "voltage"} == {None}


def test_a_place_to_listen_that_is_none_is_named(one_meter):
    site, _, _ = one_meter
    site.configure(extra='[listen]\npush = "everywhere"\n')
    answer = site.headend_process("run")
    assert answer.exit_code == 2, answer
    assert "listen.push" in answer.stderr


def test_a_model_is_found_out_and_serves_for_visits(one_meter):
    site, serial, _ = one_meter
    models = site.folder / "models"
    models.mkdir()
    found = site.headend("meters", "discover", serial, "--out", models / "found.toml", "--name", "found", "--json")
    assert found.exit_code == 0, found
    assert found.json["relay"] == "0.0.96.3.10.255"
    assert found.json["prepaid"] is True
    assert {"energy_import", "voltage", "balance", "demand_max", "demand_max_time"} <= set(found.json["registers"])
    assert {"block_load", "daily", "billing", "instantaneous", "nameplate", "events_other"} <= set(
        found.json["profiles"]
    )
    assert found.json["pushes"] == ["push", "push_alert"]
    text = site.config.read_text().replace("[collection]", '[collection]\nmodels = "models"')
    site.config.write_text(text)
    inventory = site.folder / "inventory.csv"
    inventory.write_text(inventory.read_text().replace("is15959-single-phase", "found"))
    assert site.headend("meters", "import", inventory).exit_code == 0
    before = site.headend("read", serial, "--json")
    assert before.exit_code == 0, before
    named = {each["name"]: each for each in before.json["readings"]}
    assert named["energy_import"]["unit"] == "Wh"
    assert before.json["balance_paise"] == 50_000
    since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    rows = site.headend("read", serial, "--profile", "block_load", "--since", since, "--json")
    assert rows.exit_code == 0, rows
    assert "energy_import_block" in [column["name"] for column in rows.json["columns"]]
    assert len(rows.json["rows"]) >= 90
    assert site.headend("relay", "disconnect", serial, "--reason", "test").exit_code == 0
    assert site.edges(serial) == [False]


def test_beside_a_daemon_discovery_says_what_to_do(one_meter):
    site, serial, _ = one_meter
    site.start_daemon()
    answer = site.headend("meters", "discover", serial)
    assert answer.exit_code == 1, answer
    assert "stop the daemon" in answer.stderr


def test_discovery_in_another_role_prints_what_that_role_sees(one_meter):
    site, serial, _ = one_meter
    seen = site.headend("meters", "discover", serial, "--role", "public")
    assert seen.exit_code == 0, seen
    model = tomllib.loads(seen.stdout)
    assert [register["name"] for register in model.get("registers", [])] == ["serial"]
    assert site.headend("meters", "discover", serial, "--role", "nobody").exit_code == 2
    assert site.headend("meters", "discover", serial, "--out", "/nonexistent/x.toml").exit_code == 1
