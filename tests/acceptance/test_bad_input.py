"""What users get wrong: the file, line or key and the way out are named, and nothing is half applied."""

import os
import resource
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def configured(site):
    site.configure()
    return site


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[collection]\nlane_permits = 'many'\n", ["headend.toml", "collection.lane_permits", "int"]),
        ("[colection]\nlane_permits = 1\n", ["headend.toml", "colection"]),
        ("[store\n", ["headend.toml", "not valid TOML", "line"]),
        ("[policy]\nmode = 'auto'\n", ["headend.toml", "policy.mode"]),
        ("[policy]\nfile = 'absent.toml'\n", ["headend.toml", "policy.file", "absent.toml"]),
        ("[[schedules]]\nname = 'a'\nevery = 'often'\ntasks = ['clock']\n", ["headend.toml", "'a'", "'often'", "15m"]),
        ("[collection]\nvisits_at_once = 1\nkept_for_relay = 5\n", ["headend.toml", "collection"]),
        ("[mqtt]\nurl = 'http://broker'\n", ["mqtt://"]),
        ("[keys]\nkek_file = 'absent.kek'\n", ["absent.kek", "headend keys init"]),
    ],
)
def test_a_wrong_configuration_names_file_and_key(configured, text, names):
    configured.config.write_text(text)
    answer = configured.headend("run")
    assert answer.exit_code == 2, answer
    for name in names:
        assert name in answer.stderr
    assert not configured.database.exists()


def test_no_configuration_at_all_tells_where_one_may_be(configured):
    configured.config.unlink()
    answer = configured.headend("meters", "list")
    assert answer.exit_code == 2
    assert "headend.toml" in answer.stderr


def test_a_wrong_inventory_is_refused_whole_with_every_line_named(configured):
    site = configured
    site.start_simulator(meters=3)
    file = site.folder / "inventory.csv"
    header, first, second, third = file.read_text().splitlines()
    broken = [first, second.replace("tcp://", "tpc:/"), third.replace("is15959-single-phase", "")]
    file.write_text("\n".join([header, *broken]) + "\n")
    answer = site.headend("meters", "import", file)
    assert answer.exit_code == 2, answer
    assert "line 3, address" in answer.stderr
    assert "line 4, model" in answer.stderr
    assert site.headend("meters", "list", "--json").json == []


def test_a_dry_run_changes_nothing(configured):
    site = configured
    site.start_simulator(meters=3)
    answer = site.headend("meters", "import", site.folder / "inventory.csv", "--dry-run", "--json")
    assert (answer.exit_code, answer.json["added"]) == (0, 3)
    assert site.headend("meters", "list", "--json").json == []


def test_an_import_repeated_is_safe(configured):
    site = configured
    site.start_simulator(meters=3)
    site.import_all()
    again = site.headend("meters", "import", site.folder / "inventory.csv", "--json").json
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 3)
    consumer = site.headend("meters", "list", "--json").json[0]["consumer_no"]
    before = site.headend("accounts", "show", consumer, "--json").json["balance_paise"]
    assert site.headend("consumers", "import", site.folder / "consumers.csv").exit_code == 0
    assert site.headend("accounts", "show", consumer, "--json").json["balance_paise"] == before


def test_a_tariff_that_is_not_configured_is_found_at_the_import(configured):
    site = configured
    site.start_simulator(meters=1)
    assert site.headend("meters", "import", site.folder / "inventory.csv").exit_code == 0
    file = site.folder / "consumers.csv"
    file.write_text(file.read_text().replace(",default,", ",cheapest,"))
    answer = site.headend("consumers", "import", file)
    assert answer.exit_code == 2
    assert "cheapest" in answer.stderr
    assert "line 2, tariff" in answer.stderr


def test_a_meter_model_that_is_not_there_is_found_before_a_visit(configured):
    site = configured
    site.start_simulator(meters=2)
    file = site.folder / "inventory.csv"
    good = file.read_text()
    file.write_text(good[::-1].replace("is15959-single-phase"[::-1], "is15959-nine-phase"[::-1], 1)[::-1])
    answer = site.headend("meters", "import", file)
    assert answer.exit_code == 2, answer
    assert "line 3, model" in answer.stderr
    assert "known are account-credit, account-token, generic-dlms" in answer.stderr
    add = ("meters", "add", "SN1", "--address", "tcp://127.0.0.1:9", "--logical-device-name", "SIM1", "--model", "none")
    answer = site.headend(*add)
    assert answer.exit_code == 2, answer
    assert "'none'" in answer.stderr
    assert site.headend("meters", "list", "--json").json == []


