"""The disk of a running daemon: full for a while, or not to be written at all."""

import resource
import sqlite3


def _visits(site):
    with sqlite3.connect(f"file:{site.database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM visits").fetchone()[0]


def _limit_files(site, size):
    """No file of the daemon may grow beyond `size`: what a disk without space does to every write."""
    _, hard = resource.prlimit(site.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(site.daemon.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_daemon_whose_disk_fails_says_so_ends_loses_nothing_and_goes_on_after_a_fresh_start(one_meter):
    site, _, consumer = one_meter
    site.configure(mode="notify", every="1s")
    site.start_daemon()
    site.until(lambda: _visits(site) > 2)
    assert site.headend("recharge", consumer, "7", "--payment-id", "BEFORE").exit_code == 0
    # Above what the log has, below what the database and its journal have.
    _limit_files(site, 100_000)
    said = "no more is written until headend is started again"
    site.until(lambda: said in (site.folder / "daemon.log").read_text())
    # An end by itself, with an exit code that makes a service manager start it afresh.
    assert site.daemon.wait(60) == 1
    assert site.stop_daemon() == 1
    before = _visits(site)
    site.start_daemon()
    site.until(lambda: _visits(site) > before + 2)
    assert site.stop_daemon() == 0
    booked = {entry["reference"] for entry in site.headend("accounts", "show", consumer, "--json").json["ledger"]}
    assert "BEFORE" in booked
    stats = site.ask("stats")
    assert (stats["counters_reused"], stats["duplicate_actuations"]) == (0, 0)
    assert site.headend("db", "check").exit_code == 0
