"""Kill -9 of the daemon, or of the simulator, at random in the middle of collection: each row once, nothing twice."""

import random
import signal
from datetime import datetime

import pytest

METERS = 12
SCENARIO = "[meters]\nhistory_days = 2\n"
SCHEDULES = """
[clock]
set = false
[[schedules]]
name = "poll"
every = "2s"
tasks = ["clock", "relay", "registers", "balance"]
[[schedules]]
name = "data"
every = "3s"
tasks = ["clock", "block_load", "daily", "events"]
"""


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=[pytest.mark.nightly, pytest.mark.timeout(1800)])])
def test_rows_are_stored_once_no_counter_is_reused_and_no_edge_is_doubled(site, kills):
    site.start_simulator(meters=METERS, scenario=SCENARIO)
    serials = _set_up(site)
    chance = random.Random(kills)
    wanted = {serial: [] for serial in serials}
    for _ in range(kills):
        _die_in_collection(site, chance, wanted)
        site.stop_daemon(signal.SIGKILL)
    _all_is_well(site, serials)


@pytest.mark.nightly
@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.timeout(1800))])
def test_meters_that_lose_their_power_at_random_are_left_with_every_row_and_no_edge_twice(site, kills):
    remembering = ("--by-address", "--remember", str(site.folder / "meters.memory"))
    port = site.start_simulator(meters=METERS, scenario=SCENARIO, extra=remembering)["meters"][0]["port"]
    serials = _set_up(site)
    chance = random.Random(-kills)
    wanted = {serial: [] for serial in serials}
    for _ in range(kills):
        failed = _visits(site, "outcome <> 'done'")
        _die_in_collection(site, chance, wanted)
        site.kill_simulator()
        site.until(lambda failed=failed: _visits(site, "outcome <> 'done'") > failed)
        # A fresh start has nothing held against the meters, so that the next death comes soon.
        site.stop_daemon(chance.choice((signal.SIGKILL, signal.SIGTERM)))
        site.start_simulator(meters=METERS, scenario=SCENARIO, port=port, extra=remembering)
    _all_is_well(site, serials)


def _set_up(site):
    site.configure(extra=SCHEDULES)
    site.import_all()
    return [each["serial"] for each in site.headend("meters", "list", "--json").json]


def _all_is_well(site, serials):
    site.start_daemon()
    site.until(lambda: all(each["state"] in ("confirmed", "cancelled") for each in site.commands()), seconds=120)
    started = site.daemon.pid
    site.until(lambda: _data_rounds(site, started) >= 2, seconds=120)
    held = {serial: site.headend("read", serial, "--profile", "block_load", "--json").json for serial in serials}
    assert site.stop_daemon() == 0
    stats = site.ask("stats")
    assert (stats["counters_reused"], stats["duplicate_actuations"], stats["overlapping"]) == (0, 0, 0)
    stored = _stored(site, "block_load")
    for serial in serials:
        of_meter = {datetime.fromisoformat(row["time"]).timestamp() for row in held[serial]["rows"]}
        assert len(of_meter) >= 96, serial
        assert not of_meter - set(stored[serial]), serial
        assert len(stored[serial]) == len(set(stored[serial])), serial
    confirmed = dict.fromkeys(serials, 0)
    for each in site.headend("commands", "list", "--json", "--limit", 1000).json:
        confirmed[each["meter"]] += each["state"] == "confirmed"
    for serial in serials:
        edges = site.edges(serial)
        assert edges == [number % 2 == 1 for number in range(len(edges))], "an edge is never made twice"
        assert len(edges) <= confirmed[serial]
    assert site.headend("db", "check").exit_code == 0


def _die_in_collection(site, chance, wanted):
    """Start, ask for relay work, and let a random number of visits be written."""
    site.start_daemon()
    serial = chance.choice(sorted(wanted))
    action = "disconnect" if not wanted[serial] or wanted[serial][-1] == "reconnect" else "reconnect"
    before, more = _visits(site), chance.randrange(1, 3 * METERS)
    # No hour of the day holds it back; putting supply back is never held.
    emergency = ["--emergency"] if action == "disconnect" else []
    asked = site.headend("relay", action, serial, "--reason", "test", *emergency, "--json")
    # Refused where one that was asked for before a death is still open.
    assert asked.exit_code in (0, 4), asked
    if asked.exit_code == 0:
        wanted[serial].append(action)
    site.until(lambda: _visits(site) >= before + more, every=chance.uniform(0.005, 0.05))


def _visits(site, which="true"):
    return site.stored(f"SELECT count(*) FROM visits WHERE {which}")[0][0]


def _data_rounds(site, pid):
    lines = site.daemon_log()
    first = max(n for n, line in enumerate(lines) if line.get("event") == "started" and line.get("pid") == pid)
    return sum(line.get("event") == "round done" and line.get("schedule") == "data" for line in lines[first:])


def _stored(site, profile):
    """Times of a profile's rows by meter, over every shape it came in (a meter drops its oldest, the store not)."""
    times = {}
    for (table,) in site.stored(f"SELECT rows_table FROM shapes WHERE profile = '{profile}'"):
        for serial, at in site.stored(f'SELECT m.serial, r.time FROM "{table}" r JOIN meters m ON m.id = r.meter'):
            times.setdefault(serial, []).append(at / 100)
    return times
