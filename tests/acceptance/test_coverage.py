"""`headend fleet coverage` and `headend status` on a fleet that was read."""

import json

from site_under_test import Site


def test_coverage_is_told_of_a_fleet_that_was_read_and_of_one_meter_that_was_not(site: Site):
    site.start_simulator(meters=3)
    site.configure()
    site.import_all()
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    for serial in serials[1:]:
        answer = site.headend("read", serial, "--profile", "block_load", "--json")
        assert answer.exit_code == 0, answer
    answer = site.headend("fleet", "coverage", "--date", "yesterday", "--profile", "block_load", "--missing", "--json")
    assert answer.exit_code == 0, answer
    found = answer.json
    assert found["profiles"]["block_load"]["meters"] == 3
    assert found["profiles"]["block_load"]["complete_meters"] == 2
    assert [each["meter"] for each in found["missing"]] == serials[:1]
    text = site.headend("fleet", "coverage", "--missing").stdout
    assert serials[0] in text


def test_what_is_no_day_or_no_periodic_profile_is_a_usage_error(site: Site):
    site.configure()
    answer = site.headend("fleet", "coverage", "--date", "soon")
    assert (answer.exit_code, "2026-11-23" in answer.stderr) == (2, True)
    answer = site.headend("fleet", "coverage", "--profile", "nameplate")
    assert (answer.exit_code, "block_load" in answer.stderr) == (2, True)


def test_the_status_of_a_house_without_a_daemon_and_with_one(site: Site):
    site.start_simulator(meters=2)
    site.configure(every="1h", extra='[metrics]\nlisten = "127.0.0.1:0"\n')
    site.import_all()
    assert site.headend("status", "--json").json["state"] == "no daemon runs"
    site.start_daemon()
    told = site.until(
        lambda: (
            (found := site.headend("status", "--json").json)["running"]
            and found["view"]["processes"][0]["standing"]["visits"].get("done") == 2
            and found
        )
    )
    assert told["view"]["pid"] == site.daemon.pid
    assert told["view"]["house"]["meters"] == 2
    text = site.headend("status", "--once").stdout
    assert f"running, process {site.daemon.pid}" in text
    site.stop_daemon()
    assert not site.headend("status", "--json").json["running"]
    assert all(json.loads(line) for line in (site.folder / "daemon.log").read_text().splitlines())
