"""The command line: a command that changes something leaves a row with it, one that looks changes nothing."""

import asyncio
import contextlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from office_house import CONSUMERS, METERS
from sqlite_utils import utils

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))

from site_under_test import Site

from headend.app import open_headend
from headend.cli import cli
from headend.commands.model import NewCommand, Origin, Target
from headend.settings import load_settings

#: The same library as the store has: two of them in one process lose each other's locks.
sqlite3 = vars(utils)["sqlite3"]

EXTRA = """
[[channels]]
kind = "sms"
name = "sms"
url = "http://127.0.0.1:{port}/send"
json = {{ to = "{{to}}", text = "{{text}}", coding = "{{coding}}", reference = "{{reference}}" }}
accepted = ["accepted"]
[retention]
registers = "60d"
"""
ONE, TWO = CONSUMERS["E1"], CONSUMERS["E2"]

#: Start processes or touch no database; `db move` has a database of its own, and its own tests.
ELSEWHERE = {
    *("demo", "run", "web", "workers serve", "workers list", "status", "trace", "events schema", "keys init"),
    *("payments sign", "db move"),
}
LOOKS = {
    "accounts check": (),
    "accounts corrections": (),
    "accounts explain": (ONE,),
    "accounts plans": (ONE,),
    "accounts show": (ONE,),
    "accounts topups": (ONE,),
    "audit export": ("audit.jsonl",),
    "audit list": (),
    "audit verify": (),
    "cim export": ("readings",),
    "cim list": (),
    "cim show": ("none",),
    "commands latency": (),
    "commands list": (),
    "commands show": ("1",),
    "consumers list": (),
    "db backup": ("backup.db",),
    "db check": (),
    "export commands": (),
    "export events": (),
    "export ledger": (),
    "export profile": (),
    "export readings": (),
    "fleet coverage": (),
    "meters list": (),
    "meters show": ("E1",),
    "notices channels": (),
    "notices list": (ONE,),
    "notices queue": (),
    "notices show": ("1",),
    "notices undelivered": (),
    "policy closures": (),
    "policy pending": (),
    "policy protected": (),
    "policy replay": ("policy.toml",),
    "policy show": (),
    "rounds given-up": (),
    "rounds list": (),
    "schedules list": (),
    "schedules show": ("poll",),
    "users list": (),
    "work list": (),
}
#: Beside what they look at, these note that it was looked at.
NOTED = {"policy proposals"}

#: Command, arguments, and the deed as the audit has it: action, subject, office.
EAST = METERS["E1"]
CHANGES = [
    ("users add", ("chief", "--role", "administrator"), ("add user", "chief", "")),
    ("users add", ("officer-1", "--role", "operator", "--office", EAST), ("add user", "officer-1", EAST)),
    ("users link", ("officer-1",), ("new link", "officer-1", "")),
    ("users disable", ("officer-1",), ("disable user", "officer-1", "")),
    ("meters import", ("meters.csv",), ("import meters", "meters.csv", "")),
    ("consumers import", ("consumers.csv",), ("import consumers", "consumers.csv", "")),
    ("keys import", ("keys.toml",), ("import keys", "keys.toml", "")),
    (
        "meters add",
        ("N1", "--address", "tcp://127.0.0.1:1", "--logical-device-name", "LDNN1", "--office", EAST),
        ("add meter", "N1", EAST),
    ),
    ("policy mode", ("automatic", "--office", EAST), ("propose mode", EAST, EAST)),
    ("policy confirm", ("1",), ("confirm mode", "1", EAST)),
    ("policy arm", (), ("arm", "house", "")),
    ("policy disarm", (), ("disarm", "house", "")),
    ("policy kill", (), ("kill switch on", "house", "")),
    ("policy unkill", (), ("kill switch off", "house", "")),
    ("recharge", (ONE, "500", "--payment-id", "P-1"), ("recharge", ONE, EAST)),
    ("accounts book", (ONE, "arrears", "900", "--reference", "A-1", "--reason", "x"), ("book arrears", ONE, EAST)),
    ("accounts propose-correction", (ONE, "5", "--reason", "x"), ("propose correction", ONE, EAST)),
    ("accounts approve", ("1",), ("approve correction", "1", EAST)),
    ("accounts propose-correction", (ONE, "6", "--reason", "x"), ("propose correction", ONE, EAST)),
    ("accounts reject", ("2",), ("reject correction", "2", EAST)),
    (
        "accounts plan",
        (ONE, "300", "--instalments", "3", "--first", f"{datetime.now(UTC) + timedelta(40):%Y-%m-%d}", "--reason", "x"),
        ("plan instalments", ONE, EAST),
    ),
    ("accounts judge", (), ("judge accounts", "", "")),
    ("consumers set-email", (ONE, "a@example.org"), ("set e-mail", ONE, EAST)),
    ("consumers change-number", (ONE, "9876543210"), ("ask for change of number", ONE, EAST)),
    ("consumers confirm-number", (ONE, "CODE"), ("change number", ONE, EAST)),
    ("relay reconnect", ("E1", "--reason", "x", "--timeout", "1"), ("reconnect", "E1", EAST)),
    ("relay disconnect", ("E2", "--reason", "x", "--emergency"), ("disconnect", "E2", METERS["E2"])),
    ("commands cancel", ("2", "--reason", "x"), ("cancel command", "2", METERS["E2"])),
    ("relay status", ("E1",), ("read now", "E1", EAST)),
    ("read", ("E1",), ("read now", "E1", EAST)),
    ("policy approve", ("--digest", "DIGEST"), ("approve cuts", "DIGEST", METERS["W1"])),
    ("commands release", ("RELEASE",), ("release command", "RELEASE", METERS["E2"])),
    ("schedules suspend", ("poll",), ("suspend schedule", "poll", "")),
    ("schedules resume", ("poll",), ("resume schedule", "poll", "")),
    ("rounds pause", ("1",), ("let a round be paused", "1", "")),
    ("rounds resume", ("1",), ("let a round be running", "1", "")),
    ("rounds cancel", ("1",), ("let a round be cancelled", "1", "")),
    ("rounds requeue", ("E1",), ("requeue", "E1", "")),
    ("work close", ("1", "--note", "x"), ("close work", "1", EAST)),
    ("notices delivered", ("1",), ("confirm notice", "1", EAST)),
    ("notices retry", ("MESSAGE",), ("retry message", "MESSAGE", EAST)),
    ("accounts settle-topup", ("1", "--applied", "--reason", "x"), ("settle top-up", "1", EAST)),
    ("db retention", (), ("remove old readings", "", "")),
    ("keys rewrap", ("--old", "headend.kek", "--new", "new.kek"), ("rewrap keys", "", "")),
    ("db restore", ("backup.db",), ("restore", "backup.db", "")),
]
#: A meter that answers and another system that signs are not at hand.
OTHERS = {"meters discover", "cim handle", "payments handle"}


