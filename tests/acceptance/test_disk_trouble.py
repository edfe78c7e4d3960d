"""The disk of a running daemon: failing, full for a while, slow, or not to be written at all."""

import contextlib
import resource
import shutil
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest


def _visits(site):
    with sqlite3.connect(f"file:{site.database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM visits").fetchone()[0]


def _limit_files(site, size):
    """No file of the daemon may grow beyond `size`: what a disk without space does to every write."""
    _, hard = resource.prlimit(site.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(site.daemon.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.embedded
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


@pytest.fixture
def small_disk(one_meter):
    """The meter's site with its database on a disk of 4 MiB; skipped where nothing may be mounted."""
    site, serial, consumer = one_meter
    disk = site.folder / "disk"
    disk.mkdir()
    if not _mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", disk):
        pytest.skip("nothing may be mounted here")
    for file in site.folder.glob("headend.db*"):
        shutil.move(file, disk / file.name)
    site.configure(mode="notify", every="1s")
    site.config.write_text(site.config.read_text().replace('path = "headend.db"', 'path = "disk/headend.db"'))
    site.database = disk / "headend.db"
    yield site, serial, consumer
    site.close()
    assert subprocess.run(["umount", str(disk)], check=False).returncode == 0


def _mount(*arguments):
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False).returncode == 0


def test_a_full_disk_loses_nothing_and_the_same_daemon_goes_on_when_there_is_room(small_disk):
    site, _, consumer = small_disk
    site.start_daemon()
    site.until(lambda: _visits(site) > 2)
    assert site.headend("recharge", consumer, "7", "--payment-id", "BEFORE").exit_code == 0
    _fill(site.database.parent / "ballast")
    site.until(lambda: "disk is full" in (site.folder / "daemon.log").read_text())
    refused = site.headend_process("recharge", consumer, "8", "--payment-id", "MEANWHILE")
    assert refused.exit_code == 1, refused
    assert "full" in refused.stderr
    stands = _visits(site)
    (site.database.parent / "ballast").unlink()
    site.until(lambda: _visits(site) > stands + 2)
    assert site.daemon.poll() is None
    # Who was refused may ask again, and is booked once.
    assert site.headend("recharge", consumer, "8", "--payment-id", "MEANWHILE").exit_code == 0
    assert site.stop_daemon() == 0
    _nothing_was_lost(site, consumer, {"BEFORE", "MEANWHILE"})


def test_a_disk_that_may_only_be_read_is_told_at_the_start_and_nothing_is_changed(small_disk):
    site, _, consumer = small_disk
    assert site.headend("recharge", consumer, "7", "--payment-id", "BEFORE").exit_code == 0
    assert _mount("-o", "remount,ro", site.database.parent)
    refused = site.headend_process("run")
    assert refused.exit_code == 1, refused
    assert "read-only" in refused.stderr.lower() or "may not be written" in refused.stderr, refused
    assert _mount("-o", "remount,rw", site.database.parent)
    site.start_daemon()
    site.until(lambda: _visits(site) > 2)
    assert site.stop_daemon() == 0
    _nothing_was_lost(site, consumer, {"BEFORE"})


def test_a_disk_that_is_slow_delays_what_is_written_and_loses_none_of_it(one_meter):
    site, serial, consumer = one_meter
    site.configure(mode="notify", every="1s")
    site.start_daemon()
    site.until(lambda: _visits(site) > 2)
    # Whoever holds the lock is to the daemon what a disk is that takes seconds for a commit.
    with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as slow:
        slow.execute("BEGIN IMMEDIATE")
        before = _visits(site)
        with ThreadPoolExecutor(1) as beside:
            paying = beside.submit(site.headend_process, "recharge", consumer, "6", "--payment-id", "DURING")
            assert site.headend("status", "--json").json["running"], "screens wait for no write"
            assert site.headend("meters", "show", serial, "--json").json["latest"]
            assert _visits(site) == before
            assert not paying.done(), "what is not on the disk is not acknowledged"
            slow.execute("ROLLBACK")
            assert paying.result(120).exit_code == 0
    site.until(lambda: _visits(site) > before + 2)
    assert site.headend("recharge", consumer, "7", "--payment-id", "AFTER").exit_code == 0
    assert site.headend("relay", "disconnect", serial, "--reason", "test", "--emergency", "--wait").exit_code == 0
    assert site.stop_daemon() == 0
    assert site.edges(serial) == [False]
    _nothing_was_lost(site, consumer, {"DURING", "AFTER"})


def _fill(ballast):
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def _nothing_was_lost(site, consumer, payments):
    booked = [entry["reference"] for entry in site.headend("accounts", "show", consumer, "--json").json["ledger"]]
    assert all(booked.count(payment) == 1 for payment in payments)
    stats = site.ask("stats")
    assert (stats["counters_reused"], stats["duplicate_actuations"]) == (0, 0)
    assert site.headend("db", "check").exit_code == 0