def test_a_span_that_ends_before_it_begins_and_a_notice_that_is_not_there_are_told(one_meter):
    site, serial, _ = one_meter
    span = ("--since", "2026-11-24T12:00", "--until", "2026-11-24T10:00")
    answer = site.headend("read", serial, "--profile", "block_load", *span)
    assert answer.exit_code == 2, answer
    assert "--until" in answer.stderr
    answer = site.headend("notices", "delivered", "999")
    assert answer.exit_code == 2, answer
    assert "999" in answer.stderr


def test_unknown_meters_and_consumers_are_named(configured):
    site = configured
    assert site.headend("keys", "init").exit_code == 0
    for command in (("meters", "show", "NONE1"), ("read", "NONE1"), ("relay", "reconnect", "NONE1", "--reason", "x")):
        answer = site.headend(*command)
        assert answer.exit_code == 2, answer
        assert "NONE1" in answer.stderr
    for command in (("accounts", "show", "10000000009"), ("recharge", "10000000009", "100", "--payment-id", "P")):
        answer = site.headend(*command)
        assert answer.exit_code == 2, answer
        assert "10000000009" in answer.stderr


@pytest.mark.parametrize(
    ("consumer", "amount", "says"),
    [
        ("20000000001", "-5", "more than nothing"),
        ("1234", "100", "11 digits"),
        ("1000000000a", "100", "11 digits"),
        ("20000000001", "0", "more than nothing"),
        ("20000000001", "1.005", "1.005"),
        ("20000000001", "many", "many"),
    ],
)
def test_a_recharge_that_makes_no_sense_is_refused(one_meter, consumer, amount, says):
    site, _, own = one_meter
    before = site.headend("accounts", "show", own, "--json").json["ledger"]
    answer = site.headend("recharge", consumer, amount, "--payment-id", "P-1")
    assert answer.exit_code == 2, answer
    assert says in answer.stderr
    assert site.headend("accounts", "show", own, "--json").json["ledger"] == before


def test_a_payment_is_booked_once_and_a_contradiction_is_refused(one_meter):
    site, _, consumer = one_meter
    first = site.headend("recharge", consumer, "100.50", "--payment-id", "P-1", "--json").json
    again = site.headend("recharge", consumer, "100.50", "--payment-id", "P-1", "--json").json
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert again["balance_paise"] == first["balance_paise"]
    other = site.headend("recharge", consumer, "200", "--payment-id", "P-1")
    assert other.exit_code == 4, other
    assert site.headend("accounts", "show", consumer, "--json").json["balance_paise"] == first["balance_paise"]


def test_a_wrong_key_file_names_the_entry_and_never_the_key(configured):
    site = configured
    site.start_simulator(meters=2)
    assert site.headend("keys", "init").exit_code == 0
    assert site.headend("meters", "import", site.folder / "inventory.csv").exit_code == 0
    file = site.folder / "keys.toml"
    secret = next(line for line in file.read_text().splitlines() if line.startswith("ek")).split('"')[1]
    file.write_text(file.read_text().replace(f'ek = "{secret}"', f'ek = "{secret}00"'))
    answer = site.headend("keys", "import", file)
    assert answer.exit_code == 2, answer
    assert "ek" in answer.stderr
    assert secret not in answer.stderr


def test_two_daemons_on_one_database_are_refused(one_meter):
    site, _, _ = one_meter
    daemon = site.start_daemon()
    second = site.headend_process("run")
    assert second.exit_code == 1, second
    assert str(daemon.pid) in second.stderr
    assert daemon.poll() is None


def test_a_port_in_use_is_named_by_the_simulator(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "simulator", "run", "--meters", "1", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1, done
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.embedded
def test_a_database_that_is_no_database_is_named(configured):
    site = configured
    site.database.write_text("this is no database, whatever its name says, and it is long enough to be looked at" * 20)
    answer = site.headend_process("meters", "list")
    assert answer.exit_code == 1, answer
    assert "headend.db" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.embedded
def test_a_full_disk_is_named_and_loses_nothing_that_was_acknowledged(one_meter):
    site, _, consumer = one_meter
    assert site.headend("recharge", consumer, "1", "--payment-id", "P-1").exit_code == 0
    command = [sys.executable, "-m", "headend", "recharge", consumer, "2", "--payment-id", "P-2"]
    full = subprocess.run(
        command,
        env=os.environ | {"HEADEND_CONFIG": str(site.config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        # No file may grow beyond 16 KiB: what a disk without space does to every write.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384)),
    )
    assert full.returncode == 1, full
    assert "headend.db" in full.stderr
    assert "Traceback" not in full.stderr
    assert site.headend("recharge", consumer, "2", "--payment-id", "P-2").exit_code == 0
    booked = {entry["reference"] for entry in site.headend("accounts", "show", consumer, "--json").json["ledger"]}
    assert {"P-1", "P-2"} <= booked
    assert site.headend("db", "check").exit_code == 0
