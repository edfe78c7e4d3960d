"""Data is complete, and what is wrong at a meter is seen: clocks, tampers, gaps, another firmware."""

import json

SCENARIO = """
[meters]
history_days = 3
[[group]]
meters = "2"
[group.settings]
clock_offset_seconds = 40
[[group]]
meters = "3"
[group.settings]
clock_offset_seconds = 19800
"""
SCHEDULE = """
[clock]
interval = "1d"
[[schedules]]
name = "all"
every = "{every}"
tasks = ["clock", "relay", "registers", "balance", "nameplate", "block_load", "events"]
"""


def serials_of(site, meters=3, every="2s"):
    site.start_simulator(meters=meters, scenario=SCENARIO)
    site.configure(mode="notify", extra=SCHEDULE.format(every=every))
    site.import_all()
    return [each["serial"] for each in site.headend("meters", "list", "--json").json]


def test_clocks_are_set_within_the_rules_and_a_person_is_told_of_those_beyond(site):
    right, late, wrong = serials_of(site)
    site.start_daemon()
    site.until(lambda: site.events("clock.off") and site.events("clock.set"))
    assert site.stop_daemon() == 0
    (set_,) = site.events("clock.set")
    assert set_["meter"] == late
    assert 39 < set_["payload"]["before_s"] < 41
    assert abs(set_["payload"]["after_s"]) < 2
    ahead = [site.ask("meter", serial=serial)["clock_ahead"] for serial in (right, late, wrong)]
    assert (ahead[0], ahead[2]) == (0, 19_800)
    assert abs(ahead[1]) < 2
    (item,) = site.headend("work", "list", "--json").json
    assert (item["kind"], item["meter"], item["command"]) == ("clock_off", wrong, None)


def test_a_tamper_is_told_with_its_office_and_has_a_start_and_an_end(site):
    serial, *_ = serials_of(site)
    site.start_daemon()
    site.ask("event", serial=serial, code=201)
    site.until(lambda: site.events("meter.event"))
    lasting = site.headend("events", "--of-meters", "--lasting", "--type", "tamper", "--json").json
    assert [(each["meter"], each["code"], each["severity"]) for each in lasting] == [(serial, 201, "critical")]
    site.ask("event", serial=serial, code=202)
    ended = ("events", "--of-meters", "--type", "tamper", "--meter", serial, "--json")
    site.until(lambda: site.headend(*ended).json[0]["ended_at"])
    told = site.headend("events", "--severity", "critical", "--kind", "meter", "--json").stdout.splitlines()
    assert {json.loads(line)["payload"]["office"] for line in told} == {lasting[0]["office"]}
    assert site.headend("events", "--severity", "critical", "--office", "Dhanbad", "--json").stdout == ""
    assert site.stop_daemon() == 0


def test_days_that_a_read_by_hand_left_out_are_found_and_filled(site):
    serial, *_ = serials_of(site, every="1d")
    newest = site.headend("read", serial, "--profile", "block_load", "--json").json["rows"][-4:]
    # The rows before are forgotten, as if only the newest had ever been asked for.
    ((table,),) = site.stored("SELECT rows_table FROM shapes WHERE profile = 'block_load'")
    site.change(
        f'DELETE FROM "{table}" WHERE time < (SELECT min(time) FROM (SELECT time FROM "{table}"'
        " ORDER BY time DESC LIMIT 4) n)"
    )
    site.start_daemon()
    # The first search begins a minute after the start.
    of_meter = f"SELECT count(*) FROM \"{table}\" r JOIN meters m ON m.id = r.meter AND m.serial = '{serial}'"
    site.until(lambda: _count(site, of_meter) >= 144, seconds=180)
    assert site.stop_daemon() == 0
    assert _count(site, "SELECT count(*) FROM gaps WHERE tries > 0")
    assert _count(site, "SELECT count(*) FROM row_flags WHERE flag = 'late'") >= 140
    assert len(newest) == 4


def test_another_firmware_is_told_and_what_it_captures_is_asked_again(site):
    serial, *_ = serials_of(site)
    happening = '[[happening]]\nkind = "firmware"\nmeters = "1"\nafter_seconds = 20\nfirmware = "9.9"\n'
    site.simulator.kill()
    site.simulator.wait(10)
    site.start_simulator(meters=3, scenario=SCENARIO + happening)
    assert site.headend("meters", "import", site.folder / "inventory.csv").exit_code == 0
    site.start_daemon()
    site.until(lambda: site.events("meter.firmware_changed"), seconds=90)
    captured = "SELECT count(*) FROM meter_captures WHERE firmware = '9.9' AND profile = 'block_load'"
    site.until(lambda: _count(site, captured))
    assert site.stop_daemon() == 0
    (event,) = site.events("meter.firmware_changed")
    assert (event["meter"], event["payload"]["before"], event["payload"]["after"]) == (serial, "1.0.0", "9.9")


def _count(site, query):
    return site.stored(query)[0][0]