def leaves(command=cli, path=()):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from leaves(command.get_command(context, name), (*path, name))
    else:
        yield " ".join(path)


class House(Site):
    """A head-end of three meters that nobody answers for, and a gateway for text messages."""

    def __init__(self, folder, port):
        super().__init__(folder)
        self.port = port
        self.configure(mode="propose", every="1d", extra=EXTRA.format(port=port))
        self.config.write_text(self.config.read_text().replace("[policy]", "[policy]\napprove_alone = 9"))
        self.write_fleet()
        assert self.headend("keys", "init").exit_code == 0

    def write_fleet(self):
        head = (
            "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone"
        )
        lines = [
            f"{serial},LDN{serial},,is15959-single-phase,tcp://127.0.0.1:1,1,,{office},,default,Asia/Kolkata"
            for serial, office in METERS.items()
        ]
        (self.folder / "meters.csv").write_text("\n".join([head, *lines]) + "\n")
        head = "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance"
        lines = [
            f"{number},Consumer {serial},hi,9{number[1:10]},domestic,{METERS[serial]},default,,ledger,{serial},-9.00"
            for serial, number in CONSUMERS.items()
        ]
        (self.folder / "consumers.csv").write_text("\n".join([head, *lines]) + "\n")
        keys = [
            f'[[keys]]\nmeter = "{serial}"\nrole = "setting"\nek = "{"0" * 32}"\nak = "{"1" * 32}"\n'
            for serial in METERS
        ]
        (self.folder / "keys.toml").write_text("\n".join(keys))

    def run(self, name, arguments, user="clerk"):
        known = {each.name for each in self.folder.iterdir()} | {"audit.jsonl", "backup.db", "new.kek"}
        paths = [str(self.folder / each) if each in known else each for each in arguments]
        return self.headend(*name.split(), *paths, LOGNAME=user)

    def sql(self, statement, *values):
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            return connection.execute(statement, values).fetchall()

    def rows(self):
        return self.sql("SELECT by, via, action, subject, office FROM audit ORDER BY number")

    def everything(self):
        """All that the database holds."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables}

    def waiting_cut(self, serial):
        """A cut of the policy that waits for an officer; its number."""

        assert self.run("policy arm", ()).exit_code == 0

        async def ask():
            async with open_headend(load_settings(str(self.config))) as headend:
                at = headend.clock.now()
                found = await headend.store.journal.request(
                    NewCommand(
                        meter=serial,
                        target=Target.DISCONNECTED,
                        cause=f"policy:{serial}:{at}",
                        origin=Origin.POLICY,
                        reason="balance_negative",
                        requested_by="policy",
                        requested_at=at,
                        expires_at=at + timedelta(hours=4),
                        balance=-900,
                        balance_at=at,
                    )
                )
                return found.id

        return asyncio.run(ask())

    def prepare(self, name):
        """What a command needs to find, and what stands for it in the arguments."""
        at = int(datetime.now(UTC).timestamp() * 1e6)
        match name:
            case "consumers confirm-number":
                sent = subprocess.run(
                    ["curl", "-s", f"http://127.0.0.1:{self.port}/messages"], capture_output=True, check=True
                )
                text = json.loads(sent.stdout)["messages"][-1]["text"]
                return {"CODE": next(word.strip(".,") for word in text.split() if word.strip(".,").isdecimal())}
            case "policy approve":
                self.waiting_cut("W1")
                office = METERS["W1"]
                return {"DIGEST": self.run("policy proposals", ("--office", office, "--json")).json["digest"]}
            case "commands release":
                return {"RELEASE": str(self.waiting_cut("E2"))}
            case "rounds pause":
                self.sql(
                    "INSERT INTO rounds (schedule, slot, shard, state, size, left_over, done, given_up, started_at,"
                    " changed_at, changed_by) VALUES ('poll', ?, '', 'running', 3, 3, 0, 0, ?, ?, 'test')",
                    at,
                    at,
                    at,
                )
            case "work close":
                self.sql(
                    "INSERT INTO work_items (kind, office, meter, opened_at, tried) VALUES ('tamper', ?, 1, ?, '[]')",
                    EAST,
                    at,
                )
            case "notices retry":
                self.sql("UPDATE deliveries SET state = 'failed', next_try = NULL WHERE id = 1")
                return {"MESSAGE": "1"}
            case "accounts settle-topup":
                self.sql(
                    "INSERT INTO topups (account, meter, entry, amount, marker, state, requested_at, changed_at)"
                    " SELECT 1, 1, min(id), 100, 1, 'quarantined', ?, ? FROM ledger WHERE account = 1",
                    at,
                    at,
                )
        return {}


@pytest.fixture
def house(tmp_path):
    command = [sys.executable, "-m", "simulator", "sms-gateway", "--port", "0", "--receipt-after", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            yield House(tmp_path, json.loads(gateway.stdout.readline())["port"])
        finally:
            gateway.terminate()


def test_every_command_is_known_here():
    named = {name for name, _, _ in CHANGES} | set(LOOKS) | ELSEWHERE | NOTED | OTHERS
    assert sorted(set(leaves()) - named) == []


def test_every_command_that_changes_something_leaves_its_row_and_one_that_looks_changes_nothing(house):
    for step, (name, arguments, deed) in enumerate(CHANGES):
        given = house.prepare(name)
        user = "second" if name in ("policy confirm", "accounts approve", "commands release") else "clerk"
        before = house.rows() if house.database.exists() else []
        answer = house.run(name, [given.get(each, each) for each in arguments], user)
        if step == 0:
            house.sql("UPDATE officers SET password = 'set elsewhere'")
        # What is put in the place of the database has an audit of its own, older one.
        added = house.rows()[-1:] if name == "db restore" else house.rows()[len(before) :]
        wanted = (user, "cli", *(given.get(each, each) for each in deed))
        assert added == [wanted], (step, name, added, answer)
        if name == "accounts plan":
            look_at_everything(house)
    assert house.run("audit verify", ()).exit_code == 0
    assert house.run("db check", ()).exit_code == 0


def look_at_everything(house):
    for name, arguments in LOOKS.items():
        before = house.everything()
        answer = house.run(name, arguments)
        assert "defect" not in answer.stderr, (name, answer)
        assert answer.exit_code in (0, 2), (name, answer)
        assert house.everything() == before, name
    for name in ("meters", "consumers"):
        before = house.everything()
        assert house.run(f"{name} import", (f"{name}.csv", "--dry-run")).exit_code == 0
        assert house.everything() == before, name
    before = house.rows()
    assert house.run("policy proposals", ()).exit_code == 0
    assert house.rows() == before


def test_a_change_that_is_refused_leaves_no_row(house):
    assert house.run("meters import", ("meters.csv",)).exit_code == 0
    before = house.rows()
    for name, arguments in (
        ("recharge", ("99999999999", "500", "--payment-id", "P-1")),
        ("commands cancel", ("77", "--reason", "x")),
        ("users link", ("nobody",)),
        ("work close", ("77", "--note", "x")),
    ):
        assert house.run(name, arguments).exit_code != 0
    assert house.rows() == before
