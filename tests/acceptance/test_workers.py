"""headend run --workers: what a worker was doing when it died, hung or lost its parent is done, and nothing twice."""

import asyncio
import os
import random
import signal
import sqlite3
from datetime import UTC, datetime

import pytest

from headend.storage.store import Store

METERS = 12
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


@pytest.fixture
def collecting(site):
    """Twelve meters with two days of history, visited all the time; no daemon yet."""
    site.start_simulator(meters=METERS, scenario="[meters]\nhistory_days = 2\n")
    site.configure(extra=SCHEDULES)
    site.import_all()
    return site


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=[pytest.mark.nightly, pytest.mark.timeout(2400)])])
def test_a_worker_that_is_killed_in_collection_is_replaced_and_nothing_is_done_twice(collecting, kills):
    site, chance = collecting, random.Random(kills)
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    site.start_daemon("--workers", "2")
    wanted = {serial: [] for serial in serials}
    for _ in range(kills):
        _ask_for_relay_work(site, chance, wanted)
        before, more = _visits(site), chance.randrange(1, 2 * METERS)
        site.until(lambda before=before, more=more: _visits(site) >= before + more, every=chance.uniform(0.005, 0.05))
        victim = chance.choice(_workers(site, pids=True))
        os.kill(victim["pid"], signal.SIGKILL)
        site.until(lambda victim=victim: victim["pid"] not in {each["pid"] for each in _workers(site)})
    site.until(lambda: all(each["state"] in ("confirmed", "cancelled") for each in site.commands()), seconds=120)
    died = [event for event in site.events("worker.died") if "signal 9" in event["payload"]["why"]]
    assert len(died) == kills
    _nothing_is_missing_or_doubled(site, serials)
    _no_edge_is_doubled(site, serials)


def test_a_command_whose_worker_died_after_sending_is_read_by_the_next_one_and_not_sent_again(one_meter):
    site, serial, _ = one_meter
    site.start_daemon("--workers", "2", crash_point="action-sent")
    asked = site.headend("relay", "disconnect", serial, "--reason", "test", "--json").json["id"]
    site.until(lambda: {each["id"]: each["state"] for each in site.commands()}[asked] == "confirmed", seconds=120)
    steps = site.headend("commands", "show", asked, "--json").json["steps"]
    assert [step["after"] for step in steps] == ["requested", "sending", "unknown", "confirmed"]
    assert site.ask("meter", serial=serial)["relay_actions"] == 1
    (event,) = site.events("worker.died")
    assert event["payload"]["unknown_commands"] == 1
    assert site.stop_daemon() == 0


def test_workers_end_with_a_parent_that_is_killed_and_the_next_daemon_goes_on(collecting):
    site = collecting
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    for _ in range(3):
        site.start_daemon("--workers", "2")
        pids = [each["pid"] for each in _workers(site, pids=True)]
        before = _visits(site)
        site.until(lambda before=before: _visits(site) > before)
        site.stop_daemon(signal.SIGKILL)
        site.until(lambda pids=pids: not any(map(_lives, pids)))
    site.start_daemon()
    pid = site.daemon.pid
    assert [(each["worker"], each["pid"]) for each in site.headend("workers", "list", "--json").json] == [(0, pid)]
    _nothing_is_missing_or_doubled(site, serials)


def test_a_worker_that_is_stopped_past_its_lease_and_continued_writes_nothing_and_ends(collecting):
    """The lease is taken as a worker elsewhere would take it; the stopped process then wakes up with visits in hand."""
    site = collecting
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    site.start_daemon("--workers", "2")
    victim = _workers(site, pids=True)[0]
    before = _visits(site)
    site.until(lambda: _visits(site) > before)
    os.kill(victim["pid"], signal.SIGSTOP)
    asyncio.run(_take(site, victim["shards"][0]))
    taken = _visits(site)
    os.kill(victim["pid"], signal.SIGCONT)
    site.until(lambda: not _lives(victim["pid"]))
    heir = site.until(lambda: [each for each in _workers(site, pids=True) if each["worker"] == victim["worker"]])[0]
    assert heir["token"] > victim["token"] + 1, "whoever took it has lost it in turn"
    assert heir["shards"] == victim["shards"]
    site.until(lambda: _visits(site) > taken)
    _nothing_is_missing_or_doubled(site, serials)


@pytest.mark.timeout(240)
def test_a_worker_that_hangs_is_replaced(collecting):
    site = collecting
    serials = [each["serial"] for each in site.headend("meters", "list", "--json").json]
    site.start_daemon("--workers", "2")
    site.until(lambda: sum(line.get("event") == "worker started" for line in site.daemon_log()) == 2)
    victim = _workers(site, pids=True)[0]
    os.kill(victim["pid"], signal.SIGSTOP)
    site.until(lambda: site.events("worker.died"), seconds=120)
    assert "said nothing" in site.events("worker.died")[0]["payload"]["why"]
    site.until(lambda: not _lives(victim["pid"]))
    _nothing_is_missing_or_doubled(site, serials)


