"""One round over a thousand meters: the simulator's word that each was visited, once, and never twice at a time."""

import json

METERS = 1000


def test_a_thousand_meters_are_each_read_once_in_a_round_and_none_twice_at_a_time(site):
    site.start_simulator(meters=METERS)
    site.configure(mode="notify", every="1d")
    site.import_all()
    site.start_daemon()
    site.until(lambda: _visits(site) >= METERS, seconds=200, every=0.5)
    assert site.stop_daemon() == 0
    stats = site.ask("stats")
    assert (stats["connections"], stats["overlapping"]) == (METERS, 0)
    assert (stats["counters_reused"], stats["counters_refused"], stats["relay_actions"]) == (0, 0, 0)
    stopped = site.daemon_log()[-1]
    assert (stopped["event"], stopped["visits"]) == ("stopped", {"done": METERS})
    for serial in ("10000001", "10000500", "10001000"):
        latest = site.headend("meters", "show", serial, "--json").json["latest"]
        assert "energy_import" in [each["name"] for each in latest]


def _visits(site):
    answer = site.headend("db", "check", "--json")
    return json.loads(answer.stdout)["counted"]["visits"]
