"""The first thing that a newcomer runs: a whole cycle on a simulated fleet, judged by the simulator."""


def test_a_whole_cycle_is_shown_and_a_database_in_use_is_left_alone(site):
    store = [] if site.url is None else ["--store", site.url]
    shown = site.headend_process("demo", "--headless", "--json", *store, timeout=240)
    assert shown.exit_code == 0, shown
    summary = shown.json
    assert (summary["disconnected"], summary["reconnected"], summary["relay_edges"]) == (2, 2, 4)
    assert (summary["duplicate_actuations"], summary["unknown"], summary["counters_reused"]) == (0, 0, 0)
    if site.url is not None:
        again = site.headend_process("demo", "--headless", "--json", *store, timeout=240)
        assert again.exit_code == 1
        assert "uses this database already; name an empty one" in again.stderr