def test_sigterm_ends_daemon_and_workers_and_says_so(collecting):
    site = collecting
    site.start_daemon("--workers", "3")
    site.until(lambda: len(_workers(site, pids=True)) == 3)
    pids = [each["pid"] for each in _workers(site)]
    site.until(lambda: sum(line.get("event") == "worker started" for line in site.daemon_log()) == 3)
    site.daemon.send_signal(signal.SIGHUP)
    site.until(lambda: sum(line.get("event") == "configuration reloaded" for line in site.daemon_log()) == 4)
    assert site.stop_daemon() == 0
    assert not any(map(_lives, pids))
    told = [line["event"] for line in site.daemon_log()]
    assert told.count("worker stopped") == 3
    assert "workers did not end in time" not in told
    assert site.headend("workers", "list", "--json").json == []
    ended = site.headend("workers", "list", "--all", "--json").json
    assert [each["why"] for each in ended] == ["stopped"] * 4


def test_recharges_and_reads_reach_the_worker_of_the_meter(site):
    site.start_simulator(meters=6)
    site.configure()
    site.import_all()
    site.start_daemon("--workers", "2")
    meters = site.headend("meters", "list", "--json").json
    for each in meters:
        read = site.headend("read", each["serial"], "--json")
        assert read.exit_code == 0, read
        cut = site.headend("relay", "disconnect", each["serial"], "--reason", "test", "--wait", "--emergency")
        assert cut.exit_code == 0, cut
        restored = site.headend("relay", "reconnect", each["serial"], "--reason", "paid", "--wait")
        assert restored.exit_code == 0, restored
        assert site.edges(each["serial"]) == [False, True]
    done = {each["worker"]: each["status"]["standing"]["visits"] for each in _told(site)}
    assert set(done) == {0, 1, 2}
    stats = site.ask("stats")
    assert (stats["counters_reused"], stats["duplicate_actuations"], stats["overlapping"]) == (0, 0, 0)


async def _take(site, shard):
    """What an engine does that believes the holder of a shard dead."""
    store = await Store.open(site.database, kek=None, now=lambda: datetime.now(UTC))
    try:
        token = await store.workers.begin(9, "elsewhere", 0)
        await store.workers.take(token, shard)
    finally:
        await store.close()


def _workers(site, *, pids=False):
    """The workers that live, without the parent; with `pids`, once all of them have one."""

    def look():
        found = [each for each in site.headend("workers", "list", "--json").json if each["worker"]]
        return found if not pids or (len(found) > 1 and all(each["pid"] for each in found)) else None

    return site.until(look) if pids else look()


def _told(site):
    def look():
        found = site.headend("workers", "list", "--json").json
        return found if all(each["status"] for each in found) else None

    return site.until(look)


def _ask_for_relay_work(site, chance, wanted):
    serial = chance.choice(sorted(wanted))
    action = "disconnect" if not wanted[serial] or wanted[serial][-1] == "reconnect" else "reconnect"
    asked = site.headend("relay", action, serial, "--reason", "test", "--emergency", "--json")
    if asked.exit_code == 0:
        wanted[serial].append(action)


def _nothing_is_missing_or_doubled(site, serials):
    """Two more rounds, then what each meter still holds is in the database, each row once; ends the daemon."""
    begun = len(site.daemon_log())
    site.until(lambda: _data_rounds(site, begun) >= 4, seconds=120)
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
    assert site.headend("db", "check").exit_code == 0


def _no_edge_is_doubled(site, serials):
    confirmed = dict.fromkeys(serials, 0)
    for each in site.headend("commands", "list", "--json", "--limit", 1000).json:
        confirmed[each["meter"]] += each["state"] == "confirmed"
    for serial in serials:
        edges = site.edges(serial)
        assert edges == [number % 2 == 1 for number in range(len(edges))], "an edge is never made twice"
        assert len(edges) <= confirmed[serial]


def _data_rounds(site, since):
    lines = site.daemon_log()[since:]
    return sum(line.get("event") == "round done" and line.get("schedule") == "data" for line in lines)


def _visits(site):
    with sqlite3.connect(f"file:{site.database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM visits").fetchone()[0]


def _stored(site, profile):
    """Times of a profile's rows by meter, over every shape it came in (a meter drops its oldest, the store not)."""
    with sqlite3.connect(f"file:{site.database}?mode=ro", uri=True) as connection:
        times = {}
        for (table,) in connection.execute("SELECT rows_table FROM shapes WHERE profile = ?", (profile,)).fetchall():
            query = f'SELECT m.serial, r.time FROM "{table}" r JOIN meters m ON m.id = r.meter'
            for serial, at in connection.execute(query):
                times.setdefault(serial, []).append(at / 100)
        return times


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
