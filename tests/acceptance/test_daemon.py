"""The daemon's signals: SIGHUP takes a configuration whole or not at all, SIGTERM ends and leaves a true journal."""

import signal

from headend.app.daemon import LAST_WORDS_S
from headend.scheduler.collector import CollectorRules


def logged(site, event):
    """Wait until the daemon says it; the line."""
    return site.until(lambda: next((line for line in site.daemon_log() if line["event"] == event), None))


def visits(site):
    return site.headend("db", "check", "--json").json["counted"]["visits"]


def test_a_reload_uses_the_new_schedules(one_meter):
    site, _, _ = one_meter
    daemon = site.start_daemon()
    assert visits(site) == 0
    site.configure(every="1s")
    daemon.send_signal(signal.SIGHUP)
    assert logged(site, "configuration reloaded")["schedules"] == ["poll"]
    site.until(lambda: visits(site) > 1)
    assert site.stop_daemon() == 0


def test_a_reload_of_a_broken_configuration_names_the_key_and_changes_nothing(one_meter):
    site, serial, _ = one_meter
    site.configure(every="1s")
    good = site.config.read_text()
    daemon = site.start_daemon()
    site.config.write_text(good.replace('every = "1s"', 'every = "often"'))
    daemon.send_signal(signal.SIGHUP)
    error = logged(site, "configuration not reloaded")["error"]
    assert "headend.toml" in error
    assert "'often'" in error
    before = visits(site)
    site.until(lambda: visits(site) > before)
    site.config.write_text(good)
    assert site.headend("relay", "status", serial).exit_code == 0
    assert site.stop_daemon() == 0


def test_no_policy_file_of_a_reload_is_used_when_another_file_is_broken(one_meter):
    site, serial, _ = one_meter
    daemon = site.start_daemon()
    site.configure(policy='name = "closed"\n[calendar]\nhours = [{ from = 00:00:00, to = 00:00:00 }]\n')
    good = site.config.read_text()
    site.config.write_text(good + '[prepaid]\ntariffs = "absent"\n')
    daemon.send_signal(signal.SIGHUP)
    assert "prepaid.tariffs" in logged(site, "configuration not reloaded")["error"]
    site.config.write_text(good)
    cut = site.headend("relay", "disconnect", serial, "--reason", "the old policy has no closed hours", "--wait")
    assert cut.exit_code == 0, cut
    assert site.stop_daemon() == 0


def test_the_time_to_stop_is_under_ten_seconds():
    assert CollectorRules().stop_s + LAST_WORDS_S < 10


def test_sigterm_ends_while_meters_are_silent(site):
    site.start_simulator(meters=5, scenario="[faults]\nsilence = 1.0\n")
    # Visits would last an hour: that the daemon ends at all shows that it does not wait for them.
    site.configure(every="1s", deadline=3600.0)
    site.import_all()
    site.start_daemon()
    site.until(lambda: site.ask("stats")["open"] == 5)
    assert site.stop_daemon() == 0
    assert site.headend("db", "check").exit_code == 0


def test_sigterm_in_the_middle_of_a_cut_leaves_its_outcome_unknown_and_the_next_start_reads_it(one_meter):
    site, serial, _ = one_meter
    site.configure(deadline=3600.0)
    site.start_daemon()
    site.ask("fault", serial=serial, fault="silence", moment="action")
    asked = site.headend("relay", "disconnect", serial, "--reason", "test", "--json").json["id"]
    site.until(lambda: site.relay(serial) is False)
    assert site.stop_daemon() == 0
    show = ("commands", "show", asked, "--json")
    assert site.headend(*show).json["command"]["state"] in ("sending", "unknown")
    site.start_daemon()
    site.until(lambda: site.headend(*show).json["command"]["state"] == "confirmed")
    assert [step["after"] for step in site.headend(*show).json["steps"]][-2:] == ["unknown", "confirmed"]
    assert site.ask("meter", serial=serial)["relay_actions"] == 1
    assert site.edges(serial) == [False]
    assert site.stop_daemon() == 0
